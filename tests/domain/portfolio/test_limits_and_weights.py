"""Weights stay within limits whatever is wanted, and are made of what was known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.errors import ConfigurationError, DataError
from finq_predictor.domain.portfolio.expectations import MEAN_MOVE, expected_returns
from finq_predictor.domain.portfolio.limits import step_towards, within_limits
from finq_predictor.domain.portfolio.optimisers import EQUAL, OPTIMISERS, Problem
from finq_predictor.domain.portfolio.rules import PortfolioRules
from finq_predictor.domain.portfolio.weighing import weigh

skfolio = pytest.importorskip("skfolio", reason="skfolio is not there; `make setup` installs it")
RULES = PortfolioRules(max_weight=0.15, max_sector=0.4, held=12, lookback=120)


def past(n: int = 20, length: int = 120, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 0.008 * rng.standard_normal((length, 1)) + rng.uniform(0.005, 0.02, n) * rng.standard_normal((length, n))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0.0, 1.0), min_size=2, max_size=30),
    st.floats(0.02, 1.0),
    st.floats(0.05, 1.0),
    st.integers(1, 5),
)
def test_limits_hold_whatever_is_wanted(wanted, name, sector, groups):
    weights = np.array(wanted)
    weights = weights / weights.sum() if weights.sum() > 0.0 else weights
    rules = PortfolioRules(max_weight=name, max_sector=sector)
    sectors = [f"sector {place % groups}" for place in range(len(weights))]
    found = within_limits(weights, sectors, rules)
    assert (found >= 0.0).all()
    assert found.max(initial=0.0) <= name + 1e-9
    held = [found[place::groups].sum() for place in range(groups)]
    assert max(held) <= sector + 1e-9
    assert found.sum() <= 1.0 + 1e-9
    room = sum(min(sector, name * len(weights[place::groups])) for place in range(groups))
    if weights.sum() > 0.0:
        assert found.sum() == pytest.approx(min(1.0, room), abs=1e-4), "all that can be placed is placed"


def test_what_is_within_limits_is_left_alone():
    weights = np.array([0.1, 0.1, 0.1, 0.7])
    np.testing.assert_array_equal(within_limits(weights, None, PortfolioRules(max_weight=0.7)), weights)


def test_a_step_trades_no_more_than_it_may():
    before, wanted = np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.5, 0.5])
    step = step_towards(wanted, before, 0.4)
    assert np.abs(step - before).sum() == pytest.approx(0.4)
    assert step.tolist() == pytest.approx([0.3, 0.5, 0.2])
    assert step_towards(wanted, before, 2.0).tolist() == wanted.tolist()
    assert step_towards(before, before, 0.1).tolist() == before.tolist()


def test_expectations_are_the_chance_times_the_move():
    """Of a normal move that is told right with probability p, the mean is (2 p - 1) times its mean distance."""
    rng = np.random.default_rng(0)
    moves = np.abs(0.02 * rng.standard_normal(400_000)) * np.where(rng.random(400_000) < 0.6, 1.0, -1.0)
    told = expected_returns(np.array([0.6, 0.5, 0.4]), np.full(3, 0.02 / 5**0.5), 5)
    assert told[0] == pytest.approx(moves.mean(), rel=0.02)
    assert told[1] == 0.0
    assert told[2] == pytest.approx(-told[0])
    assert pytest.approx(0.79788, abs=1e-5) == MEAN_MOVE


@pytest.mark.parametrize("method", OPTIMISERS)
def test_every_rule_gives_a_whole_portfolio(method):
    problem = Problem(past(), np.linspace(-0.01, 0.02, 20), 5, RULES)
    weights = OPTIMISERS[method](problem)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0.0).all()


def test_the_optimum_of_two_is_that_of_the_formula():
    """Without limits that bind: w = (mu1 - mu2 + a (s2 s2 - s12)) / (a (s1 s1 + s2 s2 - 2 s12))."""
    from skfolio.moments import LedoitWolf

    returns, expected = past(2, 250, seed=5), np.array([0.0012, 0.0010])
    rules = PortfolioRules(max_weight=1.0, risk_aversion=6.0)
    cov = LedoitWolf().fit(returns).covariance_
    aversion = 6.0 * 5
    gap = cov[0, 0] + cov[1, 1] - 2.0 * cov[0, 1]
    best = (expected[0] - expected[1] + aversion * (cov[1, 1] - cov[0, 1])) / (aversion * gap)
    assert 0.0 < best < 1.0
    found = OPTIMISERS["mean_variance"](Problem(returns, expected, 5, rules))
    assert found[0] == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize("method", OPTIMISERS)
def test_who_is_weighed_and_within_which_limits(method):
    returns, probability = past(), np.linspace(0.3, 0.7, 20)
    traded = np.ones(returns.shape, dtype=bool)
    probability[3], traded[:30, 7], traded[-1, 9] = np.nan, False, False
    sectors = ["A", "B", "C", "D"] * 5
    weights = weigh(method, probability, returns, traded, sectors, 5, RULES)
    assert weights[[3, 7, 9]].tolist() == [0.0, 0.0, 0.0], "nothing said, rarely traded, not traded now"
    if method == EQUAL:
        assert weights[weights > 0.0].tolist() == pytest.approx([1.0 / 17] * 17)
        return
    assert weights.max() <= RULES.max_weight + 1e-9
    assert max(weights[place::4].sum() for place in range(4)) <= RULES.max_sector + 1e-9
    assert (weights > 1e-6).sum() <= RULES.held
    assert weights[np.argsort(-np.nan_to_num(probability))][:12].sum() == pytest.approx(weights.sum(), abs=0.35)


def test_fewer_than_two_are_no_portfolio():
    returns = past(3)
    said = np.array([0.6, np.nan, np.nan])
    assert not weigh(EQUAL, said, returns, np.ones(returns.shape, dtype=bool), None, 5, RULES).any()


def test_a_rule_that_finds_nothing_says_so():
    broken = Problem(np.full((50, 3), np.nan), np.zeros(3), 5, RULES)
    with pytest.raises(DataError, match="found no weights for 3 instruments"):
        OPTIMISERS["mean_variance"](broken)


def test_limits_that_cannot_be_kept_are_refused():
    for wrong in ({"max_weight": 0.0}, {"every": 0}, {"risk_aversion": 0.0}, {"tail": 1.0}, {"max_turnover": -1.0}):
        with pytest.raises(ConfigurationError, match=next(iter(wrong))):
            PortfolioRules(**wrong)
