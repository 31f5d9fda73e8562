from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yahoo_histories import implied_dividends, read_prices

from finq_predictor.domain.errors import DataError, MappingError
from finq_predictor.domain.ingestion.adjustment import (
    adjust,
    compare_adjusted,
    in_force,
    raw_dividends,
    raw_from_split_adjusted,
)
from finq_predictor.domain.ingestion.corporate_actions import as_ratios, clean_actions
from finq_predictor.domain.ingestion.known_time import known_times_of
from finq_predictor.domain.ingestion.rules import ReadingRules, Rules
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.tables import SILVER_ACTIONS

RULES = Rules(get_market("equity"))
FOREVER = pd.Timestamp("2040-01-01", tz="UTC")


def utc(text):
    return pd.Timestamp(text, tz="UTC")


def received(rows, *moments):
    """The same rows once per delivery, or one list of rows per delivery."""
    parts = [rows] * len(moments) if isinstance(rows[0], dict) else rows
    frames = [pd.DataFrame(part).assign(_received_at=utc(moment)) for part, moment in zip(parts, moments, strict=True)]
    return pd.concat(frames, ignore_index=True)


def row(value=0.5, date="2024-03-05", kind="dividend", symbol="aapl", **more):
    return {"Symbol": symbol, "Ex-Date": date, "Kind": kind, "Value": value, **more}


def action(value, date, kind="dividend", known=None, instrument="A"):
    known = utc(date) if known is None else utc(known)
    return {"instrument": instrument, "ex_date": pd.Timestamp(date), "kind": kind, "value": value, "known_at": known}


def actions_of(*rows):
    return SILVER_ACTIONS.typed(pd.DataFrame(list(rows))) if rows else SILVER_ACTIONS.empty()


def bars_of(closes, instrument="A", start="2024-01-01"):
    ts = pd.date_range(start, periods=len(closes), freq="B", tz="UTC").as_unit("us") + pd.Timedelta(hours=21)
    closes = np.asarray(closes, dtype="float64")
    prices = {"open": closes * 0.99, "high": closes * 1.02, "low": closes * 0.98, "close": closes}
    return pd.DataFrame({"instrument": instrument, "ts": ts, **prices, "volume": 1e6, "known_at": ts})


@pytest.mark.parametrize(
    ("written", "ratio"),
    [("4:1", 4.0), ("4/1", 4.0), (" 1 : 10 ", 0.1), ("4-for-1", 4.0), ("3 for 2", 1.5), ("4", 4.0), (0.76, 0.76)],
)
def test_ratios_are_read_however_they_are_written(written, ratio):
    assert as_ratios(pd.Series([written])).tolist() == pytest.approx([ratio])


def test_ratios_that_mean_nothing_are_missing():
    assert as_ratios(pd.Series(["1:0", "four", None, "a:b"])).isna().all()


def test_an_action_is_known_when_trading_opens_without_it():
    silver = clean_actions(pd.DataFrame([row(), row("4:1", "2024-07-05", "Stock Split")]), RULES).silver
    assert silver["known_at"].tolist() == [utc("2024-03-05 14:30"), utc("2024-07-05 13:30")]
    assert silver["value"].tolist() == [0.5, 4.0]
    assert silver["kind"].tolist() == ["dividend", "split"]
    assert set(silver["instrument"]) == {"AAPL"}
    assert str(silver["ex_date"].dtype) == "datetime64[us]"


def test_a_date_without_a_session_counts_from_the_next_opening():
    silver = clean_actions(pd.DataFrame([row(date="2024-03-09")]), RULES).silver
    assert silver["known_at"].tolist() == [utc("2024-03-11 13:30")]


def test_a_calendar_without_hours_takes_the_beginning_of_the_date():
    rules = replace(RULES, reading=ReadingRules(calendar="inferred", timezone="Asia/Tokyo"))
    assert clean_actions(pd.DataFrame([row()]), rules).silver["known_at"].tolist() == [utc("2024-03-04 15:00")]


def test_an_announcement_counts_and_a_day_of_one_counts_at_its_end():
    rows = [row(Announced_At="2024-02-01T12:00:00Z"), row(date="2024-06-05", Announced_At="2024-06-07")]
    silver = clean_actions(pd.DataFrame(rows), RULES).silver
    assert silver["known_at"].dt.floor("s").tolist() == [utc("2024-02-01 12:00"), utc("2024-06-07 23:59:59")]


def test_an_announcement_after_its_receipt_is_a_contradiction():
    raw = received([row(Announced_At="2024-02-02T12:00:00Z")], "2024-02-01")
    assert clean_actions(raw, RULES).quarantine["rule"].tolist() == ["future"]


