"""What a market answers, for those there are and for one that could be added."""

from __future__ import annotations

import pytest

from finq_predictor.domain.columns import ADJ_CLOSE, ASK, BID, OHLC, SECTOR
from finq_predictor.domain.errors import UnknownNameError
from finq_predictor.domain.market import MARKETS, BarUnit, InstrumentKind, Trait, Vocabulary, get_market
from finq_predictor.domain.market.calendars import get_calendar
from synthetic_crypto import CRYPTO

EQUITY, FX = get_market("equity"), get_market("fx")
ALL = [*MARKETS.values(), CRYPTO]


def test_an_unknown_market_suggests():
    with pytest.raises(UnknownNameError, match="Did you mean 'equity'"):
        get_market("equty")


@pytest.mark.parametrize("market", ALL, ids=lambda market: market.name)
def test_every_entry_is_whole(market):
    assert market.horizon in market.horizons
    assert min(market.horizons) >= 1
    assert market.entry_lag >= 0
    assert market.fresh_hours > 0
    assert market.sessions is get_calendar(market.calendar)
    assert len(set(market.directions)) == 2
    assert {market.direction(True), market.direction(False)} == set(market.directions)
    assert "{" not in market.ask("AAA", market.horizon)
    assert "AAA" in market.ask("AAA", market.horizon)
    assert market.instruments in InstrumentKind
    assert market.vocabulary in Vocabulary
    assert market.required_tables[0] == market.source_tables[0] == "bars"
    assert set(market.required_tables) <= set(market.source_tables)
    assert {*market.price_columns, *market.quote_columns} <= set(market.bars_table.names)
    assert market.traits <= set(Trait)


def test_names_are_given_once():
    for attribute in ("name", "short_name", "title", "registered_model"):
        values = [getattr(market, attribute) for market in ALL]
        assert len(set(values)) == len(values), attribute


@pytest.mark.parametrize(
    ("market", "traits"),
    [
        (EQUITY, {Trait.BENCHMARK, Trait.SECTORS, Trait.DAILY}),
        (FX, {Trait.QUOTES, Trait.PAIRS, Trait.INTRADAY}),
        (CRYPTO, {Trait.DAILY}),
    ],
)
def test_traits(market, traits):
    assert market.traits == traits


@pytest.mark.parametrize(
    ("market", "sources", "required", "parameter"),
    [
        (EQUITY, ("bars", "benchmark", "articles", "macro", "membership"), ("bars", "benchmark"), "bars"),
        (FX, ("bars", "articles", "macro"), ("bars",), "quotes"),
        (CRYPTO, ("bars", "articles", "macro"), ("bars",), "bars"),
    ],
)
def test_tables(market, sources, required, parameter):
    assert market.source_tables == sources
    assert market.required_tables == required
    assert market.file_parameter("bars") == parameter
    assert market.file_parameter("articles") == "articles"


def test_columns_of_silver_bars():
    assert EQUITY.bars_table.names == ("instrument", "ts", *OHLC, ADJ_CLOSE, "volume", "known_at")
    assert FX.bars_table.names == ("instrument", "ts", *OHLC, *BID, *ASK, "volume", "known_at")
    assert CRYPTO.bars_table.names == ("instrument", "ts", *OHLC, "volume", "known_at")
    assert [market.label_columns for market in (EQUITY, FX, CRYPTO)] == [(SECTOR,), (), ()]


@pytest.mark.parametrize(
    ("minutes", "unit", "three"),
    [
        (1440, BarUnit.DAY, "3 days"),
        (60, BarUnit.HOUR, "3 hours"),
        (240, BarUnit.HOUR, "12 hours"),
        (15, BarUnit.MINUTE, "45 minutes"),
    ],
)
def test_bars_in_words(minutes, unit, three):
    market = type(FX)(**{**vars(FX), "bar_minutes": minutes})
    assert market.bar_unit is unit
    assert market.span(3) == three


def test_questions_and_outcomes_in_words():
    assert EQUITY.ask("AAPL", 5) == "Will AAPL beat its benchmark over the next 5 trading days?"
    assert EQUITY.outcome(1) == "return beyond the benchmark, 1 day"
    assert FX.outcome(1) == "return, 1 hour"
    assert CRYPTO.ask("BTC_USD", 7) == "Will BTC_USD be higher 7 days from now?"
    assert CRYPTO.outcome(7) == "return, 7 days"
