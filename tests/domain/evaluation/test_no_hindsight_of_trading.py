"""Who trades on paper knows no bar that has not closed: not its price, its volume, its quote, nor a later opinion."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.evaluation.backtest import make_price_grid, run_backtest
from finq_predictor.domain.evaluation.positions import STRATEGIES, Outlook
from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.market.markets import MARKETS, Market
from synthetic_silver import random_tables

RULES = BacktestRules(
    min_instruments=3, max_weight=0.5, move_bars=30, edge_over_cost=0.05, borrow_bp=50.0, impact=1.0, capital=1e7
)
CUTS = (120, 200, 280)
NOISY = (
    ("open", "high", "low", "close"),
    ("bid_open", "bid_high", "bid_low", "bid_close"),
    ("ask_open", "ask_high", "ask_low", "ask_close"),
)

Given = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame | None]


@pytest.fixture(scope="module", params=sorted(MARKETS))
def market(request: pytest.FixtureRequest) -> Market:
    return MARKETS[request.param]


@pytest.fixture(scope="module")
def given(market: Market) -> Given:
    """Bars with holes, an opinion about each, and the benchmark; at the cuts it is missing, and so are some bars."""
    tables = random_tables(market, length=320)
    bars, benchmark = tables["bars"], tables["benchmark"]
    cuts = bars["ts"].drop_duplicates().sort_values().iloc[list(CUTS)]
    bars = bars[~(bars["ts"].isin(cuts) & (bars["instrument"].factorize()[0] % 2 == 1))].reset_index(drop=True)
    if benchmark is not None:
        benchmark = benchmark[~benchmark["ts"].isin(benchmark["ts"].iloc[list(CUTS)])].reset_index(drop=True)
    said = bars[["ts", "instrument"]].assign(probability=np.random.default_rng(4).uniform(0.2, 0.8, len(bars)))
    return bars, said, benchmark


@pytest.fixture(scope="module")
def times(given: Given) -> pd.Series:
    return given[0]["ts"].drop_duplicates().sort_values(ignore_index=True)


def trade(given: Given, market: Market, strategy: str, execution: str = "close") -> pd.DataFrame:
    bars, said, benchmark = given
    rules = RULES if execution == "close" else BacktestRules(**{**RULES.__dict__, "execution": execution})
    grid = make_price_grid(bars, rules, market, benchmark)
    return run_backtest(said, grid, market, market.horizon, rules, strategy)


def noisy(given: Given, after: pd.Timestamp) -> Given:
    rng = np.random.default_rng(0)
    bars, said, benchmark = (None if table is None else table.copy() for table in given)
    later = bars["ts"] > after
    factor = np.where(later, np.exp(rng.normal(0.0, 0.5, len(bars))), 1.0)
    for name in (*(name for side in NOISY for name in side), "adj_close"):
        if name in bars:
            bars[name] = bars[name] * factor
    bars["volume"] = bars["volume"].mask(later, 1e3 * bars["volume"] * factor)
    said["probability"] = said["probability"].mask(said["ts"] > after, rng.random(len(said)))
    if benchmark is not None:
        benchmark["close"] *= np.where(benchmark["ts"] > after, np.exp(rng.normal(0.0, 0.5, len(benchmark))), 1.0)
    return bars, said, benchmark


def before(daily: pd.DataFrame, ts: pd.Timestamp) -> pd.DataFrame:
    """Days that were over when a bar closed; the last hours of a Sunday belong to Monday."""
    return daily[daily["ts"] < ts.floor("D")].reset_index(drop=True)


@pytest.mark.parametrize("strategy", list(STRATEGIES))
@pytest.mark.parametrize("execution", ["close", "open"])
def test_noise_that_comes_later_changes_no_day_that_was_over(given, times, market, strategy, execution):
    whole = trade(given, market, strategy, execution)
    assert whole["turnover"].gt(0.0).mean() > 0.1, "it trades"
    for cut in CUTS:
        # A day of an equity is over at its close.
        ts = times[cut] + (pd.Timedelta(days=1) if market.bar_minutes == 1440 else pd.Timedelta(0))
        again = trade(noisy(given, times[cut]), market, strategy, execution)
        pd.testing.assert_frame_equal(before(whole, ts), before(again, ts), check_exact=True)
        assert len(before(whole, ts)) > 2
        assert not whole.equals(again)


@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_what_is_wanted_at_a_bar_is_decided_by_the_bars_up_to_it(strategy):
    rng = np.random.default_rng(1)
    probability, returns = rng.uniform(0.2, 0.8, (200, 6)), 0.01 * rng.standard_normal((200, 6))
    probability[rng.random(probability.shape) < 0.1] = np.nan
    # So dear that the size of a move decides, and not only the side of the probability.
    cost = np.full(probability.shape, 0.02)
    wanted = STRATEGIES[strategy](Outlook(probability, returns, cost), RULES)
    for cut in (40, 100, 150):
        other = [
            np.where(np.arange(200)[:, None] > cut, 50.0 * noise, values)
            for noise, values in (
                (rng.random((200, 6)) / 50.0, probability),
                (rng.standard_normal((200, 6)), returns),
                (cost, cost),
            )
        ]
        np.testing.assert_array_equal(STRATEGIES[strategy](Outlook(*other), RULES)[: cut + 1], wanted[: cut + 1])
        assert wanted[: cut + 1].any()


def test_what_a_trade_moves_its_price_by_is_known_before_it(given, times, market):
    """By the volume of the bars before: that of the bar itself is only known when it has closed."""
    bars = given[0]
    grid = make_price_grid(bars, RULES, market, given[2])
    for cut in CUTS:
        other = bars.assign(volume=bars["volume"].mask(bars["ts"] >= times[cut], 1e3))
        changed = make_price_grid(other, RULES, market, given[2])
        np.testing.assert_array_equal(grid.impact[: cut + 1], changed.impact[: cut + 1])
        assert (grid.impact[cut] > 0.0).any()
        assert not np.array_equal(grid.impact[cut + 1 :], changed.impact[cut + 1 :])
