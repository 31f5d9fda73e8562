"""When each kind of calendar opens and closes, and which bars lie outside."""

from __future__ import annotations

import pandas as pd
import pytest

from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.market.calendars import Calendar, get_calendar

DAY = pd.Timestamp
NEW_YORK, FX, ALWAYS = get_calendar("XNYS"), get_calendar("24/5"), get_calendar("24/7")


def test_early_close_and_holidays():
    closes = NEW_YORK.closes(DAY("2024-11-25"), DAY("2024-12-02"))
    assert DAY("2024-11-28") not in closes.index
    assert closes[DAY("2024-11-27")] == DAY("2024-11-27 21:00", tz="UTC")
    assert closes[DAY("2024-11-29")] == DAY("2024-11-29 18:00", tz="UTC")
    assert str(closes.dtype) == "datetime64[us, UTC]"
    assert closes.index.dtype == "datetime64[us]"


def test_summer_time():
    closes = NEW_YORK.closes(DAY("2024-07-01"), DAY("2024-07-01", tz="UTC"))
    assert closes.tolist() == [DAY("2024-07-01 20:00", tz="UTC")]
    assert NEW_YORK.opens(DAY("2024-07-01"), DAY("2024-07-01")).tolist() == [DAY("2024-07-01 13:30", tz="UTC")]


def test_other_exchanges_and_round_the_clock():
    assert len(get_calendar("XLON").closes(DAY("2024-12-23"), DAY("2024-12-27"))) == 3
    assert ALWAYS.opens(DAY("2024-01-06"), DAY("2024-01-06")).tolist() == [DAY("2024-01-06", tz="UTC")]
    assert ALWAYS.closes(DAY("2024-01-06"), DAY("2024-01-06")).tolist() == [DAY("2024-01-07", tz="UTC")]


def test_trading_days_of_foreign_exchange():
    start, end = DAY("2024-01-05"), DAY("2024-01-08")
    assert FX.opens(start, end).tolist() == [DAY("2024-01-04 22:00", tz="UTC"), DAY("2024-01-07 22:00", tz="UTC")]
    assert FX.closes(start, end).tolist() == [DAY("2024-01-05 22:00", tz="UTC"), DAY("2024-01-08 22:00", tz="UTC")]
    days = FX.closes(DAY("2024-12-24"), DAY("2025-01-02")).index
    assert days.strftime("%m-%d").tolist() == ["12-24", "12-26", "12-27", "12-30", "12-31", "01-02"]


def test_sessions_from_the_data():
    dates = pd.Series(pd.to_datetime(["2024-01-04", "2024-01-02", "2024-01-02", None]))
    closes = get_calendar("inferred", timezone="Asia/Tokyo", close_time="15:00").closes_of(dates)
    assert closes.tolist() == [DAY("2024-01-02 06:00", tz="UTC"), DAY("2024-01-04 06:00", tz="UTC")]
    with pytest.raises(ConfigurationError, match="close_time"):
        get_calendar("inferred", close_time="tea").closes_of(dates)


def test_sessions_from_the_data_are_not_made_up():
    inferred = get_calendar("inferred")
    for ask in (inferred.opens, inferred.closes):
        with pytest.raises(ConfigurationError, match="knows none from 2024-01-01 to 2024-01-05"):
            ask(DAY("2024-01-01"), DAY("2024-01-05"))


def test_expected_closes():
    seen = pd.Series(pd.to_datetime(["2024-01-03", "2024-01-02", "2024-01-03"], utc=True))
    start, end = DAY("2024-01-02", tz="UTC"), DAY("2024-01-04", tz="UTC")
    assert get_calendar("inferred").expected(seen, start, end).tolist() == [seen[1], seen[0]]
    assert len(NEW_YORK.expected(seen, start, end)) == 3
    assert len(NEW_YORK.expected(seen, end, start)) == 1


def test_unknown_calendar_suggests():
    with pytest.raises(UnknownNameError, match="XNYS"):
        get_calendar("XNYSE")
    with pytest.raises(UnknownNameError, match="24/7"):
        get_calendar("24/6")


def test_a_calendar_that_does_not_reach_so_far_says_so():
    with pytest.raises(ConfigurationError, match=r"does not reach over 1990 to 1991.*inferred"):
        get_calendar("XBOM").closes(DAY("1990-05-01"), DAY("1991-05-01"))


def test_zones():
    assert NEW_YORK.zone == "America/New_York"
    assert FX.zone == "America/New_York"
    assert ALWAYS.zone == get_calendar("inferred").zone == "UTC"
    assert get_calendar("inferred", timezone="Asia/Tokyo").zone == "Asia/Tokyo"


def test_a_date_names_a_session_of_an_exchange_only():
    assert NEW_YORK.dated
    assert get_calendar("inferred").dated
    assert not FX.dated
    assert not ALWAYS.dated


def outside(calendar: Calendar, start: str | None, bar: str = "1h") -> bool:
    starts = pd.Series(pd.to_datetime([start], utc=True)).dt.as_unit("us")
    return bool(calendar.outside(starts, starts + pd.Timedelta(bar))[0])


@pytest.mark.parametrize(
    ("start", "closed"),
    [
        ("2024-01-05 21:00", False),  # Friday 16:00 in New York, the last hour
        ("2024-01-05 22:00", False),  # within the grace after the close
        ("2024-01-05 23:00", True),
        ("2024-01-06 12:00", True),
        ("2024-01-07 20:00", True),  # Sunday 15:00
        ("2024-01-07 21:00", False),  # an hour before the open
        ("2024-01-07 22:00", False),
        ("2024-07-05 22:00", True),  # summer: an hour earlier in UTC
        ("2024-07-07 20:00", False),
        ("2024-01-09 03:00", False),
        ("2024-12-25 12:00", False),  # whoever quotes at Christmas may
        (None, False),
    ],
)
def test_week_end_of_foreign_exchange(start, closed):
    assert outside(FX, start) is closed


def test_daily_bars_of_foreign_exchange():
    days = ("2024-01-05", "2024-01-06", "2024-01-07", None)
    assert [outside(FX, day, "1D") for day in days] == [False, True, False, False]


@pytest.mark.parametrize(
    ("start", "closed"),
    [
        ("2024-01-05 13:00", True),
        ("2024-01-05 14:00", False),  # overlaps the open at 14:30
        ("2024-01-05 20:00", False),
        ("2024-01-05 21:00", True),
        ("2024-01-06 15:00", True),
        ("2024-11-29 17:00", False),
        ("2024-11-29 18:00", True),  # early close
        (None, False),
    ],
)
def test_hours_of_an_exchange(start, closed):
    assert outside(NEW_YORK, start) is closed


@pytest.mark.parametrize("code", ["24/7", "inferred"])
def test_nothing_is_outside_what_has_no_hours(code):
    assert not outside(get_calendar(code), "2024-12-25 03:00")