def test_what_was_received_before_its_date_was_known_then():
    assert clean_actions(received([row()], "2024-02-01"), RULES).silver["known_at"].tolist() == [utc("2024-02-01")]


def test_a_correction_counts_from_its_receipt_and_so_does_the_way_back():
    raw = received(
        [[row(0.5)], [row(0.6)], [row(0.6)], [row(0.5)]], "2024-04-01", "2024-05-01", "2024-06-01", "2024-07-01"
    )
    cleaned = clean_actions(raw, RULES)
    assert cleaned.silver["value"].tolist() == [0.5, 0.6, 0.5]
    assert cleaned.silver["known_at"].dt.strftime("%m-%d %H").tolist() == ["03-05 14", "05-01 00", "07-01 00"]
    assert cleaned.quarantine["rule"].tolist() == ["duplicate"]


def test_what_an_earlier_delivery_did_not_have_was_not_known_then():
    old, late, older = row(0.5, "2024-01-10"), row(0.6, "2024-02-14"), row(0.4, "2023-10-11")
    raw = received([[old], [old, late, older], [row(symbol="msft")]], "2024-03-01", "2024-04-01", "2024-05-01")
    silver = clean_actions(raw, RULES).silver.set_index("value")["known_at"]
    assert silver[0.6] == utc("2024-04-01")
    # What the first delivery did not reach back to says nothing about it, nor does one of another instrument.
    assert silver[0.4] == utc("2023-10-11 13:30")
    assert clean_actions(raw, RULES).silver.query("instrument == 'MSFT'")["known_at"].item() == utc("2024-03-05 14:30")


def test_exports_of_bars_have_both_in_columns_of_their_own():
    raw = pd.DataFrame(
        {
            "Date": ["2024-03-04", "2024-03-05", "2024-03-06", "2024-03-07"],
            "Ticker": "A",
            "Dividends": [0.0, 0.5, 0.25, "x"],
            "Stock Splits": [0.0, 0.0, 4.0, np.nan],
        }
    )
    cleaned = clean_actions(raw, RULES)
    assert cleaned.silver[["kind", "value"]].to_numpy().tolist() == [
        ["dividend", 0.5],
        ["dividend", 0.25],
        ["split", 4.0],
    ]
    assert cleaned.quarantine["rule"].tolist() == ["no_action", "missing_value"]


def test_an_action_can_be_taken_back():
    raw = received(
        [
            [{"date": "2024-03-05", "ticker": "A", "dividend": 0.5}],
            [{"date": "2024-03-05", "ticker": "A", "dividend": 0}],
        ],
        "2024-04-01",
        "2024-05-01",
    )
    silver = clean_actions(raw, RULES).silver
    assert silver["value"].tolist() == [0.5, 0.0]
    assert len(in_force(silver, utc("2024-04-15"))) == 1
    assert in_force(silver).empty


def test_bad_actions_are_named():
    rows = [
        row(date="soon"),
        row("n/a"),
        row(-1.0),
        row(0.0, kind="split"),
        row(kind="merger"),
        row(symbol=None),
        row(1.0, "2024-06-03"),
        row(2.0, "2024-06-03"),
        row(0.5, "2024-08-01"),
    ]
    cleaned = clean_actions(pd.DataFrame(rows), replace(RULES, as_of=utc("2024-07-01")))
    expected = [
        "bad_time",
        "missing_value",
        *["value_not_positive"] * 2,
        "bad_kind",
        "no_instrument",
        *["conflict"] * 2,
    ]
    assert cleaned.quarantine["rule"].tolist() == [*expected, "future"]
    assert cleaned.silver.empty
    assert cleaned.tally.rows == len(rows)


def test_a_table_that_says_nothing_of_actions_is_refused():
    with pytest.raises(MappingError, match="no `split` and no `dividend`"):
        clean_actions(pd.DataFrame({"symbol": ["A"], "date": ["2024-01-02"], "colour": ["red"]}), RULES)
    with pytest.raises(MappingError, match="ex_date"):
        clean_actions(pd.DataFrame({"symbol": ["A"], "dividend": [1.0]}), RULES)


def test_no_actions_are_fine_and_cleaning_again_changes_nothing():
    nothing = clean_actions(pd.DataFrame({"_source": pd.Series([], dtype="str")}), RULES)
    assert not SILVER_ACTIONS.misfits(nothing.silver)
    raw = received([[row(0.5)], [row(0.6)]], "2024-04-01", "2024-05-01")
    silver = clean_actions(raw, RULES).silver
    pd.testing.assert_frame_equal(clean_actions(silver, RULES).silver, silver)


