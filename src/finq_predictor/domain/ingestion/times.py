"""Read the times of a table, whatever way they are written."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass

import pandas as pd

from finq_predictor.domain.columns import UTC_MICROSECONDS, WALL_MICROSECONDS
from finq_predictor.domain.errors import ConfigurationError

# Upper ends of plausible numbers of seconds, milliseconds, microseconds since 1970 (to about the year 5000).
_EPOCH_UNITS = ((1e11, "s"), (1e14, "ms"), (1e17, "us"), (float("inf"), "ns"))
_COMPACT_DATES = (19_000_101, 21_001_231)
_DAY, _MICROSECOND = pd.Timedelta(days=1), pd.Timedelta(microseconds=1)
_OFFSET = re.compile(r"(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})$")
_TIME_OF_DAY = re.compile(r"\d:\d{2}|T\d{2}")
_SLASHED = re.compile(r"^(\d{1,2})[./-](\d{1,2})[./-]\d{4}")


@dataclass(frozen=True)
class Times:
    """The same moments twice.

    Attributes:
        utc: ``datetime64[us, UTC]``; NaT where a value cannot be read.
        wall: The clock as written, without a zone; a date is midnight.
        dated: Whether a value says a day and no time of day: a date, or midnight where midnights are so many among the
            values that they are dates which an export has given a time. Seconds since 1970 always say a time.
        timezone: Zone of values that carry none.
    """

    utc: pd.Series
    wall: pd.Series
    dated: pd.Series
    timezone: str

    def latest(self, release: str | None = None) -> pd.Series:
        """The latest moment that each value may mean, from which it may be called known.

        A day without a time of day is over when it ends where the source is: what happened on it may have happened in
        its last minute. Nothing that follows from a date alone can be known sooner.

        Args:
            release: Time of day ``HH:MM``, in the zone of the source, at which what is dated is known; None takes the
                last microsecond of the day.

        Returns:
            ``datetime64[us, UTC]``: the times as they are, and of days without one the end or the release.
        """
        after = _DAY - _MICROSECOND if release is None else pd.Timedelta(f"{release}:00")
        later = self.utc + after
        # A day on which the clocks change has 23 or 25 hours; only a zone knows which.
        zoned = self.dated & (_localised(self.wall, self.timezone).utc == self.utc)
        if zoned.any():
            later[zoned] = _localised(self.wall[zoned] + after, self.timezone).utc
        return self.utc.where(~self.dated, later).astype(UTC_MICROSECONDS)


def as_moment(text: str | None, name: str) -> pd.Timestamp | None:
    """A moment as a parameter gives it; without a zone it is UTC.

    Args:
        text: ISO 8601; None and an empty text are none.
        name: Of the parameter, for the message.

    Returns:
        UTC, in microseconds.

    Raises:
        ConfigurationError: If it cannot be read.
    """
    if text in (None, "", "null", "None"):
        return None
    try:
        moment = pd.Timestamp(text)
    except ValueError as error:
        raise ConfigurationError(f"`{name}` is {text!r}; expected a time such as 2024-03-01T21:00Z.") from error
    return (moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")).as_unit("us")


def parse_times(values: pd.Series, timezone: str = "UTC", *, day_first: bool = False) -> Times:
    """Read dates and times: typed, ISO 8601 with or without offset, compact dates, or numbers since 1970.

    Args:
        values: One value per row.
        timezone: Zone of values that carry none.
        day_first: How 03/04/2020 is read; a column in which some first number exceeds 12 shows the order by itself.

    Returns:
        The times, with the index of ``values``.

    Raises:
        ConfigurationError: If the zone does not exist.
    """
    _check_zone(timezone)
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return _written(values.astype(UTC_MICROSECONDS), values.dt.tz_localize(None).dt.as_unit("us"), timezone)
    if pd.api.types.is_datetime64_dtype(values.dtype):
        return _localised(values.dt.as_unit("us"), timezone)
    codes, unique = pd.factorize(values)
    distinct = pd.Series(unique)
    if pd.api.types.is_datetime64_any_dtype(distinct.dtype):
        parsed = parse_times(distinct, timezone)
        no = pd.Series(False, index=distinct.index)
        read = _Read(parsed.utc, parsed.wall, no, no)
    else:
        read = _parse_distinct(distinct, timezone, day_first)
    utc, wall, dates = (_spread(part, codes, values.index) for part in (read.utc, read.wall, read.dated))
    dates = dates.fillna(False).astype(bool)
    clocks = ~dates & ~_spread(read.counted, codes, values.index).fillna(True).astype(bool)
    return Times(utc, wall, dates | (clocks & _mean_dates(wall.where(clocks))), timezone)


def _check_zone(timezone: str) -> None:
    try:
        pd.Timestamp(0, tz=timezone)
    except Exception as error:
        raise ConfigurationError(
            f"Unknown time zone {timezone!r}; give a name such as 'UTC' or 'America/New_York'."
        ) from error


def _localised(wall: pd.Series, timezone: str) -> Times:
    if timezone == "UTC":
        return _written(wall.dt.tz_localize("UTC"), wall, timezone)
    local = wall.dt.tz_localize(timezone, ambiguous="NaT", nonexistent="shift_forward")
    return _written(local.astype(UTC_MICROSECONDS), wall, timezone)


def _written(utc: pd.Series, wall: pd.Series, timezone: str) -> Times:
    """Times that were written on a clock."""
    return Times(utc, wall, _mean_dates(wall), timezone)


def _mean_dates(wall: pd.Series) -> pd.Series:
    """Midnights that mean a day: all of them, where they are all or far more than a clock would show."""
    known = wall.dropna()
    midnight = (wall == wall.dt.normalize()) & wall.notna()
    many = int(midnight.sum())
    hourly = bool((known == known.dt.floor("h")).all())
    by_chance = len(known) / (24 if hourly else 1440)
    return midnight & (many == len(known) or many > max(2.0, 3.0 * by_chance))


@dataclass(frozen=True)
class _Read:
    """Distinct values as read.

    Attributes:
        utc: As in `Times`.
        wall: As in `Times`.
        dated: Values that are dates as written.
        counted: Values that are numbers of seconds since 1970.
    """

    utc: pd.Series
    wall: pd.Series
    dated: pd.Series
    counted: pd.Series


def _spread(distinct: pd.Series, codes: pd.api.extensions.ExtensionArray, index: pd.Index) -> pd.Series:
    """Give each row its value; code -1 is missing."""
    return pd.Series(distinct.array.take(codes, allow_fill=True), index=index)


def _parse_distinct(distinct: pd.Series, timezone: str, day_first: bool) -> _Read:
    numbers = pd.to_numeric(distinct, errors="coerce")
    text = distinct.astype("str").str.strip()
    is_number = numbers.notna()
    compact = is_number & numbers.between(*_COMPACT_DATES)
    utc, wall = _empty(distinct.index, UTC_MICROSECONDS), _empty(distinct.index, WALL_MICROSECONDS)
    if compact.any():
        dates = numbers[compact].astype("int64").astype("str")
        part = _localised(pd.to_datetime(dates, format="%Y%m%d", errors="coerce").dt.as_unit("us"), timezone)
        utc[compact], wall[compact] = part.utc, part.wall
    since = is_number & ~compact
    if since.any():
        utc[since] = _from_epoch(numbers[since])
        wall[since] = utc[since].dt.tz_localize(None)
    offset = ~is_number & text.str.contains(_OFFSET)
    if offset.any():
        utc[offset], wall[offset] = _with_offset(text[offset])
    naive = ~is_number & ~offset
    if naive.any():
        part = _localised(_without_offset(text[naive], day_first), timezone)
        utc[naive], wall[naive] = part.utc, part.wall
    return _Read(utc, wall, compact | (naive & ~text.str.contains(_TIME_OF_DAY)), since)


def _empty(index: pd.Index, dtype: str) -> pd.Series:
    return pd.Series(pd.NaT, index=index, dtype=dtype)


def _from_epoch(numbers: pd.Series) -> pd.Series:
    size = float(numbers.abs().median())
    unit = next(unit for limit, unit in _EPOCH_UNITS if size < limit)
    return pd.to_datetime(numbers, unit=unit, utc=True, errors="coerce").dt.as_unit("us")


def _with_offset(text: pd.Series) -> tuple[pd.Series, pd.Series]:
    utc = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce").dt.as_unit("us")
    if utc.isna().any():
        rest = utc.isna()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            utc[rest] = pd.to_datetime(text[rest], format="mixed", utc=True, errors="coerce").dt.as_unit("us")
    bare = text.str.replace(_OFFSET, "", regex=True).str.strip()
    return utc, pd.to_datetime(bare, format="ISO8601", errors="coerce").dt.as_unit("us").fillna(
        utc.dt.tz_localize(None)
    )


def _without_offset(text: pd.Series, day_first: bool) -> pd.Series:
    wall = pd.to_datetime(text, format="ISO8601", errors="coerce").dt.as_unit("us")
    rest = wall.isna()
    if not rest.any():
        return wall
    first = text[rest].str.extract(_SLASHED)[0].dropna().astype(int)
    day_first = day_first or bool((first > 12).any())
    with warnings.catch_warnings():
        # Pandas warns about each date that contradicts `dayfirst`; those read correctly all the same.
        warnings.simplefilter("ignore")
        read = pd.to_datetime(text[rest], format="mixed", dayfirst=day_first, errors="coerce")
    wall[rest] = read.dt.as_unit("us")
    return wall
