"""When the simulated markets are open."""

from __future__ import annotations

import warnings

import pandas as pd

from finq_predictor.domain.columns import UTC_MICROSECONDS, WALL_MICROSECONDS

NEW_YORK = "America/New_York"


def _start(end: str, years: float) -> tuple[pd.Timestamp, pd.Timestamp]:
    last = pd.Timestamp(end)
    return last - pd.Timedelta(days=round(years * 365.25) - 1), last


def equity_sessions(end: str, years: float) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
    """Sessions of the New York Stock Exchange and their closes, early closes included.

    Args:
        end: Last day, ISO date.
        years: Years back from the last day.

    Returns:
        T session dates without zone, and T closes in UTC.
    """
    import exchange_calendars

    first, last = _start(end, years)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # exchange_calendars 4.13 uses what pandas 3.1 deprecates
        calendar = exchange_calendars.get_calendar("XNYS", start=first, end=last)
    closes = pd.DatetimeIndex(calendar.closes.array).astype(UTC_MICROSECONDS)
    return pd.DatetimeIndex(calendar.sessions).astype(WALL_MICROSECONDS), closes


def fx_hours(end: str, years: float) -> pd.DatetimeIndex:
    """Starts of the hours in which currencies trade: Sunday to Friday 17:00 New York, not around Christmas, New Year.

    Args:
        end: Last day, ISO date.
        years: Years back from the last day.

    Returns:
        T hour starts in UTC, increasing; week-ends are absent.
    """
    first, last = _start(end, years)
    hours = pd.date_range(first, last + pd.Timedelta(hours=23), freq="h", tz="UTC").astype(UTC_MICROSECONDS)
    # Seven hours on, the trading day of 17:00 to 17:00 New York is a calendar day from Monday to Friday.
    local = hours.tz_convert(NEW_YORK).tz_localize(None)
    trading_day = local + pd.Timedelta(hours=7)
    holiday = (trading_day.month == 12) & (trading_day.day == 25) | (trading_day.month == 1) & (trading_day.day == 1)
    return hours[(trading_day.day_of_week < 5) & ~holiday]
