"""Deliveries of many days, each divided by the splits up to then, make one history that nothing later changes."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from share_deliveries import DAYS, Truth, deliveries

from finq_predictor.domain.ingestion.bars import clean_bars, clean_bars_and_actions
from finq_predictor.domain.ingestion.rules import ReadingRules, Rules
from finq_predictor.domain.market.markets import MARKETS

RULES = Rules(MARKETS["equity"], ReadingRules(prices="split_adjusted"))


def silver(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return clean_bars(pd.concat(parts, ignore_index=True), RULES).silver


def check(truth: Truth, rows: pd.DataFrame) -> None:
    days = DAYS.get_indexer(rows["ts"].dt.tz_convert("America/New_York").dt.tz_localize(None).dt.normalize())
    np.testing.assert_allclose(rows["close"], truth.close[days], rtol=1e-9)
    np.testing.assert_allclose(
        rows["adj_close"] / rows["adj_close"].iloc[0], truth.wealth[days] / truth.wealth[days[0]], rtol=1e-9
    )


events = st.dictionaries(st.integers(1, len(DAYS) - 1), st.sampled_from([2.0, 3.0, 0.5, 1.5]), max_size=3)
dividends = st.dictionaries(st.integers(1, len(DAYS) - 1), st.sampled_from([0.1, 0.5, 2.0]), max_size=4)


@given(
    events, dividends, st.lists(st.integers(5, len(DAYS) - 1), min_size=1, max_size=6, unique=True), st.integers(0, 4)
)
@settings(deadline=None, max_examples=15)
def test_whenever_it_was_asked_for_returns_are_those_of_a_holder(splits, dividends, runs, again):
    truth = Truth(splits, dividends)
    runs = sorted(runs)
    parts = deliveries(truth, runs, again)
    whole = silver(parts)
    check(truth, whole)
    for count in range(1, len(parts)):
        before = silver(parts[:count])
        now = whole[whole["ts"] <= before["ts"].max()].reset_index(drop=True)
        pd.testing.assert_frame_equal(now.drop(columns="known_at"), before.drop(columns="known_at"), rtol=1e-9)


def test_actions_stand_in_the_shares_of_their_date():
    truth = Truth({30: 4.0}, {10: 0.8, 29: 0.4})
    parts = deliveries(truth, [20, 29, 31], 5)
    actions = clean_bars_and_actions(pd.concat(parts, ignore_index=True), RULES).actions.silver
    found = {(row.kind, f"{row.ex_date:%Y-%m-%d}"): row.value for row in actions.itertuples()}
    assert found == pytest.approx(
        {
            ("dividend", f"{DAYS[10]:%Y-%m-%d}"): 0.8,
            ("dividend", f"{DAYS[29]:%Y-%m-%d}"): 0.4,
            ("split", f"{DAYS[30]:%Y-%m-%d}"): 4.0,
        }
    )
    assert not actions.duplicated(["kind", "ex_date"]).any()


def test_a_dividend_that_is_told_late_counts_from_then_and_changes_nothing_before():
    truth = Truth({}, {20: 1.0})
    early = truth.delivered(0, 22, 22).assign(dividend=0.0)
    late = truth.delivered(19, 30, 30)
    before, after = silver([early]), silver([early, late])
    np.testing.assert_allclose(after["adj_close"].iloc[:23], before["adj_close"], rtol=1e-12)
    np.testing.assert_allclose(before["adj_close"], before["close"], rtol=1e-12)
    ratio = after["adj_close"] / after["close"]
    # It was received after the close of that session, and counts from the next bar.
    assert ratio.iloc[30] == 1.0
    longer = silver([early, late, truth.delivered(31, 33, 33)])
    np.testing.assert_allclose(
        longer["adj_close"].iloc[31] / longer["close"].iloc[31], 1 / (1 - 1.0 / truth.close[19]), rtol=1e-12
    )


def test_a_dividend_above_the_price_is_left_out_and_named():
    truth = Truth({}, {20: 1.0})
    delivered = truth.delivered(0, 30, 30)
    delivered.loc[20, "dividend"] = 1000.0
    cleaned = clean_bars(delivered, RULES)
    assert any(
        f"dividend 1000 of AAA on {DAYS[20]:%Y-%m-%d} is not below the price" in note for note in cleaned.tally.notes
    )
    np.testing.assert_allclose(cleaned.silver["adj_close"], cleaned.silver["close"])


def test_without_actions_adjusted_closes_are_the_closes():
    delivered = Truth({}, {}).delivered(0, 30, 30).drop(columns=["dividend", "split"])
    cleaned = clean_bars(delivered, RULES)
    np.testing.assert_array_equal(cleaned.silver["adj_close"], cleaned.silver["close"])
    assert "adjusted closes are computed of 0 splits and 0 dividends" in cleaned.tally.notes


def test_other_shares_are_not_touched():
    one = Truth({10: 2.0}, {}).delivered(0, 20, 20)
    other = Truth({}, {}, seed=1).delivered(0, 20, 20).assign(instrument="BBB")
    both = silver([one, other])
    alone = silver([other])
    pd.testing.assert_frame_equal(both[both["instrument"] == "BBB"].reset_index(drop=True), alone)


def test_a_real_share_is_adjusted_as_its_provider_adjusts_it(shared_data):
    name = "historical-via-chart-MSFT-dividends-2021-02-01-to-2022-01-31.csv.json"
    chart = json.loads((shared_data / "fixtures/yahoo_http" / name).read_text())["response"]["bodyJson"]["chart"]
    result = chart["result"][0]
    quote, times = result["indicators"]["quote"][0], pd.to_datetime(result["timestamp"], unit="s", utc=True)
    dates = times.tz_convert("America/New_York").strftime("%Y-%m-%d")
    paid = {
        pd.Timestamp(one["date"], unit="s", tz="America/New_York").strftime("%Y-%m-%d"): one["amount"]
        for one in result["events"]["dividends"].values()
    }
    raw = pd.DataFrame(
        {
            "instrument": "MSFT", "date": dates, **quote,
            "dividend": [paid.get(date, 0.0) for date in dates], "split": 0.0, "_source": "own:yahoo-1d",
            "_received_at": pd.Timestamp("2025-02-22", tz="UTC").as_unit("us"), "_content_hash": "x",
        }
    )  # fmt: skip
    rows = clean_bars(raw, RULES).silver
    theirs = np.array(result["indicators"]["adjclose"][0]["adjclose"])
    assert len(paid) == 4
    np.testing.assert_allclose(rows["adj_close"].pct_change()[1:], pd.Series(theirs).pct_change()[1:], atol=1e-6)
