"""The week of foreign exchange, from Sunday to Friday 17:00 in New York."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array
from finq_predictor.domain.market.calendars.base import Calendar, session_date

ZONE = "America/New_York"
_CLOSE_HOUR = 17
_DAY = 24 * 60
# Minutes since Monday midnight in New York.
_WEEK_CLOSES = 4 * _DAY + _CLOSE_HOUR * 60
_WEEK_OPENS = 6 * _DAY + _CLOSE_HOUR * 60
# Feeds stamp the last quotes of a week into the hour after the close, and open up to an hour early.
_GRACE = 60


@dataclass(frozen=True)
class ForeignExchangeWeek(Calendar):
    """Trading days that begin and end at 17:00 in New York, Monday to Friday, without Christmas and New Year's Day."""

    @property
    def zone(self) -> str:
        """New York."""
        return ZONE

    @property
    def dated(self) -> bool:
        """A daily bar is a day of the clock: brokers disagree about where a day of trading ends."""
        return False

    def opens(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
        """Opens on the evening before each trading day, see `Calendar.opens`."""
        days = _trading_days(start, end)
        return _evenings(days - pd.Timedelta(days=1), days)

    def closes(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
        """Closes of trading days, see `Calendar.closes`."""
        days = _trading_days(start, end)
        return _evenings(days, days)

    def outside(self, starts: pd.Series, ends: pd.Series) -> Array:
        """Bars wholly in the week-end, an hour of grace on either side; a holiday on which someone quotes is none."""
        begin, end = _minute_of_week(starts), _minute_of_week(ends)
        inside = (begin >= _WEEK_CLOSES + _GRACE) & (end <= _WEEK_OPENS - _GRACE) & (end > begin)
        return np.asarray(inside, dtype=bool)


def _trading_days(start: pd.Timestamp, end: pd.Timestamp) -> pd.DatetimeIndex:
    days = pd.bdate_range(session_date(start), session_date(end), unit="us")
    holiday = ((days.month == 12) & (days.day == 25)) | ((days.month == 1) & (days.day == 1))
    return days[~holiday]


def _evenings(dates: pd.DatetimeIndex, days: pd.DatetimeIndex) -> pd.Series:
    """17:00 in New York on each date, indexed by the trading day it belongs to."""
    local = (dates + pd.Timedelta(hours=_CLOSE_HOUR)).tz_localize(ZONE)
    return pd.Series(local.tz_convert("UTC").as_unit("us"), index=days)


def _minute_of_week(times: pd.Series) -> Array:
    local = times.dt.tz_convert(ZONE).dt
    return np.asarray(local.day_of_week * _DAY + local.hour * 60 + local.minute, dtype=float)
