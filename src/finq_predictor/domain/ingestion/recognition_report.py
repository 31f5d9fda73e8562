"""The report of a recognition, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from finq_predictor.domain.ingestion.calendar_fit import Fit
from finq_predictor.domain.market.calendars import INFERRED

if TYPE_CHECKING:
    from finq_predictor.domain.ingestion.recognition import Recognition

_UNITS = ((1440, "day"), (60, "hour"), (1, "minute"))
_INTRADAY = 1440


def report(found: Recognition) -> str:
    """What a table is, what was decided and how sure, and what is wrong with it; one line each."""
    lines = [f"{name:<11} {text}" for name, text in _lines(found)]
    dirt = [f"  - {finding.text()}" for finding in found.dirt if finding.count]
    none = [finding.name for finding in found.dirt if not finding.count]
    lines += ["Dirt", *dirt]
    lines += [f"  - none: {'; '.join(none)}"] if none else []
    return "\n".join(lines)


def _lines(found: Recognition) -> Iterator[tuple[str, str]]:
    yield "Market", found.market
    yield "Bars", f"{found.rows:,} of {found.instruments:,} instruments, {_bar(found)}, {_dates(found)}"
    if found.wide:
        yield "Shape", "a column for each instrument; unpivoted to one row per bar"
    yield "Columns", ", ".join(f"{ours} <- {theirs!r}" for ours, theirs in sorted(found.columns.items()))
    if found.guessed:
        yield "", f"guessed from a part of the name, please check: {', '.join(sorted(found.guessed.values()))}"
    yield "Calendar", _calendar(found)
    yield "Times", _times(found)
    if found.day_first is not None:
        yield "Dates", f"03/04/2020 is read as {'3 April' if found.day_first else '4 March'}"
    if found.prices is not None:
        yield "Prices", found.prices.text()
    for note in found.notes:
        yield "Note", note


def _bar(found: Recognition) -> str:
    if found.bar_minutes is None:
        return "a length of bar that cannot be told, as no instrument has two"
    size, unit = next((size, unit) for size, unit in _UNITS if found.bar_minutes % size == 0 or size == 1)
    return f"one each {unit}" if found.bar_minutes == size else f"one each {found.bar_minutes // size} {unit}s"


def _dates(found: Recognition) -> str:
    return f"{found.first[:16]} to {found.last[:16]} UTC" if found.first else "without a readable time"


def _calendar(found: Recognition) -> str:
    times, what = found.times, "bars of its open hours" if _intraday(found) else "sessions"
    if times.best.calendar == INFERRED:
        return f"none fits (nearest: {_shares(times.nearest, what)}); the dates in the table are taken for sessions"
    others = sorted({fit.calendar for fit in times.alternatives} - {times.best.calendar})
    return _shares(times.best, what) + (f"; {', '.join(others)} fits hardly worse" if others else "")


def _shares(fit: Fit, what: str) -> str:
    return f"{fit.calendar}, {fit.present:.1%} of its {what} are there, {fit.outside:.1%} of times lie outside"


def _times(found: Recognition) -> str:
    if not _intraday(found):
        return "a date is its day"
    best = found.times.best
    zone = "they say their zone" if found.zoned else f"read as {best.timezone}, which is {found.times.sure}"
    same = [f for f in found.times.alternatives if f.calendar == best.calendar]
    others = "; ".join(f"{fit.timezone} marking the {fit.marks}" for fit in same)
    equal = "; ".join(f"{fit.timezone} marking the {fit.marks}" for fit in found.times.equal if not found.zoned)
    return (
        f"{zone}; they mark the {best.marks} of a bar"
        + (f" (fits hardly worse: {others})" if others else "")
        + (f" (the same moments: {equal})" if equal else "")
    )


def _intraday(found: Recognition) -> bool:
    return found.bar_minutes is not None and found.bar_minutes < _INTRADAY
