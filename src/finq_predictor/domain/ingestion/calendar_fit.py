"""Which calendar, time zone and mark of a bar fit the times of a table best, and how well."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array
from finq_predictor.domain.columns import TS
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.ingestion.parsing import session_dates
from finq_predictor.domain.ingestion.times import Times
from finq_predictor.domain.market.calendars import (
    FIRST_YEAR,
    INFERRED,
    LAST_YEAR,
    USUAL_CODES,
    Calendar,
    get_calendar,
)
from finq_predictor.domain.market.markets import Market

# In the order in which a doubt between two that fit equally well is decided, after UTC and the calendar's own.
ZONES = (
    "America/New_York", "America/Chicago", "Europe/London", "Europe/Berlin", "Europe/Athens", "Asia/Kolkata",
    "Asia/Singapore", "Asia/Tokyo", "Australia/Sydney",
)  # fmt: skip
_DAY = pd.Timedelta(days=1)
# What a calendar must explain before it is taken; a source may leave holes, but it trades on no holidays.
_FEWEST_PRESENT, _MOST_OUTSIDE = 0.75, 0.05
_TIE = 0.002
# How many times the misfit of the best, and how much beyond that, the misfit of the next one must be.
_SURE, _LIKELY = (5.0, 0.02), (2.0, 0.003)


@dataclass(frozen=True)
class Fit:
    """How one reading of the times agrees with one calendar.

    Attributes:
        calendar: Code of the calendar.
        timezone: Zone of times without one.
        marks: Whether times mark the ``open`` or the ``close`` of a bar; of daily bars always ``open``.
        present: Share of the expected sessions, or bars of the open hours, that are there, in [0, 1].
        outside: Share of the distinct times that lie in none, in [0, 1].
        begins: Sum of the moments at which the bars begin: equal where two readings mean the same moments.
    """

    calendar: str
    timezone: str
    marks: str
    present: float
    outside: float
    begins: int = 0

    @property
    def score(self) -> float:
        """The higher, the better; 1 is perfect."""
        return self.present - self.outside


@dataclass(frozen=True)
class FittedTimes:
    """What was chosen, and what came close.

    Attributes:
        best: The reading that fits best; its calendar is ``inferred`` where none fits well enough.
        nearest: The calendar that comes nearest where the best is ``inferred``, else the best itself.
        alternatives: Other readings that fit hardly worse and give other moments or other sessions, best first.
        equal: Other zones and marks that give the very same moments.
        sure: ``sure``, ``likely`` or ``a guess``.
    """

    best: Fit
    nearest: Fit
    alternatives: tuple[Fit, ...]
    equal: tuple[Fit, ...]
    sure: str


def fit_times(
    times: Times, bar: pd.Timedelta, market: Market, *, zoned: bool, codes: Iterable[str] = ()
) -> FittedTimes:
    """Find the calendar, and where it matters the zone and the mark, that agree best with the times of a table.

    The hours at which intraday bars begin are compared with the hours in which an exchange is open, in several zones.
    Of readings that fit equally well the usual one wins: the market's own calendar, UTC or the calendar's own zone,
    times that mark the open.

    Args:
        times: Distinct times, as they were read in UTC.
        bar: Length of a bar.
        market: The market, whose own calendar wins a draw.
        zoned: Whether the times say their zone.
        codes: Calendars to compare with; none takes a short list of usual ones.
    """
    candidates = tuple(codes) or _candidates(market)
    tried = list(_fits(times, bar, candidates, zoned))
    if not tried:
        none = Fit(INFERRED, "UTC", "open", 1.0, 0.0)
        return FittedTimes(none, none, (), (), "a guess")
    top = max(fit.score for fit in tried)
    close = [fit for fit in tried if fit.score >= top - _TIE]
    best = min(close, key=lambda fit: (_cost(fit, market), candidates.index(fit.calendar), -fit.score))
    others = [fit for fit in tried if _differs(fit, best)]
    rivals = [fit for fit in others if not _worse(fit, best, *_LIKELY)]
    rivals = sorted(rivals, key=lambda fit: (-round(fit.score, 9), candidates.index(fit.calendar), fit.timezone))
    same = tuple(fit for fit in tried if not _differs(fit, best) and fit != best)
    fits = best.present >= _FEWEST_PRESENT and best.outside <= _MOST_OUTSIDE
    if not fits:
        unknown = Fit(INFERRED, best.timezone, "open", 1.0, 0.0)
        return FittedTimes(unknown, best, tuple(rivals[:3]), same, "a guess")
    certain = all(_worse(fit, best, *_SURE) for fit in others)
    sure = "a guess" if rivals else "sure" if certain else "likely"
    return FittedTimes(best, best, tuple(rivals[:3]), same, sure)


def _worse(fit: Fit, best: Fit, times: float, beyond: float) -> bool:
    """Whether a reading leaves clearly more unexplained than the best one."""
    return 1 - fit.score > times * (1 - best.score) + beyond


def _candidates(market: Market) -> tuple[str, ...]:
    """The market's own calendar first; what has no sessions of an exchange is not compared with exchanges."""
    own = market.calendar
    usual = [code for code in USUAL_CODES if market.sessions.dated or not get_calendar(code).dated]
    return (own, *(code for code in usual if code != own))


