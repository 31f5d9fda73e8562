"""What every calendar answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array, Positions

# Dates outside are wrong; asking a calendar for them would build centuries of holidays.
FIRST_YEAR, LAST_YEAR = 1970, 2049
_HOUR = pd.Timedelta(hours=1)
_DAY = pd.Timedelta(days=1)
_HOUR_TICKS = 3_600_000_000
# No exchange stayed closed for longer since 1970, wars aside.
_LONGEST_CLOSURE = pd.Timedelta(days=31)


@dataclass(frozen=True)
class OpenTime:
    """The open hours of a calendar over a range, laid out once to be asked for many moments.

    Attributes:
        spans: Opens and closes in microseconds since 1970, ascending; a market that pauses at noon has two of them.
    """

    spans: tuple[tuple[Positions, Positions], ...]

    def hours(self, starts: Positions, ends: Positions) -> Array:
        """Open hours from each start to its end, as :meth:`Calendar.open_hours_between` counts them.

        Args:
            starts: Microseconds since 1970 within the range.
            ends: The same, of the same shape; one before its start counts 0.
        """
        until = [sum(_open_until(opens, closes, ticks) for opens, closes in self.spans) for ticks in (starts, ends)]
        hours: Array = np.maximum(until[1] - until[0], 0.0) / _HOUR_TICKS
        return hours

    def longest(self, hours: float) -> pd.Timedelta:
        """The longest time of the clock in which the market is open for so many hours.

        Args:
            hours: More than 0.
        """
        edges = np.concatenate([closes for _, closes in self.spans])
        grid = np.unique(np.concatenate([edges, *(opens for opens, _ in self.spans)]))
        done = np.asarray(sum(_open_until(opens, closes, grid) for opens, closes in self.spans))
        start = np.asarray(sum(_open_until(opens, closes, edges) for opens, closes in self.spans))
        # Between two edges the market is open throughout or not at all.
        left = np.searchsorted(done, start + hours * _HOUR_TICKS, side="left")
        known = left < len(grid)
        past = grid[left[known]] - (done[left[known]] - start[known] - hours * _HOUR_TICKS)
        return pd.Timedelta(microseconds=int((past - edges[known]).max())) if known.any() else _LONGEST_CLOSURE


@dataclass(frozen=True)
class Calendar(ABC):
    """When a market is open.

    Attributes:
        code: Its name in the parameters, such as ``XNYS`` or ``24/7``.
    """

    code: str

    @property
    @abstractmethod
    def zone(self) -> str:
        """Time zone in which its sessions are dated."""

    @property
    @abstractmethod
    def dated(self) -> bool:
        """Whether the date of a daily bar names a session whose close the calendar knows.

        Where it does not, a daily bar is a day of the clock and closes 24 hours after it began.
        """

    @abstractmethod
    def closes(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
        """Closes of all sessions in a range, early closes included.

        Args:
            start: First date; zone and time of day do not count.
            end: Last date.

        Returns:
            ``datetime64[us, UTC]`` closes, indexed by session date (naive midnight), ascending.

        Raises:
            ConfigurationError: If the calendar does not reach over the range.
        """

    @abstractmethod
    def opens(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
        """Opens of all sessions in a range; arguments, result and errors as `closes`."""

    @abstractmethod
    def outside(self, starts: pd.Series, ends: pd.Series) -> Array:
        """Bars that lie wholly outside trading hours.

        Args:
            starts: ``datetime64[us, UTC]`` starts of n bars; NaT is not outside.
            ends: Their ends.

        Returns:
            (n,) booleans.
        """

    def closes_of(self, dates: pd.Series) -> pd.Series:
        """Closes of the sessions that dates name; a date that is no session is not in the result.

        Args:
            dates: Naive midnights, in any order, repeated or missing, at least one.

        Returns:
            As `closes`.
        """
        return self.closes(dates.min(), dates.max())

    def opens_from(self, dates: pd.Series) -> pd.Series:
        """Opens of the first sessions on or after dates.

        Args:
            dates: Naive midnights, in any order, repeated or missing, at least one.

        Returns:
            ``datetime64[us, UTC]`` with the index of ``dates``; NaT where a date is missing.
        """
        found = self.opens(dates.min(), dates.max() + _LONGEST_CLOSURE)
        places = np.searchsorted(found.index.to_numpy(), dates.fillna(found.index[0]).to_numpy())
        opens = pd.Series(found.array.take(places), index=dates.index)
        return opens.where(dates.notna())

    def expected(self, seen: pd.Series, start: pd.Timestamp, end: pd.Timestamp) -> pd.Series:  # noqa: ARG002 - one interface
        """Closes at which a bar is expected from ``start`` to ``end``.

        Args:
            seen: Closes of the bars that are there, for a calendar that knows no others.
            start: First date.
            end: Last date; one before ``start`` counts as ``start``.

        Returns:
            Ascending closes with a fresh index; they may begin before ``start``, as dates are what is looked at.
        """
        return self.closes(start, max(start, end)).reset_index(drop=True)

    def open_hours_between(self, start: pd.Timestamp, end: pd.Timestamp) -> float:
        """Count the hours between two times in which the market is open.

        Args:
            start: Earlier time, with a zone.
            end: Later time, with a zone.

        Returns:
            Hours, not rounded. Nights, week-ends, holidays and what an early close cuts off do not count. Where
            ``end`` is before ``start``, the negative time of the clock.
        """
        if end <= start:
            return float((end - start) / _HOUR)
        # A session may open on the evening before its date.
        first, last = (moment.tz_convert(self.zone) for moment in (start - _DAY, end + _DAY))
        spans = self._open_spans(first, last)
        return sum(_overlap(opens, closes, start, end) for opens, closes in spans)

    def open_time(self, start: pd.Timestamp, end: pd.Timestamp) -> OpenTime:
        """Lay out the open hours of a range, to count them between many moments at once.

        Args:
            start: Earliest moment that will be asked for, with a zone.
            end: Latest one.
        """
        first, last = (moment.tz_convert(self.zone) for moment in (start - _DAY, end + _DAY))
        return OpenTime(tuple((_ticks(opens), _ticks(closes)) for opens, closes in self._open_spans(first, last)))

    def bars_between(self, ts: pd.DatetimeIndex, bar: pd.Timedelta) -> Positions:
        """Count the bars that a market made from one time to the next.

        Args:
            ts: T closes of bars (UTC), increasing.
            bar: Length of a bar.

        Returns:
            (T - 1,) whole numbers: 1 where nothing is missing, also over a night, a week-end or a holiday; 0 where the
            later one lies outside of trading hours.
        """
        if len(ts) < 2:
            return np.empty(0, dtype=np.intp)
        ticks = _ticks(ts)
        span = ts[0] - _DAY, ts[-1] + _DAY
        if self.dated and bar >= _DAY:
            sessions: Positions = np.diff(np.searchsorted(_ticks(self.closes(*span)), ticks, side="right"))
            return sessions
        local = [moment.tz_convert(self.zone) for moment in span]
        hours = sum(_open_until(_ticks(opens), _ticks(closes), ticks) for opens, closes in self._open_spans(*local))
        bars: Positions = np.rint(np.diff(hours) / (bar / pd.Timedelta(microseconds=1))).astype(np.intp)
        return bars

    def missed(self, last: pd.Timestamp, now: pd.Timestamp, bar: pd.Timedelta) -> int:
        """Count the bars that a market has made since the last one that is there.

        Args:
            last: Close of the last bar (UTC).
            now: The moment at which it is asked (UTC).
            bar: Length of a bar.

        Returns:
            Whole bars that closed after ``last`` and not after ``now``; 0 where ``now`` is not later. Nights, week-ends
            and holidays miss nothing.
        """
        if now <= last:
            return 0
        if self.dated and bar >= _DAY:
            closes = self.closes(last - _DAY, now + _DAY)
            return int(((closes > last) & (closes <= now)).sum())
        return int(self.open_hours_between(last, now) // (bar / _HOUR))

    def _open_spans(self, first: pd.Timestamp, last: pd.Timestamp) -> list[tuple[pd.Series, pd.Series]]:
        """Spans of trading, aligned by session; what closes within a session is its own span."""
        return [(self.opens(first, last), self.closes(first, last))]


def session_date(moment: pd.Timestamp) -> pd.Timestamp:
    """The date of a moment, in its own zone, as calendars index sessions: a naive midnight."""
    return pd.Timestamp(moment).tz_localize(None).normalize().as_unit("us")


def _ticks(times: pd.Series | pd.DatetimeIndex) -> Positions:
    """Microseconds since 1970."""
    ticks: Positions = pd.DatetimeIndex(times).as_unit("us").asi8
    return ticks


def _open_until(opens: Positions, closes: Positions, ticks: Positions) -> Array:
    """Microseconds of the spans, which follow each other, up to each tick."""
    whole = np.concatenate([[0], np.cumsum(closes - opens)])
    past = np.searchsorted(closes, ticks, side="right")
    begun = np.append(opens, np.iinfo(np.int64).max)[past]
    return np.asarray(whole[past] + np.maximum(ticks - begun, 0), dtype=np.float64)


def _overlap(opens: pd.Series, closes: pd.Series, start: pd.Timestamp, end: pd.Timestamp) -> float:
    """Hours of the spans that lie between two times."""
    inside = closes.clip(upper=end) - opens.clip(lower=start)
    return float(np.maximum(inside / _HOUR, 0.0).sum())
