from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.ingestion.bars import clean_bars, clean_benchmark
from finq_predictor.domain.ingestion.rules import CleaningRules, ReadingRules, Rules
from finq_predictor.domain.market.calendars import get_calendar
from finq_predictor.domain.market.markets import get_market

EQUITY = Rules(get_market("equity"))
FX = Rules(get_market("fx"), cleaning=CleaningRules(max_jump=1.1, wick_factor=1.1))


def daily(symbol="A", first="2024-01-02", bars=10, price=100.0):
    start = pd.Timestamp(first)
    dates = get_calendar("XNYS").closes(start, start + pd.Timedelta(days=3 * bars)).index[:bars]
    close = price + np.arange(bars) * 0.1
    return pd.DataFrame(
        {
            "symbol": symbol,
            "date": dates.strftime("%Y-%m-%d"),
            "open": close,
            "high": close + 1,
            "low": close - 1,
            "close": close,
            "adj_close": close / 2,
            "volume": 1000.0,
        }
    )


def hourly(bars=10, first="2024-01-02"):
    close = 1.1 + np.arange(bars) * 1e-4
    frame = pd.DataFrame({"instrument": "EUR/USD", "time": pd.date_range(first, periods=bars, freq="h", tz="UTC")})
    for side, shift in (("mid", 0.0), ("bid", -1e-4), ("ask", 1e-4)):
        for part, width in (("o", 0.0), ("h", 1e-3), ("l", -1e-3), ("c", 0.0)):
            frame[f"{side}_{part}"] = close + shift + width
    return frame.assign(volume=5)


def set_cell(frame, row, **values):
    frame = frame.copy()
    for name, value in values.items():
        frame[name] = frame[name].astype(object)
        frame.loc[row, name] = value
    return frame


def only_rule(cleaned):
    assert len(cleaned.quarantine) == 1
    return cleaned.quarantine["rule"].iloc[0], cleaned.quarantine["reason"].iloc[0]


def test_good_bars_become_silver():
    cleaned = clean_bars(daily(), EQUITY)
    assert cleaned.quarantine.empty
    silver = cleaned.silver
    assert silver.columns.tolist() == [
        "instrument", "ts", "open", "high", "low", "close", "adj_close", "volume", "known_at",
    ]  # fmt: skip
    assert silver["ts"].iloc[0] == pd.Timestamp("2024-01-02 21:00", tz="UTC")
    assert str(silver["ts"].dtype) == str(silver["known_at"].dtype) == "datetime64[us, UTC]"
    assert (silver["known_at"] == silver["ts"]).all()


@pytest.mark.parametrize(
    ("values", "rule", "reason"),
    [
        ({"close": np.nan}, "missing_price", "no number in close"),
        ({"open": "n/a", "high": None}, "missing_price", "no number in open, high"),
        ({"adj_close": np.inf}, "missing_price", "no number in adj_close"),
        ({"low": 0.0}, "price_not_positive", "low is 0"),
        ({"high": 50.0}, "impossible_prices", "high 50"),
        ({"low": 100.35}, "impossible_prices", "low 100.35"),
        ({"volume": -5.0}, "negative_volume", "volume is -5"),
        ({"date": "2024-01-06"}, "no_session", "2024-01-06 is not a session of the calendar XNYS"),
        ({"date": "2024-01-15"}, "no_session", "2024-01-15"),
        ({"date": "yesterday"}, "bad_time", "cannot be read"),
        ({"date": "9024-01-02"}, "bad_time", "cannot be read"),
        ({"symbol": None}, "no_instrument", "missing"),
        ({"high": 1000.0}, "wild_wick", "high 1000"),
        (
            {"open": 10030.0, "high": 10040.0, "low": 10020.0, "close": 10030.0, "adj_close": 5015.0},
            "unconfirmed_jump",
            "close 10030",
        ),
        (
            {"open": 1.003, "high": 1.004, "low": 1.002, "close": 1.003, "adj_close": 0.5},
            "unconfirmed_jump",
            "close 1.003",
        ),
    ],
)
def test_each_bad_row_is_named(values, rule, reason):
    cleaned = clean_bars(set_cell(daily(), 3, **values), EQUITY)
    found, text = only_rule(cleaned)
    assert found == rule
    assert reason in text
    assert len(cleaned.silver) == 9
    assert cleaned.tally.rules == {rule: 1}