def _cost(fit: Fit, market: Market) -> int:
    """How unusual a reading is."""
    usual_zone = fit.timezone in ("UTC", get_calendar(fit.calendar).zone)
    return (fit.calendar != market.calendar) * 4 + (not usual_zone) * 2 + (fit.marks == "close")


def _differs(one: Fit, other: Fit) -> bool:
    """Whether two readings give other sessions or other moments."""
    return (one.calendar, one.begins) != (other.calendar, other.begins)


def _fits(times: Times, bar: pd.Timedelta, codes: tuple[str, ...], zoned: bool) -> Iterator[Fit]:
    for code in codes:
        calendar = get_calendar(code)
        try:
            if bar >= _DAY:
                yield _fit_days(times, calendar)
            else:
                yield from _fit_hours(times, bar, calendar, zoned)
        except ConfigurationError:
            # The calendar does not reach so far back; the others may.
            continue


def _plausible(utc: pd.Series) -> pd.Series:
    return utc.notna() & utc.dt.year.between(FIRST_YEAR, LAST_YEAR)


def _fit_days(times: Times, calendar: Calendar) -> Fit:
    seen = _plausible(times.utc)
    dates = session_dates(times.utc.where(seen), times.wall.where(seen), calendar.zone).dropna()
    days = pd.DatetimeIndex(dates.unique())
    sessions = calendar.closes(days.min(), days.max()).index
    inside = int(days.isin(sessions).sum())
    return Fit(calendar.code, "UTC", "open", inside / max(len(sessions), 1), 1 - inside / max(len(days), 1))


def _fit_hours(times: Times, bar: pd.Timedelta, calendar: Calendar, zoned: bool) -> Iterator[Fit]:
    zones = ("UTC",) if zoned else tuple(dict.fromkeys(("UTC", calendar.zone, *ZONES)))
    seen = times.wall[_plausible(times.utc)]
    for zone, marks in product(zones, ("open", "close")):
        begun = _in_zone(times, seen, zone, zoned) - (bar if marks == "close" else pd.Timedelta(0))
        present, outside = _agreement(begun, bar, calendar)
        yield Fit(calendar.code, zone, marks, present, outside, int(_ticks(begun).sum()))


def _in_zone(times: Times, wall: pd.Series, zone: str, zoned: bool) -> pd.Series:
    if zoned:
        return times.utc[_plausible(times.utc)]
    local = wall.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    return local.dropna().dt.tz_convert("UTC").dt.as_unit("us")


def _agreement(begun: pd.Series, bar: pd.Timedelta, calendar: Calendar) -> tuple[float, float]:
    """Share of the bars of the open hours that are there, and of the bars that begin in none."""
    starts = np.unique(_ticks(begun))
    span = pd.Timestamp(begun.min()), pd.Timestamp(begun.max())
    opens, closes = (_ticks(each(span[0] - _DAY, span[1] + _DAY)) for each in (calendar.opens, calendar.closes))
    first, last, step = starts[0], starts[-1], bar // pd.Timedelta(microseconds=1)
    session = np.searchsorted(closes, starts, side="right").clip(max=len(opens) - 1)
    inside = (starts >= opens[session]) & (starts < closes[session])
    held = (closes > first) & (opens <= last)
    # A table may begin and end within a session.
    length = np.minimum(closes[held], last + step) - np.maximum(opens[held], first)
    expected = np.ceil(length / step).sum()
    return float(min(inside.sum() / max(expected, 1), 1.0)), float(1 - inside.mean())


def _ticks(times: pd.Series) -> Array:
    return np.asarray(pd.DatetimeIndex(times).as_unit("us").asi8)


def commonest_step(bars: pd.DataFrame, instrument: str, time: str = TS) -> pd.Timedelta | None:
    """The commonest time from one bar of an instrument to its next; None where no instrument has two.

    Args:
        bars: Rows in any order.
        instrument: Column that names the instrument.
        time: Column of times.
    """
    names, times = pd.factorize(bars[instrument])[0], bars[time].astype("int64").to_numpy()
    known = (names >= 0) & bars[time].notna().to_numpy()
    order = np.lexsort((times[known], names[known]))
    steps = np.diff(times[known][order])[np.diff(names[known][order]) == 0]
    sizes, counts = np.unique(steps[steps > 0], return_counts=True)
    # Of steps that are equally common the shortest: the longer ones are those with something missing.
    return pd.Timedelta(int(sizes[counts.argmax()]), unit="us") if len(sizes) else None
