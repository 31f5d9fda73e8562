"""When a market is open, and when the close of a session is known."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import UTC_MICROSECONDS
from finq_predictor.domain.errors import ConfigurationError, UnknownNameError

ALWAYS_OPEN = "24/7"
OPEN_ON_WEEKDAYS = "24/5"
INFERRED = "inferred"

# The week of foreign exchange ends and begins at 17:00 in New York.
FX_ZONE = "America/New_York"
_DAY = 24 * 60
_FX_CLOSE = 4 * _DAY + 17 * 60
_FX_OPEN = 6 * _DAY + 17 * 60
# Feeds stamp the last quotes of a week into the hour after the close, and open up to an hour early.
_FX_GRACE = 60
# Dates outside are wrong; asking a calendar for them would build centuries of holidays.
FIRST_YEAR, LAST_YEAR = 1970, 2049


def session_closes(calendar: str, start: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
    """Closes of all sessions in a range, early closes included.

    Args:
        calendar: A code of ``exchange_calendars``, such as ``XNYS``, ``24/5`` (New York's Monday to Friday, closing
            at 17:00 there) or ``24/7`` (midnight UTC).
        start: First date; zone and time of day do not count.
        end: Last date.

    Returns:
        ``datetime64[us, UTC]`` closes, indexed by session date (naive midnight), ascending.

    Raises:
        UnknownNameError: If there is no such calendar.
        ConfigurationError: If the calendar does not reach over the range.
    """
    first, last = _date(start), _date(end)
    if calendar == ALWAYS_OPEN:
        days = pd.date_range(first, last, freq="D", unit="us")
        return pd.Series((days + pd.Timedelta(days=1)).tz_localize("UTC").as_unit("us"), index=days)
    if calendar == OPEN_ON_WEEKDAYS:
        days = pd.bdate_range(first, last, unit="us")
        closes = (days + pd.Timedelta(hours=17)).tz_localize(FX_ZONE).tz_convert("UTC").as_unit("us")
        return pd.Series(closes, index=days)
    schedule = _schedule(calendar, max(first.year, FIRST_YEAR), min(last.year, LAST_YEAR))
    return schedule.loc[first:last, "close"]


def session_opens(calendar: str, start: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
    """Opens of all sessions in a range of an exchange; arguments, result and errors as `session_closes`."""
    first, last = _date(start), _date(end)
    return _schedule(calendar, max(first.year, FIRST_YEAR), min(last.year, LAST_YEAR)).loc[first:last, "open"]


def calendar_zone(calendar: str) -> str:
    """Time zone of an exchange; New York for ``24/5``, UTC for ``24/7`` and ``inferred``."""
    if calendar == OPEN_ON_WEEKDAYS:
        return FX_ZONE
    if calendar in (ALWAYS_OPEN, INFERRED):
        return "UTC"
    return str(_exchange(calendar, "2020-01-01", "2020-12-31").tz)


def inferred_closes(dates: pd.Series, timezone: str, close_time: str) -> pd.Series:
    """Sessions that are simply the dates in the data, all closing at one time of day.

    Args:
        dates: Naive midnights, in any order, repeated or missing.
        timezone: Zone of the close.
        close_time: Such as ``16:00``.

    Returns:
        As `session_closes`.
    """
    days = pd.DatetimeIndex(dates.dropna().unique()).sort_values().as_unit("us")
    try:
        closes = (days + pd.Timedelta(f"{close_time}:00")).tz_localize(timezone, nonexistent="shift_forward")
    except ValueError as error:
        raise ConfigurationError(f"`close_time` {close_time!r} cannot be read; give it as '16:00'.") from error
    return pd.Series(closes.tz_convert("UTC").as_unit("us"), index=days)


def fx_market_closed(starts: pd.Series, bar: pd.Timedelta) -> np.ndarray:
    """Bars that lie wholly in the week-end of foreign exchange, an hour of grace on either side.

    Args:
        starts: ``datetime64[us, UTC]`` starts of bars; NaT is not closed.
        bar: Length of a bar.

    Returns:
        (n,) booleans.
    """
    begin, end = _minute_of_week(starts), _minute_of_week(starts + bar)
    inside = (begin >= _FX_CLOSE + _FX_GRACE) & (end <= _FX_OPEN - _FX_GRACE) & (end > begin)
    return np.asarray(inside, dtype=bool)


def _minute_of_week(times: pd.Series) -> np.ndarray:
    local = times.dt.tz_convert(FX_ZONE).dt
    return np.asarray(local.day_of_week * _DAY + local.hour * 60 + local.minute, dtype=float)


def _date(moment: pd.Timestamp) -> pd.Timestamp:
    return pd.Timestamp(moment).tz_localize(None).normalize().as_unit("us")


@lru_cache(maxsize=32)
def _schedule(calendar: str, first_year: int, last_year: int) -> pd.DataFrame:
    """Opens and closes of whole years, so that neighbouring questions share one answer."""
    try:
        found = _exchange(calendar, f"{first_year}-01-01", f"{last_year}-12-31")
    except ValueError as error:
        raise ConfigurationError(
            f"The calendar {calendar!r} does not reach over {first_year} to {last_year}: {error} "
            "Set `calendar: inferred` to take the dates in the data as sessions."
        ) from error
    frame = pd.DataFrame({"open": found.opens.astype(UTC_MICROSECONDS), "close": found.closes.astype(UTC_MICROSECONDS)})
    frame.index = pd.DatetimeIndex(frame.index.as_unit("us").to_numpy(), name="session")
    return frame


@lru_cache(maxsize=32)
def _exchange(calendar: str, start: str, end: str) -> Any:
    import exchange_calendars

    names = set(exchange_calendars.get_calendar_names(include_aliases=True))
    if calendar not in names:
        raise UnknownNameError("calendar", calendar, {*names, ALWAYS_OPEN, OPEN_ON_WEEKDAYS, INFERRED})
    with warnings.catch_warnings():
        # The library reads time zones the way pandas 2 did; the result is right.
        warnings.simplefilter("ignore", DeprecationWarning)
        return exchange_calendars.get_calendar(calendar, start=start, end=end)
