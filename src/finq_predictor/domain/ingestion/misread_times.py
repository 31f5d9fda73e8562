"""Do the times of a delivery look read in the wrong zone? A judgement of the delivery; no row is changed by it.

A market begins and ends its week at known hours. Where bars lie outside of them week after week, and would lie inside
if they were moved by the same whole or half hours, nobody traded at other hours: the times are wrong. Whether that is
so all the time, only while the clocks are put forward somewhere, or only from a date on, tells the cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.ingestion.parsing import START, session_dates
from finq_predictor.domain.ingestion.rules import Rules

FEWEST_WEEKS = 4
"""So many weeks must speak for a move, beyond those that speak against it."""
_SUREST = 0.8
"""Share of the weeks with a move, from the first to the last that speaks for it, which must speak for it."""
_MOST_JUDGED_ALONE = 10
_DAY, _TICK = pd.Timedelta(days=1), pd.Timedelta(microseconds=1)
_ON_TIME = pd.Timedelta(0)
_MOVES = range(-28, 29)
# Of longer bars the hour at which a week began cannot be told; of shorter ones each quarter of an hour is enough.
_LONGEST_BAR, _FINEST = pd.Timedelta(hours=4), pd.Timedelta(minutes=15)
# Between the last close of a week and the first opening of the next one, wherever the exchange is.
_TURN, _WEEK = pd.Timestamp("1970-01-03T21:30Z"), pd.Timedelta(days=7)
# Where clocks are so many hours from UTC, with the summer time of New York or Europe or none, for the parameter.
_ZONES = {
    (-5.0, 1, 0): "America/New_York", (-6.0, 1, 0): "America/Chicago", (0.0, 0, 1): "Europe/London",
    (1.0, 0, 1): "Europe/Berlin", (2.0, 0, 1): "Europe/Athens", (3.0, 0, 0): "Europe/Moscow",
    (5.5, 0, 0): "Asia/Kolkata", (8.0, 0, 0): "Asia/Singapore", (9.0, 0, 0): "Asia/Tokyo", (0.0, 0, 0): "UTC",
}  # fmt: skip


@dataclass(frozen=True)
class Misread:
    """Times that look read in the wrong zone.

    Attributes:
        weeks: Weeks that speak for it.
        sentence: Of whom, since when, what it looks like, how well that fits, and what to do.
        fit: Share of their times that fit the calendar as they were read, in [0, 1].
    """

    weeks: int
    sentence: str
    fit: float


@dataclass(frozen=True)
class _Move:
    """Times are late by so many steps, and more while New York or Europe has summer time.

    Attributes:
        steps: Half hours; of sessions days.
        new_york: Sign of the hour of summer time in New York.
        europe: The same of Europe.
    """

    steps: int
    new_york: int = 0
    europe: int = 0

    @property
    def cost(self) -> tuple[int, int, int]:
        """The simpler explanation is less; whole hours are simpler than halves."""
        return abs(self.new_york) + abs(self.europe), self.steps % 2, abs(self.steps)


@dataclass(frozen=True)
class _Weeks:
    """How many of the distinct times of each week are those of the market, by how late they are taken to be.

    Attributes:
        begins: (W,) weeks that have any.
        inside: (moves, W) counts.
        size: (W,) distinct times.
        summers: (2, W): 1 where New York, and Europe, has summer time in the middle of the week, else 0.
    """

    begins: pd.DatetimeIndex
    inside: Array
    size: Array
    summers: Array

    def counts(self, move: _Move) -> Array:
        """(W,) times that are those of the market, moved."""
        late = move.steps + 2 * (move.new_york * self.summers[0] + move.europe * self.summers[1])
        place = np.clip(late + len(self.inside) // 2, 0, len(self.inside) - 1).astype(int)
        return np.asarray(self.inside[place, np.arange(len(self.begins))])

    def votes(self, move: _Move) -> Array:
        """(W,) 1 where a week speaks for a move, -1 where it speaks against it, 0 where it does not care."""
        moved, read = self.counts(move), self.counts(_Move(0))
        return np.where((moved > read) & (moved == self.inside.max(axis=0)), 1, np.where(moved < read, -1, 0))


def find_misread(bars: pd.DataFrame, rules: Rules) -> tuple[Misread, ...]:
    """Look whether bars begin and end when the market does.

    A week speaks for a move of its times where that puts more of them into trading hours than lie there as read, and as
    many as any move; it speaks against one that takes out what lies there. A move is the same all the time, or differs
    by the summer time of New York, of Europe or of both; it may hold from or up to a date. Weeks with as many inside as
    read as by any move, such as those of a source with bars before and after trading hours, speak for none.

    Args:
        bars: Typed bars: ``instrument``, ``ts`` and the start of each.
        rules: How they were read. A calendar without hours leaves nothing to look at, nor do bars of more than four
            hours that are no sessions.

    Returns:
        One answer for all instruments with times outside of trading hours if they have one in common, else one for each
        of at most ten, those with most such times first.
    """
    bars = bars[bars[START].notna() & bars[INSTRUMENT].notna()]
    if bars.empty or not (rules.daily or rules.bar <= _LONGEST_BAR):
        return ()
    try:
        outside = ~_of_the_market(bars, rules)
    except ConfigurationError:
        # It knows no hours, or does not reach so far back, which it says when the bars are judged.
        return ()
    weeks = _week(bars[START][outside]).groupby(bars[INSTRUMENT][outside]).nunique()
    suspects = weeks[weeks >= FEWEST_WEEKS].sort_values(ascending=False, kind="stable").index
    if not len(suspects):
        return ()
    all_of_them = _judged(bars[bars[INSTRUMENT].isin(suspects)], list(suspects), rules)
    if all_of_them or len(suspects) == 1:
        return tuple(all_of_them)
    alone = (_judged(bars[bars[INSTRUMENT] == name], [name], rules) for name in suspects[:_MOST_JUDGED_ALONE])
    return tuple(found for each in alone for found in each)


def _judged(bars: pd.DataFrame, names: list[str], rules: Rules) -> list[Misread]:
    weeks = _weeks(bars, rules)
    signs = [(0, 0)] if rules.daily else list(product((0, 1, -1), repeat=2))
    half = len(weeks.inside) // 2
    moves = [_Move(steps, *each) for steps in range(-half, half + 1) for each in signs if steps or any(each)]
    best, first, last = _Move(0), 0, 0
    most = FEWEST_WEEKS - 1
    for move in sorted(moves, key=lambda each: each.cost):
        gain, begin, end = _best_span(weeks.votes(move))
        if gain > most:
            best, first, last, most = move, begin, end, gain
    votes = weeks.votes(best)
    # Weeks that do not care, such as those of a winter, may belong to it.
    first = first if votes[:first].any() else 0
    last = last if votes[last + 1 :].any() else len(votes) - 1
    span = slice(first, last + 1)
    votes = votes[span]
    moved = weeks.counts(best)[span] != weeks.counts(_Move(0))[span]
    if most < FEWEST_WEEKS or (votes > 0).sum() < _SUREST * moved.sum():
        return []
    fit = float(weeks.counts(_Move(0))[span].sum() / weeks.size[span].sum())
    return [Misread(int((votes > 0).sum()), _sentence(weeks, best, span, names, rules), fit)]


def _best_span(votes: Array) -> tuple[int, int, int]:
    """The run of weeks with the largest sum of votes, from a vote for to a vote for: sum, first and last."""
    best, total, begin, first, last = 0, 0, 0, 0, 0
    for place, vote in enumerate(votes.tolist()):
        if total <= 0:
            total, begin = 0, place
        total += vote
        if total > best:
            best, first, last = total, begin, place
    return best, first, last


def _weeks(bars: pd.DataFrame, rules: Rules) -> _Weeks:
    starts = bars[[START, TS]].drop_duplicates(START).sort_values(START, ignore_index=True)
    if not rules.daily and rules.bar < _FINEST:
        starts = starts[starts[START].dt.floor(_FINEST) == starts[START]].reset_index(drop=True)
    codes, begins = pd.factorize(_week(starts[START]))
    step, moves = (_DAY, range(-1, 2)) if rules.daily else (pd.Timedelta(minutes=30), _MOVES)
    inside = [
        np.bincount(codes, _of_the_market(starts, rules, late=move * step).astype(float), minlength=len(begins))
        for move in moves
    ]
    begins = pd.DatetimeIndex(begins)
    middle = begins + _WEEK / 2
    summers = [
        (middle.tz_convert(zone).map(lambda moment: moment.dst()) > _ON_TIME).astype(int)
        for zone in ("America/New_York", "Europe/London")
    ]
    return _Weeks(begins, np.array(inside), np.bincount(codes, minlength=len(begins)), np.array(summers))


def _week(times: pd.Series) -> pd.Series:
    """Begin of the week that each time lies in."""
    return _TURN + (times - _TURN) // _WEEK * _WEEK


def _of_the_market(bars: pd.DataFrame, rules: Rules, late: pd.Timedelta = _ON_TIME) -> Array:
    """Which bars begin and end in trading hours, or are of a session, if their times are so late."""
    start = bars[START]
    span = start.min() - 2 * _WEEK, start.max() + 2 * _WEEK
    if rules.daily:
        dates = session_dates(start, start.dt.tz_localize(None), rules.sessions.zone) - late
        return np.asarray(dates.isin(rules.sessions.closes(*span).index))
    opens, closes = (_ticks(each(*span)) for each in (rules.sessions.opens, rules.sessions.closes))
    begin = _ticks(start - late)
    # A session of an exchange need not be a whole number of bars: its last one begins in it.
    end = begin + (min(rules.bar, _FINEST) if rules.sessions.dated else rules.bar) // _TICK - 1
    inside = [opens[np.searchsorted(closes, each, side="right")] <= each for each in (begin, end)]
    return np.asarray(inside[0] & inside[1])


def _ticks(times: pd.Series) -> Array:
    return np.asarray(pd.DatetimeIndex(times).as_unit("us").asi8)


def _sentence(weeks: _Weeks, move: _Move, span: slice, names: list[str], rules: Rules) -> str:
    begun, ended = span.start == 0, span.stop == len(weeks.begins)
    first, last = ((weeks.begins[place] + _DAY).strftime("%Y-%m-%d") for place in (span.start, span.stop - 1))
    when = ("" if begun else f" from {first}" if not ended else f" since {first}") + ("" if ended else f" up to {last}")
    shown = ", ".join(sorted(map(str, names))[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    size = weeks.size[span].sum()
    read, moved = (weeks.counts(each)[span].sum() / size for each in (_Move(0), move))
    fit = f"{moved:.1%} of their times fit the calendar {rules.sessions.code} so, {read:.1%} as read"
    return f"times of {shown}{when} look {_looks(move, rules)}: {fit}; {_advice(move, rules, begun and ended)}"


def _looks(move: _Move, rules: Rules) -> str:
    if rules.daily:
        return f"dated one day {'late' if move.steps > 0 else 'early'}"
    zone = _zone(move, rules)
    if zone is not None and not zone.startswith("Etc/"):
        return f"like {zone} local time read as {rules.reading.zone}"
    if not move.new_york and not move.europe:
        return f"{_hours(move.steps)} {'late' if move.steps > 0 else 'early'}"
    summer = [
        f"{_hours(2)} {'late' if sign > 0 else 'early'} while {where} has summer time"
        for sign, where in ((move.new_york, "New York"), (move.europe, "Europe"))
        if sign
    ]
    always = [f"{_hours(move.steps)} {'late' if move.steps > 0 else 'early'} all the time"] if move.steps else []
    return " and ".join((*always, *summer))


def _hours(halves: int) -> str:
    return f"{abs(halves) / 2:g} h"


def _zone(move: _Move, rules: Rules) -> str | None:
    """The zone whose clock was taken for that of the reading, where that one never changes or is one of ours."""
    read = {name: clock for clock, name in _ZONES.items()}.get(rules.reading.zone)
    if read is None:
        return None
    clock = read[0] + move.steps / 2, read[1] + move.new_york, read[2] + move.europe
    # The names of fixed clocks count hours to the west.
    fixed = f"Etc/GMT{-clock[0]:+.0f}" if clock[1:] == (0, 0) and clock[0] == int(clock[0]) else None
    return _ZONES.get(clock, fixed)


def _advice(move: _Move, rules: Rules, whole: bool) -> str:
    if rules.daily:
        return "deliver the dates of the exchange, or the times of opening with their zone"
    zone = _zone(move, rules)
    if not whole:
        return "deliver the part anew with times in UTC, or with their offset"
    if zone is not None:
        return f"set ingestion.reading.timezone: {zone}, or deliver times in UTC with their offset"
    return "deliver times in UTC, or with their offset, as no zone is so all the time"
