from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.ingestion.times import parse_times

NOON = pd.Timestamp("2024-03-05 12:00", tz="UTC")


@pytest.mark.parametrize(
    "value",
    [
        "2024-03-05T12:00:00Z",
        "2024-03-05T12:00:00.000000000Z",
        "2024-03-05 12:00:00+00:00",
        "2024-03-05 07:00:00-05:00",
        "Tue, 05 Mar 2024 12:00:00 GMT",
        "2024-03-05 12:00",
        "2024.03.05 12:00:00",
        NOON.timestamp(),
        str(int(NOON.timestamp())),
        int(NOON.timestamp() * 1000),
        int(NOON.timestamp() * 1_000_000),
        NOON.value,
        NOON,
        NOON.tz_convert("Asia/Tokyo"),
        NOON.tz_localize(None),
        NOON.to_pydatetime(),
    ],
)
def test_one_moment_in_many_ways(value):
    parsed = parse_times(pd.Series([value, value])).utc
    assert parsed.tolist() == [NOON, NOON]
    assert str(parsed.dtype) == "datetime64[us, UTC]"


@pytest.mark.parametrize("value", ["2024-03-05", "20240305", 20240305, dt.date(2024, 3, 5), "03/05/2024", "5 Mar 2024"])
def test_dates_are_midnights(value):
    assert parse_times(pd.Series([value])).wall.tolist() == [pd.Timestamp("2024-03-05")]


def test_day_first_is_seen_or_said():
    assert parse_times(pd.Series(["05/03/2024", "25/03/2024"])).wall.dt.month.tolist() == [3, 3]
    assert parse_times(pd.Series(["05/03/2024"]), day_first=True).wall.dt.month.tolist() == [3]


def test_zone_of_times_without_one():
    utc = parse_times(pd.Series(["2024-03-05 07:00", "2024-07-05 08:00"]), "America/New_York").utc
    assert utc.dt.hour.tolist() == [12, 12]


def test_clock_as_written_is_kept():
    assert parse_times(pd.Series(["2024-03-05 00:00:00-05:00"])).wall.tolist() == [pd.Timestamp("2024-03-05")]


def test_what_cannot_be_read_is_missing():
    parsed = parse_times(pd.Series(["soon", None, "", "2024-03-05"]))
    assert parsed.utc.isna().tolist() == [True, True, True, False]
    assert parsed.wall.isna().tolist() == [True, True, True, False]


def test_styles_may_mix():
    parsed = parse_times(pd.Series(["2024-03-05T12:00:00Z", "2024-03-05 12:00", "20240305"])).utc
    assert parsed.tolist() == [NOON, NOON, NOON.normalize()]


def test_unknown_zone():
    with pytest.raises(ConfigurationError, match="Unknown time zone 'Mars'"):
        parse_times(pd.Series(["2024-03-05"]), "Mars")


@given(st.lists(st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2049, 1, 1)), min_size=1, max_size=5))
def test_iso_round_trip(moments):
    moments = pd.Series(pd.to_datetime(moments).as_unit("us")).dt.tz_localize("UTC")
    assert parse_times(moments.map(lambda moment: moment.isoformat())).utc.tolist() == moments.tolist()


@pytest.mark.parametrize(
    ("value", "zone", "latest"),
    [
        ("2024-03-05", "UTC", "2024-03-05 23:59:59.999999"),
        (20240305, "UTC", "2024-03-05 23:59:59.999999"),
        (dt.date(2024, 3, 5), "Asia/Tokyo", "2024-03-05 14:59:59.999999"),
        ("2024-03-10", "America/New_York", "2024-03-11 03:59:59.999999"),  # a day of 23 hours
        ("2024-11-03", "America/New_York", "2024-11-04 04:59:59.999999"),  # and one of 25
        ("2024-03-05T00:00:00-05:00", "UTC", "2024-03-06 04:59:59.999999"),
        (pd.Timestamp("2024-03-05"), "UTC", "2024-03-05 23:59:59.999999"),
        ("2024-03-05 00:00:01", "UTC", "2024-03-05 00:00:01"),
        ("2024-03-05T00:00:00.000001Z", "UTC", "2024-03-05 00:00:00.000001"),
        (1_709_596_800, "UTC", "2024-03-05 00:00:00"),  # seconds since 1970 say a time
    ],
)
def test_a_date_is_over_when_its_day_ends(value, zone, latest):
    assert parse_times(pd.Series([value]), zone).latest().tolist() == [pd.Timestamp(latest, tz="UTC")]


@pytest.mark.parametrize(
    ("times", "dated"),
    [
        (["2024-03-05 00:00:00", "2024-03-06 00:00:00"], 2),  # a table of dates as it is often exported
        (["2024-03-05", "2024-03-06 10:17", "2024-03-07 11:02"], 1),  # what is written as a date is one
        (list(pd.date_range("2024-03-05", periods=480, freq="h", tz="UTC")), 0),  # every hour, midnights among them
        (["2024-03-05 00:00", *(f"2024-03-06 {hour:02}:15" for hour in range(24))], 0),  # it may happen
        # Old articles have a date, new ones a time.
        ([*["2019-03-05 00:00:00"] * 5, *(f"2024-03-06 {hour:02}:15:20" for hour in range(24))], 5),
        ([1_709_596_800, 1_709_683_200], 0),
    ],
)
def test_midnight_is_a_date_where_it_cannot_be_chance(times, dated):
    assert int(parse_times(pd.Series(times)).dated.sum()) == dated


def test_a_date_may_have_a_time_of_release():
    dates = parse_times(pd.Series(["2024-03-05", "2024-07-05", "2024-07-05 10:00"]), "America/New_York")
    assert dates.latest("08:30").dt.strftime("%H:%M").tolist() == ["13:30", "12:30", "14:00"]


def test_the_latest_moment_of_what_cannot_be_read_is_missing():
    assert parse_times(pd.Series(["soon", None, "2024-03-05"])).latest().isna().tolist() == [True, True, False]


def test_to_be_known_at_the_end_of_a_day_once_is_enough():
    once = parse_times(pd.Series(["2024-03-05", "2024-03-05 10:00"])).latest()
    pd.testing.assert_series_equal(parse_times(once).latest(), once)
