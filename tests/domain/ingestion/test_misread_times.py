"""Times that were read in the wrong zone are told by the hours at which a market begins and ends its week."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from finq_predictor.domain.ingestion.bars import clean_bars
from finq_predictor.domain.ingestion.gates import check_times
from finq_predictor.domain.ingestion.misread_times import find_misread
from finq_predictor.domain.ingestion.rules import GateLimits, ReadingRules, Rules
from finq_predictor.domain.ingestion.tally import Delivery
from finq_predictor.domain.market.calendars import get_calendar
from finq_predictor.domain.market.markets import get_market
from finq_predictor.simulation import FxMarketConfig, simulate_fx

FX, EQUITY = Rules(get_market("fx")), Rules(get_market("equity"))
HOURLY = replace(EQUITY, reading=ReadingRules(bar_minutes=60))
HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)


def bars(times, *names, length=HOUR):
    start = pd.Series(pd.DatetimeIndex(times).as_unit("us"))
    return pd.concat(
        [pd.DataFrame({"instrument": name, "_start": start, "ts": start + length}) for name in names], ignore_index=True
    )


def read_as_utc(times, zone):
    return times.dt.tz_convert(zone).dt.tz_localize(None).dt.tz_localize("UTC")


def summer(times, zone):
    return times.map(lambda moment: moment.tz_convert(zone).dst())


def week_of_currencies():
    hours = pd.Series(pd.date_range("2019-01-06T22:00Z", "2020-12-31T22:00Z", freq="h"))
    inside = ~get_calendar("24/5").outside(hours, hours + HOUR)
    local = hours.dt.tz_convert("America/New_York").dt
    at_week = ~((local.day_of_week == 4) & (local.hour >= 17)) & ~((local.day_of_week == 6) & (local.hour < 17))
    return hours[inside & at_week].reset_index(drop=True)


MISREAD = {
    "New York": (lambda t: read_as_utc(t, "America/New_York"), "look like America/New_York local time read as UTC"),
    "Athens": (lambda t: read_as_utc(t, "Europe/Athens"), "timezone: Europe/Athens"),
    "an hour late": (
        lambda t: t + HOUR,
        "look 1 h late: ",
    ),
    "a fixed clock": (lambda t: t - 2 * HOUR, "set ingestion.reading.timezone: Etc/GMT+2"),
    "half an hour": (lambda t: t + HOUR / 2, "look 0.5 h late"),
    "no summer time": (lambda t: t + summer(t, "America/New_York"), "look 1 h late while New York has summer time"),
    "weeks between": (
        lambda t: t + summer(t, "America/New_York") - summer(t, "Europe/London"),
        "1 h late while New York has summer time and 1 h early while Europe has summer time",
    ),
    "from a date on": (lambda t: t.where(t < "2020-11-22T00:00Z", t + 2 * HOUR), "since 2020-11-22 look 2 h late"),
    "for a while": (
        lambda t: t.where((t < "2020-02-02") | (t > "2020-06-27"), t - HOUR),
        "from 2020-02-02 up to 2020-06-21 look 1 h early",
    ),
}


@pytest.mark.parametrize("case", MISREAD)
def test_a_made_week_of_currencies_tells_what_happened(case):
    change, expected = MISREAD[case]
    (found,) = find_misread(bars(change(week_of_currencies()), "EUR_USD", "AUD_USD"), FX)
    assert expected in found.sentence
    assert "AUD_USD, EUR_USD" in found.sentence


@pytest.mark.parametrize("case", MISREAD)
def test_real_hours_of_six_years_tell_it_too(shared_data, case):
    name = "EUR_USD_H1_mid_bid_ask_2016-01_2021-12.parquet"
    times = pd.to_datetime(pd.read_parquet(shared_data / "fx" / name, columns=["time"])["time"], utc=True)
    times = times[times >= "2018-12-30"].reset_index(drop=True)
    assert find_misread(bars(times, "EUR_USD"), FX) == ()
    change, expected = MISREAD[case]
    (found,) = find_misread(bars(change(times), "EUR_USD"), FX)
    assert expected.split(":")[0] in found.sentence


def test_real_times_are_let_alone(shared_data):
    fx = shared_data / "fx"
    old = pd.read_csv(fx / "EUR_USD_H1_2000-05_2015-12.tsv.gz", sep="\t", usecols=["TIME"])["TIME"]
    new = pd.read_json(fx / "USD_SGD_H1_mid_bid_ask_2025-01_2025-06.ndjson.gz", lines=True)["time"]
    aud = pd.read_parquet(fx / "AUD_USD_H1_mid_bid_ask_2016-01_2021-12.parquet", columns=["time"])["time"]
    for times in (
        pd.to_datetime(old, unit="s", utc=True),
        pd.to_datetime(new, utc=True),
        pd.to_datetime(aud, utc=True),
    ):
        assert find_misread(bars(times, "EUR_USD"), FX) == ()
    daily = pd.read_parquet(
        shared_data / "equities" / "acl18_stocknet_prices_2012-09_2017-09.parquet", columns=["symbol", "date"]
    )
    starts = pd.to_datetime(daily["date"], utc=True).dt.as_unit("us")
    assert find_misread(pd.DataFrame({"instrument": daily["symbol"], "_start": starts, "ts": starts}), EQUITY) == ()


def sessions():
    calendar = get_calendar("XNYS")
    span = pd.Timestamp("2019-01-01"), pd.Timestamp("2020-12-31")
    return calendar.opens(*span), calendar.closes(*span)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda t: read_as_utc(t, "America/New_York"), "timezone: America/New_York"),
        (lambda t: t + HOUR, "look 1 h late"),
        (lambda t: t + summer(t, "America/New_York"), "1 h late while New York has summer time"),
        (lambda t: t.where(t < "2020-06-01", t - HOUR), "since 2020-05-31 look 1 h early"),
    ],
)
def test_hours_of_an_exchange(change, expected):
    times = [moment for span in zip(*sessions(), strict=True) for moment in pd.date_range(*span, freq="h")[:7]]
    times = pd.Series(times)
    assert find_misread(bars(times, "AAPL"), HOURLY) == ()
    (found,) = find_misread(bars(change(times), "AAPL"), HOURLY)
    assert expected in found.sentence


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda d: d - DAY, "look dated one day early"),
        (lambda d: d + DAY, "look dated one day late"),
        (lambda d: d.where(d < "2020-06-01", d - DAY), "since 2020-05-31 look dated one day early"),
    ],
)
def test_sessions_dated_by_another_clock(change, expected):
    dates = pd.Series(sessions()[1].index).dt.tz_localize("UTC")
    assert find_misread(bars(dates, "AAPL", length=DAY), EQUITY) == ()
    (found,) = find_misread(bars(change(dates), "AAPL", "MSFT", length=DAY), EQUITY)
    assert expected in found.sentence


def test_one_instrument_of_many_is_named():
    week = week_of_currencies()
    mixed = pd.concat([bars(week, "EUR_USD", "AUD_USD"), bars(week + HOUR, "USD_JPY")], ignore_index=True)
    (found,) = find_misread(mixed, FX)
    assert found.sentence.startswith("times of USD_JPY look 1 h late")


def test_bars_beyond_trading_hours_and_strays_are_not_misread():
    """A source with hours before and after trading says nothing about its clock, nor do bars of a few odd weeks."""
    opens, closes = sessions()
    long = [pd.date_range(a - 5 * HOUR, b + 4 * HOUR, freq="30min") for a, b in zip(opens, closes, strict=True)]
    halves = replace(EQUITY, reading=ReadingRules(bar_minutes=30))
    assert find_misread(bars(pd.Series(long[0].append(long[1:])), "AAPL", length=HOUR / 2), halves) == ()
    week = week_of_currencies()
    strays = pd.Series([week.iloc[place * 500] + 38 * HOUR for place in range(12)])
    assert find_misread(bars(pd.concat([week, strays]).drop_duplicates(), "EUR_USD"), FX) == ()


def test_calendars_without_hours_have_nothing_to_compare_with():
    every = bars(pd.Series(pd.date_range("2020-01-01", periods=2000, freq="h", tz="UTC")), "EUR_USD")
    for calendar in ("24/7", "inferred"):
        assert find_misread(every, replace(FX, reading=ReadingRules(calendar=calendar))) == ()
    assert find_misread(every.iloc[:0], FX) == ()


def test_a_misread_delivery_says_so_and_stops_at_the_gate_and_no_row_changes():
    raw = simulate_fx(FxMarketConfig(years=0.25)).quotes
    clean = clean_bars(raw, FX)
    assert clean.tally.misread == {}
    assert check_times(Delivery.of("bars", raw, clean.tally), GateLimits()).passed
    late = raw.assign(time=pd.to_datetime(raw["time"], utc=True) + 6 * HOUR)
    found = clean_bars(late, FX)
    check = check_times(Delivery.of("bars", late, found.tally), GateLimits())
    assert (check.rule, check.passed) == ("max_misread_weeks", False)
    assert "look 6 h late" in check.rows[0]
    assert check.rows[0] in found.tally.notes
    assert check_times(Delivery.of("bars", late, found.tally), GateLimits(max_misread_weeks=100)).passed
    # It is a judgement: what can be used is used as before.
    silent = {moment - 6 * HOUR for moment in found.silver["ts"]}
    assert silent <= set(clean.silver["ts"])
