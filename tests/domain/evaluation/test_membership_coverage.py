"""How much of an index the bars cover is counted, for a small world and for the real S&P 500."""

from __future__ import annotations

import pandas as pd
import pytest

from finq_predictor.domain.evaluation.membership_coverage import cover_membership
from finq_predictor.domain.ingestion.membership_records import clean_membership
from finq_predictor.domain.ingestion.rules import Rules
from finq_predictor.domain.market.markets import get_market

EQUITY = get_market("equity")
DAYS = pd.bdate_range("2020-01-01", periods=60, tz="UTC").as_unit("us") + pd.Timedelta(hours=21)


def bars_of(**spans: slice) -> pd.DataFrame:
    return pd.concat([pd.DataFrame({"ts": DAYS[span], "instrument": name}) for name, span in spans.items()])


def membership_of(*rows: tuple[str, int, int | None]) -> pd.DataFrame:
    """Stays by the numbers of days; everything is known at its day."""
    frame = pd.DataFrame(
        {
            "symbol": [name for name, *_ in rows],
            "since": [DAYS[first] for _, first, _ in rows],
            "until": [None if last is None else DAYS[last] for *_, last in rows],
        }
    )
    return clean_membership(frame, Rules(EQUITY)).silver


def test_what_is_covered_is_counted():
    membership = membership_of(("A", 0, None), ("B", 10, None), ("C", 0, 20), ("D", 0, 30), ("E", 0, 5))
    found = cover_membership(membership, bars_of(A=slice(None), B=slice(None), C=slice(20), D=slice(None)), EQUITY)
    assert (found.members, found.left) == (5, 3)
    assert found.member_bars == 60 + 50 + 20 + 30 + 5
    assert found.with_bars == 60 + 50 + 20 + 30
    assert (found.without_bars, found.examples) == (1, ("E",))
    assert found.outside == 10 + 30
    assert found.cut_off == 1
    assert found.share == pytest.approx(160 / 165)
    assert not found.whole


def test_a_universe_is_whole_when_nearly_all_members_have_bars_and_some_left():
    membership = membership_of(("A", 0, None), ("C", 0, 20))
    assert cover_membership(membership, bars_of(A=slice(None), C=slice(None)), EQUITY).whole
    lasting = membership_of(("A", 0, None), ("C", 0, None))
    assert not cover_membership(lasting, bars_of(A=slice(None), C=slice(None)), EQUITY).whole


def test_the_real_index_and_a_file_of_its_prices(shared_data):
    """The well-known five-year file lacks one member-day in six: who left, was bought or renamed is not in it."""
    prices = pd.read_parquet(
        shared_data / "equities" / "sp500_5yr_unadj_2013-02_2018-02.parquet", columns=["date", "symbol"]
    )
    lists = pd.read_csv(
        shared_data / "equities" / "sp500_constituents_snapshots_2012_2026.csv.gz", keep_default_na=False
    )
    days = pd.to_datetime(prices["date"])
    bars = pd.DataFrame({"ts": days.dt.tz_localize("UTC") + pd.Timedelta(hours=21), "instrument": prices["symbol"]})
    cleaned = clean_membership(lists, Rules(EQUITY))
    assert cleaned.tally.rules == {}
    found = cover_membership(cleaned.silver, bars, EQUITY)
    assert (found.members, found.left, found.without_bars) == (618, 113, 140)
    assert found.share == pytest.approx(0.835, abs=0.002)
    assert not found.whole