def test_zero_volume_and_rounding_are_kept():
    frame = set_cell(daily(), 3, volume=0.0)
    frame["high"] = frame["close"] * (1 - 5e-5)
    frame["low"] = frame["close"] * (1 - 6e-5)
    assert clean_bars(frame, EQUITY).quarantine.empty


def test_a_fall_that_is_traded_is_no_error_and_one_that_no_price_confirms_is_held_back():
    fallen = pd.concat([daily(bars=5), daily(bars=10, price=40.0).iloc[5:]], ignore_index=True)
    assert clean_bars(fallen, EQUITY).quarantine.empty
    split = fallen.assign(close=[*fallen["close"][:5], *fallen["close"][5:] / 10])
    split[["open", "high", "low"]] = split[["close"]].to_numpy() * [1.0, 1.001, 0.999]
    assert clean_bars(split, EQUITY).quarantine.empty, "the adjusted price knows of it"
    deep = pd.concat([daily(bars=5), daily(bars=10, price=4.0).iloc[5:]], ignore_index=True)
    cleaned = clean_bars(deep, EQUITY)
    assert only_rule(cleaned)[0] == "unconfirmed_jump"
    assert len(cleaned.silver) == 9
    assert cleaned.silver["close"].iloc[5] == pytest.approx(4.6), "from the second bar on"


def test_a_traded_price_of_a_crisis_stays_whatever_the_next_hour_brings():
    """AUD_USD fell and rose within hours on 2020-03-12; it could be traded at all of these prices."""
    frame = hourly()
    for name in [name for name in frame if name[:4] in ("mid_", "bid_", "ask_")]:
        frame.loc[4, name] *= 0.985
    rules = Rules(get_market("fx"), cleaning=CleaningRules(max_jump=1.5, wick_factor=1.1))
    assert clean_bars(frame, rules).quarantine.empty


def test_a_bar_that_is_not_complete_never_counts():
    frame = hourly().assign(complete=[True] * 9 + [False])
    cleaned = clean_bars(frame, FX)
    assert only_rule(cleaned)[0] == "incomplete"
    assert len(cleaned.silver) == 9
    # When it is delivered again, complete, it was not known before.
    again = pd.concat([frame, frame.iloc[[9]].assign(complete="true", mid_c=1.102, mid_h=1.103)], ignore_index=True)
    end = pd.Timestamp("2024-01-02 10:00", tz="UTC")
    again["_received_at"] = [end] * 10 + [end + pd.Timedelta(minutes=5)]
    later = clean_bars(again, FX)
    assert later.tally.rules == {"incomplete": 1}
    assert later.silver["close"].iloc[-1] == 1.102


@pytest.mark.parametrize(("hours", "kept"), [(15.9, 10), (16.0, 10), (16.1, 9), (30 * 24, 9)])
def test_a_bar_that_came_after_its_decision_is_missing(hours, kept):
    cleaned = clean_bars(_known(daily(), r4=hours), EQUITY)
    assert len(cleaned.silver) == kept
    if kept == 9:
        rule, reason = only_rule(cleaned)
        assert rule == "late_bar"
        assert f"{hours:.1f} h after its close" in reason
        assert "taken 16 h after it" in reason


def test_a_benchmark_that_came_after_its_decision_is_missing():
    cleaned = clean_benchmark(_known(daily(), r4=48).drop(columns="symbol"), EQUITY)
    assert only_rule(cleaned)[0] == "late_bar"


