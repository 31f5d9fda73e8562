"""The sessions of an exchange, with its holidays, early closes and pauses."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array
from finq_predictor.domain.columns import UTC_MICROSECONDS
from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.market.calendars.base import FIRST_YEAR, LAST_YEAR, Calendar, session_date

_WEEK = pd.Timedelta(days=7)


@dataclass(frozen=True)
class ExchangeCalendar(Calendar):
    """One of the calendars of the library ``exchange_calendars``, which is imported when first needed."""

    @classmethod
    def named(cls, code: str, beside: Iterable[str] = ()) -> ExchangeCalendar:
        """The calendar of an exchange.

        Args:
            code: Code or alias.
            beside: Further codes that exist, for the message.

        Raises:
            UnknownNameError: If there is no such exchange; near misses are suggested.
        """
        import exchange_calendars

        names = exchange_calendars.get_calendar_names(include_aliases=True)
        if code not in names:
            raise UnknownNameError("calendar", code, {*names, *beside})
        return cls(code)

    @property
    def zone(self) -> str:
        """Where the exchange is."""
        return str(_exchange(self.code, "2020-01-01", "2020-12-31").tz)

    @property
    def dated(self) -> bool:
        """A daily bar is a session."""
        return True

    def opens(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
        """Opens of sessions, see `Calendar.opens`."""
        return self._sessions(start, end)["open"]

    def closes(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
        """Closes of sessions, see `Calendar.closes`."""
        return self._sessions(start, end)["close"]

    def outside(self, starts: pd.Series, ends: pd.Series) -> Array:
        """Bars that do not overlap any session."""
        known: Array = (starts.notna() & ends.notna()).to_numpy()
        if not known.any():
            return known
        span = starts.min() - _WEEK, ends.max() + _WEEK
        opens, closes = (each.astype("int64").to_numpy() for each in (self.opens(*span), self.closes(*span)))
        start, end = (times.astype("int64").to_numpy() for times in (starts, ends))
        session = np.searchsorted(closes, start, side="right").clip(max=len(opens) - 1)
        return np.asarray((end <= opens[session]) & known, dtype=bool)

    def _open_spans(self, first: pd.Timestamp, last: pd.Timestamp) -> list[tuple[pd.Series, pd.Series]]:
        part = self._sessions(first, last)
        return [
            (part["open"], part["break_start"].fillna(part["close"])),
            (part["break_end"].fillna(part["close"]), part["close"]),
        ]

    def _sessions(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        first, last = session_date(start), session_date(end)
        return _schedule(self.code, max(first.year, FIRST_YEAR), min(last.year, LAST_YEAR)).loc[first:last]


@lru_cache(maxsize=32)
def _schedule(code: str, first_year: int, last_year: int) -> pd.DataFrame:
    """Opens, closes and pauses of whole years, so that neighbouring questions share one answer."""
    try:
        found = _exchange(code, f"{first_year}-01-01", f"{last_year}-12-31")
    except ValueError as error:
        raise ConfigurationError(
            f"The calendar {code!r} does not reach over {first_year} to {last_year}: {error} "
            "Set `calendar: inferred` to take the dates in the data as sessions."
        ) from error
    times = {
        "open": found.opens,
        "break_start": found.break_starts,
        "break_end": found.break_ends,
        "close": found.closes,
    }
    frame = pd.DataFrame({name: column.astype(UTC_MICROSECONDS) for name, column in times.items()})
    frame.index = pd.DatetimeIndex(frame.index.as_unit("us").to_numpy(), name="session")
    return frame


@lru_cache(maxsize=32)
def _exchange(code: str, start: str, end: str) -> Any:
    import exchange_calendars

    with warnings.catch_warnings():
        # The library reads time zones the way pandas 2 did; the result is right.
        warnings.simplefilter("ignore", DeprecationWarning)
        return exchange_calendars.get_calendar(code, start=start, end=end)
