"""Sessions that are simply the dates in the data, where no calendar fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array, Positions
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.market.calendars.base import Calendar


@dataclass(frozen=True)
class InferredCalendar(Calendar):
    """Knows no session before it has seen data, and takes every date in them for one.

    Attributes:
        timezone: Zone of the sessions.
        close_time: Time of day at which all of them close, such as ``16:00``.
    """

    timezone: str = "UTC"
    close_time: str = "16:00"

    @property
    def zone(self) -> str:
        """The zone that was given."""
        return self.timezone

    @property
    def dated(self) -> bool:
        """A daily bar is a session and closes at the time that was given."""
        return True

    def opens(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
        """Refuse: it knows no session of its own."""
        raise self._unknown(start, end)

    def closes(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
        """Refuse: it knows no session of its own."""
        raise self._unknown(start, end)

    def closes_of(self, dates: pd.Series) -> pd.Series:
        """Closes of the dates themselves, see `Calendar.closes_of`."""
        days = pd.DatetimeIndex(dates.dropna().unique()).sort_values().as_unit("us")
        try:
            closes = (days + pd.Timedelta(f"{self.close_time}:00")).tz_localize(
                self.timezone, nonexistent="shift_forward"
            )
        except ValueError as error:
            raise ConfigurationError(f"`close_time` {self.close_time!r} cannot be read; give it as '16:00'.") from error
        return pd.Series(closes.tz_convert("UTC").as_unit("us"), index=days)

    def opens_from(self, dates: pd.Series) -> pd.Series:
        """The beginnings of the dates: it knows no hours."""
        return dates.dt.tz_localize(self.timezone, ambiguous="NaT", nonexistent="shift_forward").dt.tz_convert("UTC")

    def expected(self, seen: pd.Series, start: pd.Timestamp, end: pd.Timestamp) -> pd.Series:  # noqa: ARG002 - one interface
        """The closes that were seen."""
        return pd.Series(np.sort(seen.unique()))

    def outside(self, starts: pd.Series, ends: pd.Series) -> Array:  # noqa: ARG002 - nothing is known of its hours
        """No bar is."""
        return np.zeros(len(starts), dtype=bool)

    def open_hours_between(self, start: pd.Timestamp, end: pd.Timestamp) -> float:
        """All hours: what is not known to be closed must not hide that data are old."""
        return float((end - start) / pd.Timedelta(hours=1))

    def bars_between(self, ts: pd.DatetimeIndex, bar: pd.Timedelta) -> Positions:  # noqa: ARG002 - one interface
        """One from each date in the data to the next."""
        return np.ones(max(len(ts) - 1, 0), dtype=np.intp)

    def missed(self, last: pd.Timestamp, now: pd.Timestamp, bar: pd.Timedelta) -> int:
        """By the clock: it does not know on which of the days since then the market was closed."""
        return max(int((now - last) // bar), 0)

    def _unknown(self, start: pd.Timestamp, end: pd.Timestamp) -> ConfigurationError:
        return ConfigurationError(
            f"The calendar {self.code!r} takes its sessions from data and knows none from {start:%Y-%m-%d} to "
            f"{end:%Y-%m-%d}; name an exchange in `calendar`, such as XNYS, or `24/7`."
        )
