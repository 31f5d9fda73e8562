"""A row of a delivery is known from the very moment that cleaning gives it."""

from __future__ import annotations

import pandas as pd
import pytest

from finq_predictor.domain.columns import ON_RECEIPT
from finq_predictor.domain.ingestion.bars import clean_bars, clean_benchmark
from finq_predictor.domain.ingestion.known_time import known_times_of
from finq_predictor.domain.ingestion.records import clean_articles, clean_macro
from finq_predictor.domain.ingestion.rules import Rules
from finq_predictor.domain.market.markets import get_market
from finq_predictor.simulation import EquityMarketConfig, simulate_equity

RULES = Rules(get_market("equity"))
CLEANERS = {"bars": clean_bars, "benchmark": clean_benchmark, "articles": clean_articles, "macro": clean_macro}


@pytest.fixture(scope="module")
def market():
    return simulate_equity(EquityMarketConfig(instruments=6, years=0.5))


@pytest.mark.parametrize("table", list(CLEANERS))
def test_silver_knows_nothing_else(market, table):
    raw = getattr(market, table)
    known = known_times_of(raw, table, RULES)
    assert known.index.equals(raw.index)
    assert not known.isna().any()
    assert set(CLEANERS[table](raw, RULES).silver["known_at"]) <= set(known)


@pytest.mark.parametrize("table", list(CLEANERS))
def test_what_was_known_by_then_becomes_the_silver_of_then(market, table):
    raw = getattr(market, table)
    known = known_times_of(raw, table, RULES)
    whole = CLEANERS[table](raw, RULES).silver
    for moment in pd.to_datetime(["2024-09-03 13:00", "2024-10-17 22:00", "2024-12-02 05:00"], utc=True):
        part = CLEANERS[table](raw[known <= moment], RULES).silver
        expected = whole[whole["known_at"] <= moment].reset_index(drop=True)
        assert len(part) > 10
        pd.testing.assert_frame_equal(part, expected)


@pytest.mark.parametrize("claim", ["2023-12-01", "2024-01-02T10:00:00Z", "2031-01-01T00:00:00Z", "?"])
def test_what_is_known_on_receipt_was_not_there_before(claim):
    """Whatever a live source claims, silver up to a time is the silver of what was received up to that time."""
    received = pd.date_range("2024-01-02 12:00", periods=4, freq="D", tz="UTC")
    titles = ["A", "B", "A, corrected", "B"]
    rows = {"id": ["1", "2", "1", "3"], "symbol": "AAPL", "title": titles, "published": claim, "known_at": ON_RECEIPT}
    raw = pd.DataFrame(rows).assign(_received_at=received)
    whole = clean_articles(raw, RULES).silver
    assert whole["known_at"].tolist() == list(received[:3])
    for moment in received:
        part = clean_articles(raw[raw["_received_at"] <= moment], RULES).silver
        pd.testing.assert_frame_equal(part, whole[whole["known_at"] <= moment].reset_index(drop=True))


def test_nothing_and_nonsense():
    assert known_times_of(pd.DataFrame({"_source": []}), "articles", RULES).empty
    raw = pd.DataFrame(
        {"series": ["cpi"] * 2, "period": ["2024-01-01"] * 2, "value": [1, 2], "released_at": ["?", "2024-02-01"]}
    )
    assert known_times_of(raw, "macro", RULES).isna().tolist() == [True, False]
