"""What is wrong or odd in a table of bars: counted, and the first few named by date and instrument."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array
from finq_predictor.domain.columns import ADJ_CLOSE, ASK, BID, INSTRUMENT, OHLC, TS, VOLUME
from finq_predictor.domain.ingestion.parsing import START
from finq_predictor.domain.ingestion.rules import Rules

_SHOWN = 3
# Returns of one bar beyond this are listed: 40 per cent on a day.
JUMP = 0.40
# So many bars with one and the same close are a price that nobody updates.
_STALE_BARS = 5
_KEY = [INSTRUMENT, TS]


@dataclass(frozen=True)
class Finding:
    """One kind of dirt.

    Attributes:
        name: What it is, short.
        count: How many rows, or bars that are not there.
        examples: The first few, by instrument and date.
    """

    name: str
    count: int
    examples: tuple[str, ...] = ()

    def text(self) -> str:
        """One line for people."""
        more = ", ..." if self.count > len(self.examples) and self.examples else ""
        return f"{self.count:,} {self.name}" + (f": {', '.join(self.examples)}{more}" if self.examples else "")


def find_dirt(bars: pd.DataFrame, delivered: Iterable[str], rules: Rules) -> tuple[Finding, ...]:
    """Count what is wrong or odd; nothing is changed, and the order of the rows does not matter.

    Args:
        bars: Typed bars as `typed_bars` returns them.
        delivered: Our names of the columns that were delivered.
        rules: How the bars were read; their calendar says which sessions are missing.

    Returns:
        One finding for each kind, also where its count is 0. A return is that from one row of an instrument to its
        next, whether or not a session lies between; where either close is missing there is none.
    """
    columns = [name for name in (*OHLC, ADJ_CLOSE, VOLUME, *BID, *ASK) if name in set(delivered)]
    ordered = bars.assign(_at=bars[TS].fillna(bars[START]))
    ordered = ordered.sort_values([INSTRUMENT, "_at", *columns], kind="stable", ignore_index=True)
    return tuple(_findings(ordered, columns, rules))


def _findings(bars: pd.DataFrame, columns: list[str], rules: Rules) -> Iterator[Finding]:
    intraday = not rules.daily
    first = ~bars.duplicated(_KEY) | bars[TS].isna()
    yield _found("rows without a readable time or name", (bars[START].isna() | bars[INSTRUMENT].isna()), bars, intraday)
    yield _found("rows with a missing value", bars[columns].isna().any(axis=1), bars, intraday)
    yield _found("rows with a price of zero or less", (bars[list(OHLC)] <= 0).any(axis=1), bars, intraday)
    if VOLUME in columns:
        yield _found("rows with zero volume", bars[VOLUME] == 0, bars, intraday)
    yield _found("rows that repeat an instrument and time", ~first, bars, intraday)
    yield _found("rows whose high or low contradicts open or close", _impossible(bars), bars, intraday)
    flat = (bars["high"] == bars["low"]) & (bars["open"] == bars["high"]) & (bars["close"] == bars["high"])
    yield _found("rows whose four prices are one", flat, bars, intraday)
    outside = rules.sessions.outside(bars[START], bars[TS]) if intraday else bars[TS].isna() & bars[START].notna()
    yield _found(f"rows outside the sessions of {rules.sessions.code}", outside, bars, intraday)
    once = bars[first & bars[TS].notna() & bars[INSTRUMENT].notna()]
    yield from _gaps(once, rules, intraday)
    yield _found(f"rows in a run of {_STALE_BARS} or more equal closes", _stale(once), once, intraday)
    yield _found(f"returns beyond {JUMP:.0%}", returns_of(once).abs() > JUMP, once, intraday)


def returns_of(bars: pd.DataFrame, price: str = "close") -> pd.Series:
    """Returns from one row of an instrument to its next, of rows ordered by instrument and time; NaN at its first."""
    previous = bars[price].where(bars[price] > 0).groupby(bars[INSTRUMENT]).shift()
    return bars[price] / previous - 1.0


def names_of(bars: pd.DataFrame, flags: pd.Series | Array, intraday: bool) -> tuple[str, ...]:
    """The first few flagged rows, by date and then by instrument."""
    hit = bars[np.asarray(flags, dtype=bool)].sort_values(["_at", INSTRUMENT], kind="stable").head(_SHOWN)
    form = "%Y-%m-%d %H:%M" if intraday else "%Y-%m-%d"
    return tuple(_name(row[INSTRUMENT], row[START], form) for row in hit.to_dict("records"))


def _name(instrument: object, start: pd.Timestamp, form: str) -> str:
    when = start.strftime(form) if pd.notna(start) else "no time"
    return f"{instrument if isinstance(instrument, str) else 'no name'} {when}"


def _found(name: str, flags: pd.Series | Array, bars: pd.DataFrame, intraday: bool) -> Finding:
    count = int(np.asarray(flags, dtype=bool).sum())
    return Finding(name, count, names_of(bars, flags, intraday) if count else ())


def _impossible(bars: pd.DataFrame) -> pd.Series:
    """High below, or low above, an open or close that is there; to the last digit."""
    body = bars[["open", "close"]]
    high, low = bars["high"], bars["low"]
    return (high < body.max(axis=1)) | (low > body.min(axis=1)) | (high < low)


def _stale(bars: pd.DataFrame) -> pd.Series:
    changed = (bars["close"] != bars.groupby(INSTRUMENT)["close"].shift()) | bars["close"].isna()
    run = changed.cumsum()
    return run.groupby(run).transform("size") >= _STALE_BARS


def _gaps(bars: pd.DataFrame, rules: Rules, intraday: bool) -> Iterator[Finding]:
    """Bars that the calendar expects between the first and the last one of an instrument, and are not there."""
    what = "bars" if intraday else "sessions"
    if bars.empty:
        yield Finding(f"missing {what}", 0)
        return
    known = pd.DatetimeIndex(bars[TS].unique()).sort_values()
    clock = np.concatenate([[0], np.cumsum(rules.sessions.bars_between(known, rules.bar))])
    place = pd.Series(clock[known.get_indexer(pd.Index(bars[TS]))], index=bars.index)
    lacking = (place.groupby(bars[INSTRUMENT]).diff() - 1).clip(lower=0).fillna(0)
    holes = bars[lacking > 0].assign(_lacking=lacking[lacking > 0].astype(int))
    named = [
        f"{name} before {_name(holes.at[row, INSTRUMENT], holes.at[row, START], '%Y-%m-%d').rpartition(' ')[2]} "
        f"({holes.at[row, '_lacking']})"
        for row, name in holes.sort_values(["_at", INSTRUMENT], kind="stable").head(_SHOWN)[INSTRUMENT].items()
    ]
    longest = f" of up to {int(lacking.max()):,}" if len(holes) else ""
    yield Finding(f"missing {what} in {len(holes):,} holes{longest}", int(lacking.sum()), tuple(named))