def test_known_times_come_row_by_row():
    raw = pd.DataFrame([row(), row(date="soon"), row(date="2024-07-05")])
    known = known_times_of(raw, "actions", RULES)
    assert known.isna().tolist() == [False, True, False]
    assert known.iloc[2] == utc("2024-07-05 13:30")
    revised = received([[row(0.5)], [row(0.6)]], "2024-04-01", "2024-05-01")
    assert known_times_of(revised, "actions", RULES).tolist() == [utc("2024-03-05 14:30"), utc("2024-05-01")]


def test_a_split_scales_prices_and_volume_before_it():
    adjusted = adjust(bars_of([100, 104, 26, 27]), actions_of(action(4.0, "2024-01-03", "split")), FOREVER)
    assert adjusted["close"].tolist() == [25, 26, 26, 27]
    assert adjusted["adj_close"].tolist() == [25, 26, 26, 27]
    assert adjusted["high"].tolist() == pytest.approx([25.5, 26.52, 26.52, 27.54])
    assert adjusted["volume"].tolist() == [4e6, 4e6, 1e6, 1e6]


def test_a_dividend_takes_its_share_of_the_last_price_before_it():
    adjusted = adjust(bars_of([100, 80, 78]), actions_of(action(2.0, "2024-01-03")), FOREVER)
    assert adjusted["adj_close"].tolist() == pytest.approx([97.5, 78, 78])
    assert adjusted["close"].tolist() == [100, 80, 78]


def test_a_dividend_beside_a_split_is_in_shares_of_its_date():
    both = actions_of(action(4.0, "2024-01-03", "split"), action(1.0, "2024-01-03"))
    adjusted = adjust(bars_of([80, 80, 19]), both, FOREVER)
    # 80 are four shares of 20, and each pays 1.
    assert adjusted["adj_close"].tolist() == pytest.approx([19, 19, 19])


def test_a_dividend_before_any_bar_and_one_of_nobody_change_nothing():
    others = actions_of(action(1.0, "2023-06-01"), action(1.0, "2024-01-03", instrument="B"))
    assert adjust(bars_of([10, 11, 12]), others, FOREVER)["adj_close"].tolist() == [10, 11, 12]


def test_a_dividend_above_the_price_is_refused_by_name():
    with pytest.raises(DataError, match="The dividend 200 of A on 2024-01-03 is not below the last price"):
        adjust(bars_of([100, 100, 100]), actions_of(action(200.0, "2024-01-03")), FOREVER)


def test_instruments_do_not_touch_each_other_and_rows_keep_their_order():
    two = pd.concat([bars_of([100, 50]), bars_of([10, 10], "B")]).sample(frac=1.0, random_state=0)
    split = actions_of(action(2.0, "2024-01-02", "split"))
    adjusted = adjust(two, split, FOREVER)
    assert adjusted["ts"].tolist() == two["ts"].tolist()
    assert adjusted.sort_values(["instrument", "ts"])["close"].tolist() == [50, 50, 10, 10]


def test_dates_are_those_of_the_exchange():
    # A bar in Sydney that closes at 23:30 UTC belongs to the next date.
    bars = bars_of([100, 100, 50]).assign(ts=lambda frame: frame["ts"] + pd.Timedelta(hours=2, minutes=30))
    split = actions_of(action(2.0, "2024-01-04", "split"))
    assert adjust(bars, split, FOREVER)["close"].tolist() == [50, 50, 25]
    assert adjust(bars, split, FOREVER, zone="Australia/Sydney")["close"].tolist() == [50, 50, 50]


def test_what_is_not_known_or_has_not_begun_changes_nothing():
    bars = bars_of([100, 100, 50, 50])
    late = actions_of(action(2.0, "2024-01-03", "split", known="2024-01-04 12:00"))
    assert adjust(bars, late, utc("2024-01-03 22:00"))["close"].tolist() == [100, 100, 50]
    assert adjust(bars, late, utc("2024-01-04 22:00"))["close"].tolist() == [50, 50, 50, 50]
    early = actions_of(action(2.0, "2024-01-03", "split", known="2023-12-01"))
    assert adjust(bars, early, utc("2024-01-02 22:00"))["close"].tolist() == [100, 100]
    # On the morning of its date, before any bar of it, prices are already those of the new shares.
    assert adjust(bars, early, utc("2024-01-03 09:00"))["close"].tolist() == [50, 50]