def test_what_is_delivered_later_changes_no_row_of_before():
    """Jumps, holes, wrong rows and an instrument that goes bad: silver up to a day is that of the data up to it."""
    rng = np.random.default_rng(3)
    frames = []
    for symbol in "ABC":
        frame = _known(daily(symbol, bars=120), **{f"r{row}": 40 for row in rng.integers(0, 120, 5)})
        for row in rng.integers(0, 120, 8):
            names = ["open", "high", "low", "close", "adj_close"]
            frame.loc[row, names] = frame.loc[row, names] * float(rng.choice([0.01, 0.3, 5.0, 100.0]))
        if symbol == "C":
            frame.loc[40:, "close"] = frame.loc[40:, "close"].where(rng.random(80) < 0.4)
        frames.append(frame)
    raw = pd.concat(frames, ignore_index=True)
    whole = clean_bars(raw, EQUITY)
    assert {"late_bar", "unconfirmed_jump", "unreliable_instrument"} <= set(whole.tally.rules)
    for ts in whole.silver["ts"].unique()[30::15]:
        part = clean_bars(raw[raw["known_at"] <= ts + EQUITY.market.decision_delay], EQUITY).silver
        expected = whole.silver[whole.silver["known_at"] <= ts + EQUITY.market.decision_delay]
        pd.testing.assert_frame_equal(part, expected.reset_index(drop=True))


def test_order_does_not_matter_and_is_counted():
    frame = pd.concat([daily("A"), daily("B")])
    shuffled = clean_bars(frame.sample(frac=1, random_state=1), EQUITY)
    pd.testing.assert_frame_equal(shuffled.silver, clean_bars(frame, EQUITY).silver)
    assert shuffled.tally.out_of_order > 0


def test_exact_and_conflicting_duplicates():
    frame = daily()
    frame = pd.concat([frame, frame.iloc[[2]], set_cell(frame.iloc[[4]], 4, close=100.9)])
    cleaned = clean_bars(frame, EQUITY)
    assert cleaned.tally.rules == {"duplicate": 1, "superseded": 1}
    assert cleaned.silver["close"].iloc[4] == 100.9


def _known(frame, **late):
    closes = pd.to_datetime(frame["date"]).dt.tz_localize("UTC") + pd.Timedelta(hours=21)
    frame = frame.assign(known_at=closes)
    for row, hours in late.items():
        frame.loc[int(row[1:]), "known_at"] += pd.Timedelta(hours=hours)
    return frame


@pytest.mark.parametrize(("hours", "close", "rule"), [(2, 100.9, "superseded"), (48, 100.4, "late_correction")])
def test_history_stays_what_was_known(hours, close, rule):
    corrected = pd.concat([daily(), set_cell(daily().iloc[[4]], 4, close=100.9)], ignore_index=True)
    cleaned = clean_bars(_known(corrected, r10=hours), EQUITY)
    assert cleaned.silver["close"].iloc[4] == close
    assert only_rule(cleaned)[0] == rule
    assert cleaned.silver["known_at"].iloc[4] == cleaned.silver["ts"].iloc[4] + pd.Timedelta(
        hours=hours if hours < 16 else 0
    )


def test_correction_of_an_unusable_row_counts_only_in_time():
    broken = set_cell(daily(), 4, close=np.nan)
    both = pd.concat([broken, daily().iloc[[4]]], ignore_index=True)
    assert len(clean_bars(_known(both, r10=2), EQUITY).silver) == 10
    late = clean_bars(_known(both, r10=48), EQUITY)
    assert late.tally.rules == {"late_correction": 1, "missing_price": 1}


def test_no_bar_is_known_before_its_close():
    silver = clean_bars(_known(daily(), r3=-2, r4=-48), EQUITY).silver
    assert (silver["known_at"] == silver["ts"]).all()


def test_a_bar_that_says_a_day_only_is_known_when_the_day_ends():
    """From its first minute on it would count as known at its close, whenever on that day it came."""
    cleaned = clean_bars(daily().assign(known_at=lambda bars: bars["date"]), EQUITY)
    assert len(cleaned.silver) == 10
    ends = cleaned.silver["ts"].dt.normalize() + pd.Timedelta("23:59:59.999999")
    assert cleaned.silver["known_at"].tolist() == ends.tolist()


def test_delivered_again_later_was_known_at_first():
    again = pd.concat([daily(), daily().iloc[[4]]], ignore_index=True)
    cleaned = clean_bars(_known(again, r10=3), EQUITY)
    assert (cleaned.silver["known_at"] == cleaned.silver["ts"]).all()


