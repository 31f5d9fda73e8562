"""Gates that compare a delivery with the clock and with the calendar of its market."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Positions
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.ingestion.gates import Check, Severity
from finq_predictor.domain.ingestion.rules import GateLimits, Rules
from finq_predictor.domain.ingestion.tally import Delivery

_SHOWN, _LOOKED_AT = 3, 100
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Attendance:
    """Which of the bars that a market made are there, by their number on the clock of its calendar.

    Attributes:
        names: (k,) instruments.
        first: (k,) number of each one's first bar.
        last: (k,) number of each one's last bar.
        present: (k,) how many bars it has from the first to the last.
        instruments: (m,) instrument of each bar that is there, as position in ``names``.
        numbers: (m,) number of each bar that is there, ascending for each instrument.
        times: (t,) distinct closes, ascending.
        clock: (t,) number of each close; two that the calendar does not tell apart share one.
    """

    names: pd.Index
    first: Positions
    last: Positions
    present: Positions
    instruments: Positions
    numbers: Positions
    times: pd.DatetimeIndex
    clock: Positions

    @classmethod
    def of(cls, bars: pd.DataFrame, rules: Rules) -> Attendance:
        """Count bars, at least one.

        Args:
            bars: Silver bars: ``ts, instrument``, one row per key.
            rules: Calendar and length of a bar.
        """
        moment, times = pd.factorize(bars[TS], sort=True)
        instrument, names = pd.factorize(bars[INSTRUMENT])
        closes = pd.DatetimeIndex(times)
        clock = np.append(0, np.cumsum(rules.sessions.bars_between(closes, rules.bar))).astype(np.intp)
        length = int(clock[-1]) + 1
        # Sorted, which takes a fortieth of the time of NumPy's `unique`.
        pairs = np.sort(instrument.astype(np.int64) * length + clock[moment])
        pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])]
        who, when = pairs // length, pairs % length
        ends = np.searchsorted(who, np.arange(len(names) + 1))
        first, last = when[ends[:-1]], when[ends[1:] - 1]
        return cls(names, first, last, np.diff(ends), who, when, closes, clock)

    @property
    def expected(self) -> Positions:
        """(k,) bars that the market made from each instrument's first to its last."""
        return self.last - self.first + 1

    @property
    def silent(self) -> Positions:
        """(k,) bars that the market made since each instrument's last one, up to the last of all."""
        silent: Positions = self.clock[-1] - self.last
        return silent


def check_bars_age(bars: pd.DataFrame, rules: Rules, limits: GateLimits) -> Check:
    """The table reaches up to the moment of the run, but for a few bars; hours that are closed do not count.

    Args:
        bars: Silver bars, at least one.
        rules: Calendar, length of a bar and moment of the run; without one, the last bar is the moment.
        limits: Where the gate closes.
    """
    last = bars[TS].max()
    now = last if rules.as_of is None else rules.as_of
    missed = rules.sessions.missed(last, now, rules.bar)
    return Check(
        "bars",
        "max_bars_age",
        missed <= limits.max_bars_age,
        missed,
        limits.max_bars_age,
        (f"last bar {last}", f"as of {now}"),
        "Deliver newer bars: see whether the provider answers, and the notes of the delivery.",
    )


def check_clock_age(bars: pd.DataFrame, rules: Rules, limit: int, clock: pd.Timestamp) -> Check:
    """The table reaches up to now, but for a few bars. It only warns: who fills up the past knows how old it is.

    Args:
        bars: Silver bars, at least one.
        rules: Calendar and length of a bar.
        limit: Most bars that may lack.
        clock: What time it is (UTC).
    """
    last = bars[TS].max()
    missed = rules.sessions.missed(last, max(last, clock), rules.bar)
    return Check(
        "bars",
        "max_clock_age",
        missed <= limit,
        missed,
        limit,
        (f"last bar {last}", f"now {clock:%Y-%m-%d %H:%M} UTC"),
        "Predictions speak of the past: see whether the provider answers, and the notes of the delivery.",
        Severity.WARN,
    )