def test_a_correction_changes_nothing_before_it_was_known():
    bars = bars_of([100, 100, 98, 98])
    first = action(2.0, "2024-01-03")
    both = actions_of(first, action(1.0, "2024-01-03", known="2024-01-04 12:00"))
    before, after = utc("2024-01-03 22:00"), utc("2024-01-04 22:00")
    pd.testing.assert_frame_equal(adjust(bars, both, before), adjust(bars, actions_of(first), before))
    assert adjust(bars, both, after)["adj_close"].iloc[0] == pytest.approx(99)


HISTORY = st.tuples(
    st.lists(st.floats(-0.2, 0.2), min_size=6, max_size=40),
    st.lists(
        st.tuples(st.integers(0, 45), st.sampled_from(["split", "dividend"]), st.floats(0.05, 0.9), st.integers(-9, 9)),
        max_size=6,
        unique_by=lambda item: item[:2],
    ),
)


def history(drawn):
    """Bars as traded and actions, known up to nine days around their date."""
    moves, drawn_actions = drawn
    bars = bars_of(100 * np.exp(np.cumsum(moves)))
    # Dividends stay below any price that such splits can make of the lowest one.
    rows = [
        action(
            (2.0 if share > 0.4 else 0.5) if kind == "split" else share * bars["close"].min() / 64,
            date := (pd.Timestamp("2024-01-01") + pd.Timedelta(days=day)).strftime("%Y-%m-%d"),
            kind,
            known=pd.Timestamp(date) + pd.Timedelta(days=delay, hours=12),
        )
        for day, kind, share, delay in drawn_actions
    ]
    return bars, actions_of(*rows)