def test_later_delivery_of_an_incremental_source_is_known_when_received():
    first = daily().assign(_received_at=pd.Timestamp("2024-02-01", tz="UTC"))
    second = set_cell(daily().iloc[[4]], 4, close=100.9).assign(_received_at=pd.Timestamp("2024-03-01", tz="UTC"))
    cleaned = clean_bars(pd.concat([first, second], ignore_index=True), EQUITY)
    assert cleaned.silver["close"].iloc[4] == 100.4
    assert only_rule(cleaned)[0] == "late_correction"


def test_nothing_from_the_future():
    frame = daily().assign(_received_at=pd.Timestamp("2024-01-10 15:00", tz="UTC"))
    cleaned = clean_bars(frame, EQUITY)
    assert cleaned.silver["ts"].max() == pd.Timestamp("2024-01-09 21:00", tz="UTC")
    assert set(cleaned.quarantine["rule"]) == {"future"}
    as_of = clean_bars(daily(), replace(EQUITY, as_of=pd.Timestamp("2024-01-05 21:00", tz="UTC")))
    assert len(as_of.silver) == 4


@pytest.mark.parametrize("clean", [clean_bars, clean_benchmark])
def test_a_live_run_knows_what_had_come_and_not_what_had_closed(clean):
    frame = _known(daily(), r4=2)
    frame = frame if clean is clean_bars else frame.drop(columns="symbol")
    came = frame["known_at"].iloc[4]
    for moment, kept in ((came - pd.Timedelta(microseconds=1), 4), (came, 5)):
        cleaned = clean(frame, replace(EQUITY, as_of=moment))
        assert len(cleaned.silver) == kept
        assert (cleaned.silver["known_at"] <= moment).all()
        assert set(cleaned.quarantine["rule"]) == {"future"}


def test_instrument_that_is_mostly_unusable_is_left_out_from_when_it_shows():
    bad = daily("BHF", bars=60)
    bad.loc[20:50, "close"] = np.nan
    cleaned = clean_bars(pd.concat([bad, daily("A", bars=60)]), EQUITY)
    kept = cleaned.silver[cleaned.silver["instrument"] == "BHF"]
    # From the fiftieth row on it is seen that too many were bad; what came before was not known to be.
    assert len(kept) == 20
    assert cleaned.tally.rules == {"missing_price": 31, "unreliable_instrument": 9}


@pytest.mark.parametrize(
    "date", ["2024-01-02 00:00:00-05:00", "2024-01-02T00:00:00Z", 1704205800, "2024-01-02 16:00:00-05:00"]
)
def test_daily_bars_belong_to_the_session_of_their_date(date):
    frame = set_cell(daily(), 0, date=date)
    assert clean_bars(frame, EQUITY).silver["ts"].iloc[0] == pd.Timestamp("2024-01-02 21:00", tz="UTC")


def test_other_calendars():
    week_end = set_cell(daily(), 3, date="2024-01-06")
    inferred = clean_bars(
        week_end, replace(EQUITY, reading=ReadingRules("inferred", timezone="Europe/Paris", close_time="17:30"))
    )
    assert inferred.quarantine.empty
    assert inferred.silver["ts"].dt.strftime("%H:%M").unique().tolist() == ["16:30"]
    crypto = clean_bars(week_end, replace(EQUITY, reading=ReadingRules("24/7")))
    assert crypto.silver["ts"].iloc[0] == pd.Timestamp("2024-01-03", tz="UTC")


def test_intraday_bars_of_an_exchange():
    times = pd.date_range("2024-01-02 12:00", periods=12, freq="h", tz="UTC")
    frame = daily(bars=10).iloc[[0] * 12].assign(date=times)
    cleaned = clean_bars(frame, replace(EQUITY, reading=ReadingRules(bar_minutes=60)))
    assert cleaned.silver["ts"].min() == pd.Timestamp("2024-01-02 15:00", tz="UTC")
    assert cleaned.silver["ts"].max() == pd.Timestamp("2024-01-02 21:00", tz="UTC")
    assert set(cleaned.quarantine["rule"]) == {"no_session"}