def check_stale_share(seen: Attendance, rules: Rules, limits: GateLimits) -> Check:
    """Not too many instruments have fallen silent; one that is silent for long has ended and is not stale."""
    ended = seen.silent > rules.market.ended_after
    stale = np.flatnonzero((seen.silent > limits.max_bars_age) & ~ended)
    share = len(stale) / max(int((~ended).sum()), 1)
    return Check(
        "bars",
        "max_stale_share",
        share <= limits.max_stale_share,
        share,
        limits.max_stale_share,
        tuple(_some([f"{seen.names[each]}: {seen.silent[each]} bars behind" for each in stale])),
        "Deliver the last bars of these instruments; a delivery may have been cut off.",
    )


def check_bar_share(seen: Attendance, limits: GateLimits) -> Check:
    """Most bars are there that the calendar expects between each instrument's first and last one."""
    share = float(seen.present.sum() / seen.expected.sum())
    rows = () if share == 1.0 else (*_holed_instruments(seen), *_holed_times(seen))
    return Check(
        "bars",
        "min_bar_share",
        share >= limits.min_bar_share,
        share,
        limits.min_bar_share,
        tuple(rows),
        "Deliver what is missing, look into quarantine, or name the calendar that the bars follow.",
    )


def check_quiet(delivery: Delivery, rule: str, limit_days: float, now: pd.Timestamp) -> Check:
    """Something was heard lately. A table that is quiet only warns: a run can do without it, and no news may be true.

    Args:
        delivery: Of a table with a newest row.
        rule: Name of the gate, as in the limits.
        limit_days: Days of the clock after which it is quiet.
        now: Moment of the run, or the last bar.
    """
    newest = delivery.tally.newest
    days = max((now - newest) / _DAY, 0.0) if newest is not None else 0.0
    return Check(
        delivery.table,
        rule,
        days <= limit_days,
        round(days, 3),
        limit_days,
        (f"newest {newest}", f"as of {now}"),
        "See whether its source still answers; features of it are missing or old from here on.",
        Severity.WARN,
    )


def _holed_instruments(seen: Attendance) -> Iterator[str]:
    """The instruments that miss most bars, each with its longest hole."""
    missing = seen.expected - seen.present
    for each in np.argsort(-missing, kind="stable")[:_SHOWN]:
        if missing[each]:
            numbers = seen.numbers[seen.instruments == each]
            longest = int(np.argmax(np.diff(numbers)))
            hole = int(numbers[longest + 1] - numbers[longest] - 1)
            yield (
                f"{seen.names[each]}: {seen.present[each]} of {seen.expected[each]}, the longest hole {hole} after "
                f"{_at(seen, int(numbers[longest]))}"
            )


def _holed_times(seen: Attendance) -> list[str]:
    """The bars that most instruments miss."""
    length = int(seen.clock[-1]) + 1
    begun = np.cumsum(np.bincount(seen.first, minlength=length))
    over = np.append(0, np.cumsum(np.bincount(seen.last, minlength=length))[:-1])
    there = np.bincount(seen.numbers, minlength=length)
    missing = begun - over - there
    worst = [number for number in np.argsort(-missing, kind="stable")[:_LOOKED_AT] if missing[number]]
    # A bar that nobody has is called by the one before it, and several in a row by one name.
    names = [f"{'' if there[each] else 'after '}{_at(seen, int(each))}: {missing[each]} missing" for each in worst]
    return list(dict.fromkeys(names))[:_SHOWN]


def _at(seen: Attendance, number: int) -> str:
    """The close with that number, or the last one before."""
    return f"{seen.times[np.searchsorted(seen.clock, number, side='right') - 1]:%Y-%m-%d %H:%M}"


def _some(names: list[str]) -> list[str]:
    return [*names[:_SHOWN], f"and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else names
