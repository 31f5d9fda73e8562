"""Whoever looks every day is deceived no more often than was agreed, and still finds what is there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.errors import DataError
from finq_predictor.domain.evaluation.always_valid import bet_on

WORLDS = 400


def overlapping(chance, bars, horizon, drift=0.0):
    """Differences that share outcomes with the next ones, as labels over several bars do."""
    noise = chance.normal(scale=0.05, size=bars + horizon - 1)
    return np.clip(np.convolve(noise, np.ones(horizon) / horizon, "valid") + drift, -1.0, 1.0)


@pytest.mark.parametrize("horizon", [1, 5])
def test_noise_that_is_looked_at_every_day_is_taken_for_skill_at_most_as_often_as_agreed(horizon):
    chance = np.random.default_rng(7)
    evidence = [bet_on(overlapping(chance, 500, horizon), horizon) for _ in range(WORLDS)]
    found = sum(one.decided_at is not None for one in evidence)
    # 5 % of 400 are 20; three standard deviations above that are 33.
    assert found <= 33


def test_a_test_that_is_right_once_is_deceived_by_looking_often():
    """What the bettor is for: Student's test on the same worlds, looked at each day, finds skill in many of them."""
    chance = np.random.default_rng(7)
    deceived = 0
    for _ in range(WORLDS):
        values = overlapping(chance, 500, 1)
        counts = np.arange(1, 501)
        means = np.cumsum(values) / counts
        spread = np.sqrt(np.maximum(np.cumsum(values**2) / counts - means**2, 1e-12) / counts)
        deceived += bool((means[20:] / spread[20:] > 1.645).any())
    assert deceived > 0.2 * WORLDS


@pytest.mark.parametrize("horizon", [1, 5])
def test_what_is_there_is_found_and_sooner_where_there_is_more(horizon):
    chance = np.random.default_rng(11)
    when = {}
    for drift in (0.02, 0.04):
        evidence = [bet_on(overlapping(chance, 2000, horizon, drift), horizon) for _ in range(40)]
        assert all(one.decided_at is not None for one in evidence)
        when[drift] = np.median([one.decided_at for one in evidence])
    assert when[0.04] < when[0.02]


def test_the_wealth_is_that_of_the_bets_written_out():
    # First nothing is known and nothing is bet; then the sum over the squares and a quarter, but never above a half.
    second = 0.05 / (0.05**2 + 0.25)
    assert 0.15 / (0.05**2 + 0.1**2 + 0.25) > 0.5
    evidence = bet_on([0.05, 0.1, -0.3], 1)
    assert evidence.wealth == pytest.approx((1 + second * 0.1) * (1 + 0.5 * -0.3), rel=1e-12)
    assert evidence.highest == pytest.approx(1 + second * 0.1, rel=1e-12)
    assert evidence.p_value == pytest.approx(1 / (1 + second * 0.1), rel=1e-12)
    # Of two bettors each saw every other bar, and nobody bets on what he sees first.
    both = bet_on([0.05, 0.2, 0.1, -0.3], 2)
    other = 1 + 0.5 * -0.3
    assert 0.2 / (0.2**2 + 0.25) > 0.5
    assert both.wealth == pytest.approx(((1 + second * 0.1) + other) / 2, rel=1e-12)


values = st.lists(st.floats(-1, 1) | st.just(float("nan")), max_size=40)


@settings(max_examples=80, deadline=None)
@given(values, values, st.integers(1, 4))
def test_what_comes_later_changes_no_evidence_that_was_there(before, after, horizon):
    first, whole = bet_on(before, horizon), bet_on([*before, *after], horizon)
    assert whole.highest >= first.highest - 1e-12
    if first.decided_at is not None:
        assert whole.decided_at == first.decided_at
    assert 0.0 < whole.p_value <= 1.0
    assert whole.wealth > 0.0
    assert whole.bars == int(np.isfinite([*before, *after]).sum())


def test_what_is_no_difference_is_refused():
    with pytest.raises(DataError, match=r"1\.5 was given; expected values from -1 to 1"):
        bet_on([0.1, -1.5], 1)
    with pytest.raises(DataError, match="horizon is 0 bars"):
        bet_on([0.1], 0)
    assert bet_on([], 5).p_value == 1.0