def test_hours_of_foreign_exchange():
    silver = clean_bars(hourly(), FX).silver
    assert silver["instrument"].unique().tolist() == ["EUR_USD"]
    assert silver["ts"].iloc[0] == pd.Timestamp("2024-01-02 01:00", tz="UTC")
    assert "adj_close" not in silver
    closes = clean_bars(hourly(), replace(FX, reading=ReadingRules(time_marks="close"))).silver
    assert closes["ts"].iloc[0] == pd.Timestamp("2024-01-02 00:00", tz="UTC")


def test_quotes_that_cross_and_hours_that_are_closed():
    cleaned = clean_bars(set_cell(hourly(), 3, bid_c=1.2), FX)
    assert only_rule(cleaned)[0] == "crossed_quote"
    week_end = clean_bars(hourly(bars=3, first="2024-01-06 03:00"), FX)
    assert week_end.tally.rules == {"no_session": 3}


def test_mids_only_leave_quotes_missing():
    mids = hourly().filter(regex="instrument|time|volume|mid")
    silver = clean_bars(mids, FX).silver
    assert silver["bid_close"].isna().all()
    assert silver["close"].notna().all()


def test_benchmark_is_adjusted_and_needs_closes_only():
    frame = daily().drop(columns="symbol")
    silver = clean_benchmark(frame, EQUITY).silver
    assert silver.columns.tolist() == ["ts", "close", "known_at"]
    assert silver["close"].tolist() == frame["adj_close"].tolist()
    closes = clean_benchmark(frame[["date", "close"]], EQUITY).silver
    assert closes["close"].tolist() == frame["close"].tolist()


def test_a_price_index_beside_stocks_with_dividends_is_said():
    frame = daily().drop(columns="symbol")
    assert clean_benchmark(frame, EQUITY).tally.notes == ()
    (note,) = clean_benchmark(frame[["date", "close"]], EQUITY).tally.notes
    assert "if it is a price index, stocks with their dividends beat it" in note
    assert "deliver a total-return index" in note


def test_quarantine_keeps_the_row_as_delivered():
    frame = set_cell(daily(), 3, close="broken").assign(rule="theirs", sector="Energy")
    cleaned = clean_bars(frame, EQUITY)
    row = cleaned.quarantine.iloc[0]
    assert (row["close"], row["raw_rule"], row["rule"]) == ("broken", "theirs", "missing_price")
    assert set(cleaned.silver["sector"]) == {"Energy"}


def test_input_is_not_changed():
    frame = set_cell(daily(), 3, close="broken")
    before = frame.copy(deep=True)
    clean_bars(frame, EQUITY)
    pd.testing.assert_frame_equal(frame, before)


@st.composite
def dirty_bars(draw):
    frame = pd.concat([daily("A"), daily("B", price=20.0)], ignore_index=True)
    for _ in range(draw(st.integers(0, 8))):
        row = draw(st.integers(0, len(frame) - 1))
        column = draw(st.sampled_from(["open", "high", "low", "close", "adj_close", "volume", "date", "symbol"]))
        values = {"date": ["2024-01-03", "2024-01-06", "x"], "symbol": ["A", "B", None]}
        value = draw(st.sampled_from(values.get(column, [-1.0, 0.0, 0.5, 19.0, 100.0, 200.0, np.nan, "x"])))
        frame = set_cell(frame, row, **{column: value})
    again = draw(st.lists(st.integers(0, len(frame) - 1), max_size=5))
    return pd.concat([frame, frame.iloc[again]], ignore_index=True).sample(
        frac=1, random_state=draw(st.integers(0, 9)), ignore_index=True
    )


@given(dirty_bars())
@settings(deadline=None, max_examples=30)
def test_every_row_is_in_one_place_and_cleaning_again_changes_nothing(frame):
    cleaned = clean_bars(frame, EQUITY)
    silver = cleaned.silver
    assert len(silver) + len(cleaned.quarantine) == len(frame)
    assert cleaned.quarantine["reason"].str.len().gt(0).all()
    assert not silver.duplicated(["instrument", "ts"]).any()
    assert (silver["low"] > 0).all()
    assert silver.equals(silver.sort_values(["ts", "instrument"], ignore_index=True))
    if len(silver):
        again = clean_bars(silver, EQUITY)
        assert again.quarantine.empty
        pd.testing.assert_frame_equal(again.silver, silver)
