"""An optimiser is promoted where probabilities are worth their costs, and not where they say nothing."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from finq_predictor.adapters.typed_json import from_json, to_json
from finq_predictor.domain.errors import ConfigurationError, DataError, UnknownNameError
from finq_predictor.domain.evaluation.backtest import make_price_grid, prediction_matrix, run_backtest
from finq_predictor.domain.evaluation.positions import QUANTILE
from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.portfolio import judging
from finq_predictor.domain.portfolio.judging import (
    PortfolioVerdict,
    RuleResult,
    judge_portfolios,
    rebalance_rows,
    weigh_newest,
)
from finq_predictor.domain.portfolio.optimisers import EQUAL, OPTIMISERS
from finq_predictor.domain.portfolio.rules import PortfolioRules
from synthetic_evaluation import make_bars

skfolio = pytest.importorskip("skfolio", reason="skfolio is not there; `make setup` installs it")
EQUITY, HORIZON, DAYS, NAMES = get_market("equity"), 5, 420, 16
LIMITS = PortfolioRules(every=20, lookback=101, held=8, max_weight=0.25, max_sector=0.6, max_turnover=1.0)
COSTS = BacktestRules(cost_bp=2.0, slippage_bp=0.5)


def world(skill: float) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Bars in which some drift up for weeks, probabilities that know it as well as ``skill`` says, and an index."""
    rng = np.random.default_rng(8)
    drift = np.repeat(rng.choice([-0.004, 0.004], size=(DAYS // 20, NAMES)), 20, axis=0)
    bars = make_bars(DAYS, NAMES, rng, drift)
    bars = bars.assign(sector=np.where(bars["instrument"].str[-1].astype(int) % 2, "odd", "even"))
    told = 0.5 + 0.2 * skill * np.sign(drift).ravel() + 0.02 * rng.standard_normal(len(bars))
    said = bars[["ts", "instrument"]].assign(model="m", probability=told.clip(0.01, 0.99))
    level = bars.groupby("ts")["close"].mean().reset_index()
    return bars, said[said["ts"] >= bars["ts"].unique()[80]], level


def judged(skill: float) -> PortfolioVerdict:
    bars, said, level = world(skill)
    grid = make_price_grid(bars, COSTS, EQUITY, level)
    quantile = run_backtest(said, grid, EQUITY, HORIZON, COSTS, QUANTILE).set_index("ts")["net_return"]
    return judge_portfolios(said, bars, EQUITY, HORIZON, COSTS, LIMITS, quantile, level)


@pytest.fixture(scope="module")
def useful():
    return judged(1.0)


def test_what_is_worth_its_costs_is_promoted(useful):
    assert useful.promoted, useful.reason
    assert useful.in_use == useful.rule != EQUAL
    assert [one.rule for one in useful.results] == list(OPTIMISERS)
    best = next(one for one in useful.results if one.rule == useful.rule)
    assert best.sharpe == max(one.sharpe for one in useful.results if one.rule != EQUAL)
    assert best.p_equal < 0.05 / 3
    assert all(one.failed == 0 for one in useful.results)
    assert useful.figures[f"{useful.rule}.sharpe"] == best.sharpe
    again = from_json(PortfolioVerdict, to_json(useful), "memory", "")
    assert again == useful
    assert json.loads(to_json(useful))["limits"]["held"] == 8


def test_what_says_nothing_is_not():
    verdict = judged(0.0)
    assert not verdict.promoted
    assert verdict.in_use == EQUAL
    assert "not better by more than luck" in verdict.reason


@pytest.mark.parametrize(
    ("p_value", "earned", "promoted"), [(0.01, 0.1, True), (0.03, 0.1, False), (0.01, -0.1, False), (0.3, 0.1, False)]
)
def test_the_best_of_three_is_held_to_a_third_of_the_level_and_to_a_profit(p_value, earned, promoted):
    equal = RuleResult(EQUAL, 0.05, 0.5, 0.1, 0.1, None, None, None, 0)
    best = RuleResult("mean_variance", earned, 1.5, 0.1, 0.1, 2.0, p_value, 1.0, 0)
    others = tuple(replace(best, rule=rule, sharpe=1.0, p_equal=0.5) for rule in ("mean_cvar", "other"))
    verdict = judging._verdict("m", (equal, best, *others), 400, 20, LIMITS)
    assert verdict.rule == "mean_variance"
    assert verdict.promoted == promoted
    assert ("not better by more than luck" in verdict.reason) != promoted
    alone = judging._verdict("m", (equal, best), 400, 20, LIMITS)
    assert alone.promoted == (earned > 0.0 and p_value < 0.05)
    assert not judging._verdict("m", (equal,), 10, 2, LIMITS).promoted


def test_weights_of_a_rebalance_know_no_bar_to_come():
    bars, said, _ = world(1.0)
    grid = make_price_grid(bars, COSTS, EQUITY)
    probability = prediction_matrix(said, grid)
    moments = rebalance_rows(probability, LIMITS)
    assert moments[0] == 100
    assert (np.diff(moments) == 20).all()
    cut = int(moments[3])
    rng = np.random.default_rng(1)
    later = bars["ts"] > grid.ts[cut]
    other = bars.assign(close=bars["close"].where(~later, bars["close"] * np.exp(rng.normal(0, 0.3, len(bars)))))
    other["adj_close"] = other["close"]
    changed = make_price_grid(other, COSTS, EQUITY)
    for rule in OPTIMISERS:
        decided, _ = judging._walk(rule, probability, grid, None, moments, HORIZON, LIMITS)
        again, _ = judging._walk(rule, probability, changed, None, moments, HORIZON, LIMITS)
        np.testing.assert_array_equal(decided[: moments[4]], again[: moments[4]])
        assert decided[: moments[0]].sum() == 0.0
        if rule != EQUAL:
            traded = np.abs(np.diff(decided[moments], axis=0)).sum(axis=1)
            assert traded.max() <= LIMITS.max_turnover + 1e-9


def test_the_newest_predictions_are_weighed_by_the_rule_in_use(useful):
    bars, said, _ = world(1.0)
    newest = said[said["ts"] == said["ts"].max()].assign(decision="predict")
    newest.loc[newest["instrument"] == "S000", "decision"] = "abstain"
    weights = weigh_newest(newest, bars, EQUITY, HORIZON, useful)
    assert "S000" not in set(weights["instrument"])
    assert weights["weight"].sum() == pytest.approx(1.0, abs=1e-4)
    assert weights["weight"].max() <= LIMITS.max_weight + 1e-9
    assert weights["weight"].is_monotonic_decreasing
    alike = weigh_newest(newest, bars, EQUITY, HORIZON, replace(useful, promoted=False))
    assert alike["weight"].tolist() == pytest.approx([1.0 / 15] * 15)
    moved = weigh_newest(newest, bars, EQUITY, HORIZON, useful, pd.Series({"S001": 0.9}))
    shares = moved.set_index("instrument")["weight"]
    target = weights.set_index("instrument")["weight"]
    both = pd.concat([shares, pd.Series({"S001": 0.9}), target], axis=1).fillna(0.0)
    assert (both.iloc[:, 0] - both.iloc[:, 1]).abs().sum() == pytest.approx(LIMITS.max_turnover, abs=1e-3)
    assert (both.iloc[:, 2] - both.iloc[:, 1]).abs().sum() > LIMITS.max_turnover
    with pytest.raises(UnknownNameError, match="S00x"):
        weigh_newest(newest, bars, EQUITY, HORIZON, useful, pd.Series({"S00x": 0.9}))
    with pytest.raises(DataError, match="lookback"):
        weigh_newest(newest, bars[bars["ts"] > bars["ts"].unique()[-50]], EQUITY, HORIZON, useful)
    with pytest.raises(DataError, match="no prediction"):
        weigh_newest(newest.iloc[:0], bars, EQUITY, HORIZON, useful)


def test_too_short_a_history_and_no_prediction_are_said():
    bars, said, level = world(1.0)
    nothing = pd.Series(dtype=float)
    short = judge_portfolios(
        said[said["ts"] <= bars["ts"].unique()[85]], bars, EQUITY, 5, COSTS, LIMITS, nothing, level
    )
    assert short.reason == "too few bars to rebalance twice"
    with pytest.raises(DataError, match="no prediction"):
        judge_portfolios(said.iloc[:0], bars, EQUITY, 5, COSTS, LIMITS, nothing, level)


def test_without_skfolio_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skfolio", None)
    with pytest.raises(ConfigurationError, match="portfolio"):
        judged(1.0)
