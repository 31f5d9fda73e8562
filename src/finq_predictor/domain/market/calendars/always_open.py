"""A market that never closes; its days end at midnight UTC."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array
from finq_predictor.domain.market.calendars.base import Calendar, session_date


@dataclass(frozen=True)
class AlwaysOpen(Calendar):
    """Open on every day from midnight to midnight UTC."""

    @property
    def zone(self) -> str:
        """UTC."""
        return "UTC"

    @property
    def dated(self) -> bool:
        """A daily bar is a day of the clock."""
        return False

    def opens(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
        """Midnights at which days begin, see `Calendar.opens`."""
        days = pd.date_range(session_date(start), session_date(end), freq="D", unit="us")
        return pd.Series(days.tz_localize("UTC"), index=days)

    def closes(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
        """Midnights at which days end, see `Calendar.closes`."""
        return self.opens(start, end) + pd.Timedelta(days=1)

    def outside(self, starts: pd.Series, ends: pd.Series) -> Array:  # noqa: ARG002 - it is open whenever it is
        """No bar is."""
        return np.zeros(len(starts), dtype=bool)