@settings(max_examples=40, deadline=None)
@given(HISTORY, st.integers(1, 39), st.integers(1, 39))
def test_what_comes_later_multiplies_all_that_was_seen_by_one_constant(drawn, first, second):
    bars, actions = history(drawn)
    early, late = sorted((min(first, len(bars) - 1), min(second, len(bars) - 1)))
    then, now = bars["ts"].iloc[early], bars["ts"].iloc[late]
    seen = adjust(bars, actions, then)
    again = adjust(bars, actions, now).iloc[: len(seen)]
    dates = bars["ts"].dt.tz_localize(None).dt.normalize().iloc[: len(seen)]
    for name in ("adj_close", "close"):
        ratios = (again[name] / seen[name]).to_numpy()
        # What became known in between, and belongs between two bars, may change the ratio of the two.
        new = actions[(actions["known_at"] > then) & (actions["known_at"] <= now)]["ex_date"]
        breaks = {int(np.searchsorted(dates, date)) for date in new}
        for bar in set(range(1, len(seen))) - breaks:
            assert ratios[bar] == pytest.approx(ratios[bar - 1], rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(HISTORY)
def test_returns_seen_bar_by_bar_are_those_of_hindsight_where_all_was_announced(drawn):
    bars, actions = history(drawn)
    announced = actions.assign(known_at=actions["ex_date"].dt.tz_localize("UTC"))
    hindsight = adjust(bars, announced, FOREVER)["adj_close"].pct_change().to_numpy()
    for bar in range(1, len(bars)):
        live = adjust(bars.iloc[: bar + 1], announced, bars["ts"].iloc[bar])["adj_close"]
        assert live.iloc[-1] / live.iloc[-2] - 1 == pytest.approx(hindsight[bar], rel=1e-9, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(HISTORY)
def test_raw_prices_come_back_from_those_adjusted_for_splits(drawn):
    bars, actions = history(drawn)
    back = raw_from_split_adjusted(adjust(bars, actions, FOREVER), actions)
    pd.testing.assert_frame_equal(back[list(bars.columns)], bars, rtol=1e-12)


def test_differences_are_told_with_what_happened_there():
    theirs = adjust(bars_of([100, 100, 98, 98]), actions_of(), FOREVER)
    dividend = actions_of(action(2.0, "2024-01-03"))
    ours = adjust(bars_of([100, 100, 98, 98]), dividend, FOREVER)
    found = compare_adjusted(ours, theirs, 1e-6, dividend)
    assert found["action"].tolist() == ["dividend 2 on 2024-01-03"]
    assert found["difference"].tolist() == pytest.approx([0.02])
    assert compare_adjusted(ours, theirs, 0.03).empty
    assert compare_adjusted(ours, theirs, 1e-6)["action"].tolist() == [""]
    far = actions_of(action(2.0, "2024-03-03"))
    assert compare_adjusted(ours, theirs, 1e-6, far)["action"].tolist() == [""]


def recorded(shared_data, name):
    """Bars and events of a recorded answer of Yahoo."""
    found = json.loads((shared_data / "fixtures" / "yahoo_http" / f"historical-via-chart-{name}.csv.json").read_text())
    result = found["response"]["bodyJson"]["chart"]["result"][0]
    quote = result["indicators"]["quote"][0]
    bars = pd.DataFrame({part: quote[part] for part in ("open", "high", "low", "close", "volume")}, dtype="float64")
    bars["adj_close"] = result["indicators"]["adjclose"][0]["adjclose"]
    opened = pd.to_datetime(pd.Series(result["timestamp"]), unit="s", utc=True).dt.as_unit("us")
    bars["ts"] = bars["known_at"] = opened + pd.Timedelta(hours=6, minutes=30)
    events = result.get("events", {})
    rows = [
        {"date": event["date"], "kind": kind[:-1], "value": event.get("splitRatio", event.get("amount"))}
        for kind in ("dividends", "splits")
        for event in events.get(kind, {}).values()
    ]
    symbol = result["meta"]["symbol"]
    actions = clean_actions(pd.DataFrame(rows).assign(symbol=symbol), RULES).silver
    return bars.assign(instrument=symbol), actions


def test_dividends_of_a_recorded_answer_are_adjusted_for_as_yahoo_did(shared_data):
    """Reads the shared research data; skipped where they are not. Yahoo rounds to six digits."""
    theirs, actions = recorded(shared_data, "MSFT-dividends-2021-02-01-to-2022-01-31")
    assert actions["value"].tolist() == [0.56, 0.56, 0.56, 0.62]
    ours = adjust(raw_from_split_adjusted(theirs, actions), raw_dividends(actions), FOREVER)
    assert compare_adjusted(ours, theirs, 5e-7, actions).empty


def test_a_split_of_a_recorded_answer_is_undone_and_done_again(shared_data):
    """Reads the shared research data; skipped where they are not.

    The answer has the split of 2021 and no dividends, as it was asked for; what is left are the four dividends.
    """
    theirs, actions = recorded(shared_data, "NVDA-split-2021-02-01-to-2022-01-31")
    assert actions[["kind", "value"]].to_numpy().tolist() == [["split", 4.0]]
    raw = raw_from_split_adjusted(theirs, actions)
    day = raw["ts"].dt.date.astype("str")
    # 744.49 and 186.12 were traded, before the split of ten in 2024.
    assert raw.loc[day == "2021-07-20", "close"].item() == pytest.approx(186.12 / 10, rel=1e-3)
    assert raw.loc[day == "2021-07-19", "close"].item() == pytest.approx(751.19 / 10, rel=1e-3)
    ours = adjust(raw, actions, FOREVER)
    pd.testing.assert_series_equal(ours["close"], theirs["close"], rtol=1e-12)
    found = compare_adjusted(ours, theirs, 1e-5, actions)
    assert found["ts"].dt.strftime("%m-%d").tolist() == ["03-09", "06-09", "08-31", "12-01"]
    assert found["difference"].abs().max() < 4e-4


@pytest.mark.proof
def test_489_stocks_over_five_years_are_adjusted_as_yahoo_did(shared_data):
    """Reads the shared research data; skipped where they are not.

    The dividends are read off the provider's own factors and rounded, so this holds the arithmetic to theirs, on 7,822
    dividends and 607,131 returns; the largest difference is 8.1e-6, of HPQ, whose prices have six digits.
    """
    theirs = read_prices(shared_data / "equities" / "sp500_adj_2012-12_2017-12.parquet")
    actions = implied_dividends(theirs)
    assert len(actions) == 7822
    assert compare_adjusted(adjust(theirs, actions, FOREVER), theirs, 1e-5, actions).empty


def test_two_deliveries_of_one_provider_differ_where_it_changed_its_mind(shared_data):
    """Reads the shared research data; skipped where they are not.

    September against December 2017, 59,501 returns of 47 stocks: between the two the spin-off of Fortive (DHR) and
    the dividends of CMCSA, GOOG and PPL were adjusted for differently. All other returns agree to 5e-5.
    """
    theirs = read_prices(shared_data / "equities" / "sp500_adj_2012-12_2017-12.parquet")
    other = read_prices(shared_data / "equities" / "acl18_stocknet_prices_2012-09_2017-09.parquet")
    found = compare_adjusted(theirs, other, 5e-5)
    assert found["instrument"].value_counts().to_dict() == {"CMCSA": 8, "DHR": 6, "GOOG": 1, "PPL": 1}
    assert found["difference"].abs().max() == pytest.approx(0.48, abs=0.001)
