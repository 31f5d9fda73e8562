"""The paper book earns what the backtest earns, its parts add up to it, and it knows nothing that comes later."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.evaluation.backtest import make_price_grid, run_backtest
from finq_predictor.domain.evaluation.paper_book import (
    HEDGE,
    REST,
    SHOWN,
    TradingTerms,
    book_readings,
    keep_book,
)
from finq_predictor.domain.evaluation.positions import EDGE, QUANTILE, THRESHOLD
from finq_predictor.domain.evaluation.signal_record import Dimension, Figure, Reading
from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.evaluation.windows import WINDOWS
from finq_predictor.domain.market.markets import MARKETS, Market
from synthetic_silver import random_tables

RULES = BacktestRules(min_instruments=3, move_bars=30, edge_over_cost=0.05, borrow_bp=50.0, impact=1.0, capital=1e6)
CAPITAL = 1e6


@pytest.fixture(scope="module", params=sorted(MARKETS))
def market(request: pytest.FixtureRequest) -> Market:
    return MARKETS[request.param]


@pytest.fixture(scope="module")
def world(market: Market) -> dict:
    tables = random_tables(market, length=700)
    return {
        "bars": tables["bars"],
        "benchmark": tables["benchmark"],
        "said": statements(tables["bars"]),
    }


def statements(bars: pd.DataFrame, seed: int = 4) -> pd.DataFrame:
    """An opinion about every bar, of which one in ten is not to be acted upon; nobody knows any outcome yet."""
    rng = np.random.default_rng(seed)
    keys = bars[["ts", "instrument"]]
    return keys.assign(
        probability=rng.uniform(0.2, 0.8, len(keys)),
        decision=np.where(rng.uniform(size=len(keys)) < 0.1, "abstain", "predict"),
        newest_ts=keys["ts"],
        forward_return=np.nan,
        label=np.nan,
        known_at=pd.Series(pd.NaT, index=keys.index, dtype=keys["ts"].dtype),
    )


def book_of(world: dict, market: Market, strategy: str = "", **changes):
    given = {**world, **changes}
    terms = TradingTerms(strategy, RULES)
    return keep_book(given["said"], given["bars"], given["benchmark"], market.horizon, terms, market)


def by(readings: tuple[Reading, ...], figure: Figure) -> dict[str, float]:
    return {one.window: one.value for one in readings if one.figure is figure}


@pytest.mark.parametrize("strategy", [QUANTILE, THRESHOLD, EDGE])
def test_it_earns_what_the_backtest_earns_and_its_parts_add_up(world, market, strategy):
    book, newest = book_of(world, market, strategy), world["bars"]["ts"].max()
    acted = world["said"][(world["said"]["decision"] == "predict") & (world["said"]["ts"] > newest - WINDOWS["365d"])]
    since = acted["ts"].min() - RULES.move_bars * market.bar * 2
    kept = world["bars"][world["bars"]["ts"] >= since]
    grid = make_price_grid(kept, RULES, market, world["benchmark"])
    daily = run_backtest(acted, grid, market, market.horizon, RULES, strategy).set_index("ts")["net_return"]
    mine = book.pieces.groupby("day")["net_return"].sum().reindex(daily.index, fill_value=0.0)
    np.testing.assert_allclose(mine, daily, atol=1e-12)
    readings = book_readings(book, newest, CAPITAL, market)
    profits = by(readings, Figure.PNL)
    assert profits["365d"] == pytest.approx(CAPITAL * daily.sum())
    parts = pd.DataFrame([vars(one) for one in readings if one.figure is Figure.ATTRIBUTION])
    sums = parts.groupby(["window", "dimension"])["value"].sum()
    for (window, _), value in sums.items():
        assert value == pytest.approx(profits[window], abs=1e-6)
    expected = {Dimension.INSTRUMENT, Dimension.SIDE}
    expected |= {Dimension.SECTOR} if market.label_columns else set()
    expected |= {Dimension.HOURS} if market.bar_minutes < 1440 else set()
    assert set(parts["dimension"]) == {one.value for one in expected}
    assert parts.groupby(["window", "dimension"]).size().max() <= 2 * SHOWN + 2


def test_the_labels_of_a_market_of_any_size_stay_few():
    market = MARKETS["equity"]
    many = [random_tables(market, seed, length=60)["bars"] for seed in range(6)]
    bars = pd.concat(
        [one.assign(instrument=one["instrument"] + str(place)) for place, one in enumerate(many)], ignore_index=True
    ).sort_values(["ts", "instrument"], ignore_index=True)
    readings = book_readings(
        keep_book(statements(bars), bars, None, 5, TradingTerms(QUANTILE, RULES), market),
        bars["ts"].max(), CAPITAL, market,
    )  # fmt: skip
    names = [one.part for one in readings if (one.dimension, one.window) == ("instrument", "365d")]
    assert len(names) == 2 * SHOWN + 1
    assert REST in names


def test_sharpe_and_drawdown_by_formulas_of_another_hand(world, market):
    book = book_of(world, market)
    newest = world["bars"]["ts"].max()
    readings = book_readings(book, newest, CAPITAL, market)
    sharpe = by(readings, Figure.SHARPE)
    assert sharpe
    earned = book.pieces.groupby("day")["net_return"].sum()
    for window, found in sharpe.items():
        days = [day for day in book.days if newest.floor("D") - WINDOWS[window] < day <= newest.floor("D")]
        daily = [float(earned.get(day, 0.0)) for day in days]
        a_year = 252 if market.bar_minutes == 1440 else 260
        assert found == pytest.approx(statistics.fmean(daily) / statistics.stdev(daily) * math.sqrt(a_year))
        high = fall = total = 0.0
        for value in daily:
            total += value
            high = max(high, total)
            fall = max(fall, high - total)
        assert by(readings, Figure.DRAWDOWN)[window] == pytest.approx(fall)


@settings(max_examples=25, deadline=None)
@given(cut=st.integers(40, 318), seed=st.integers(0, 2**16))
def test_nothing_that_comes_later_changes_what_is_said(cut, seed):
    market = MARKETS["equity"]
    tables = random_tables(market, length=320)
    bars, said = tables["bars"], statements(tables["bars"])
    newest = bars["ts"].drop_duplicates().sort_values().iloc[cut]
    rng = np.random.default_rng(seed)
    later = said["ts"] > newest
    changed = said.assign(probability=said["probability"].where(~later, rng.uniform(size=len(said))))
    known = bars[bars["ts"] <= newest]
    read = [
        book_readings(
            keep_book(one, known, tables["benchmark"], 5, TradingTerms(QUANTILE, RULES), market),
            newest, CAPITAL, market,
        )
        for one in (said[~later], changed)
    ]  # fmt: skip
    assert read[0] == read[1]


def test_what_was_known_when_it_was_said_and_what_abstains_is_not_traded(world, market):
    newest, said = world["bars"]["ts"].max(), world["said"]
    told_late = said.assign(newest_ts=newest, forward_return=0.01, label=1.0, known_at=said["ts"] + market.bar)
    assert book_of(world, market, said=told_late[told_late["known_at"] <= newest]) is None
    assert book_of(world, market, said=said.assign(decision="abstain")) is None
    assert book_of(world, market, said=said.iloc[:0]) is None


def test_days_on_which_nobody_said_anything_are_no_days_of_the_book(world, market):
    days = world["said"]["ts"].dt.floor("D")
    middle = (days > days.unique()[2]) & (days < days.unique()[-3])
    sparse = book_of(world, market, said=world["said"][~middle])
    assert len(sparse.days) < len(book_of(world, market).days)


def test_few_days_have_no_sharpe_and_a_flat_book_has_none_either(world, market):
    first = world["bars"]["ts"].drop_duplicates().sort_values()
    late = world["said"][world["said"]["ts"] >= first.iloc[-3]]
    readings = book_readings(book_of(world, market, said=late), first.iloc[-1], CAPITAL, market)
    assert not by(readings, Figure.SHARPE)
    assert by(readings, Figure.PNL)
    flat = world["said"].assign(probability=0.5)
    silent = book_readings(book_of(world, market, QUANTILE, said=flat), first.iloc[-1], CAPITAL, market)
    assert not by(silent, Figure.SHARPE)
    assert set(by(silent, Figure.PNL).values()) == {0.0}
    assert set(by(silent, Figure.DRAWDOWN).values()) == {0.0}


def test_costs_make_it_poorer_and_a_hedge_has_a_part_of_its_own():
    market = MARKETS["equity"]
    tables = random_tables(market, length=120)
    said = statements(tables["bars"])
    books = {
        cost: keep_book(
            said, tables["bars"], tables["benchmark"], 5,
            TradingTerms(THRESHOLD, replace(RULES, cost_bp=cost)), market,
        )
        for cost in (0.0, 20.0)
    }  # fmt: skip
    newest = tables["bars"]["ts"].max()
    profit = {cost: by(book_readings(one, newest, CAPITAL, market), Figure.PNL)["365d"] for cost, one in books.items()}
    assert profit[20.0] < profit[0.0]
    assert HEDGE in set(books[0.0].pieces["side"])


def test_a_number_that_is_none_is_no_reading():
    with pytest.raises(ConfigurationError, match="leave out what is not known"):
        Reading(Figure.SHARPE, math.nan, "30d")
