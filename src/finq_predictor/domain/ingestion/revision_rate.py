"""How much of the history that is held each delivery changes: a provider that rewrites it is noticed at once.

Silver keeps what was known in time, so that a rewritten past does not reach it. But what comes next stands on the new
past: a price that is adjusted otherwise from now on looks like a jump.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array, Positions
from finq_predictor.domain.columns import INSTRUMENT, KNOWN_AT, OHLC, RECEIVED_AT, TS, UTC_MICROSECONDS
from finq_predictor.domain.ingestion.rules import Rules
from finq_predictor.domain.ingestion.tally import Rewrite

# The parts of one delivery come one after the other; two runs lie further apart.
_APART = pd.Timedelta(hours=1)
# A few corrected bars are no rewritten history, however few bars there were between them.
_FEWEST_HELD = 50
_SHOWN = 3


def find_rewrites(bars: pd.DataFrame, raw: pd.DataFrame, usable: Array, rules: Rules) -> tuple[Rewrite, ...]:
    """Measure what each delivery changes of the bars that came before.

    A bar is changed when one of its prices is another by more than rounding, either within one delivery or after the
    decision that the bar served; what a provider settles before that is no change of history, and neither is a row that
    is delivered again as it was.

    Args:
        bars: Typed bars with ``ts`` and ``known_at``, in order of receipt, before one of several rows is chosen.
        raw: The same rows as delivered.
        usable: (n,) rows that are bars of their own right.
        rules: The market, and what is taken for rounding.

    Returns:
        Deliveries that changed anything, the oldest first.
    """
    several = np.flatnonzero(bars.duplicated([INSTRUMENT, TS], keep=False).to_numpy() & usable)
    if not len(several):
        return ()
    received = _received(bars, raw)
    changed = _changed(bars, several, received, rules)
    return tuple(_rewrites(bars, usable, received, changed)) if len(changed) else ()


def _received(bars: pd.DataFrame, raw: pd.DataFrame) -> pd.Series:
    if RECEIVED_AT not in raw:
        return pd.Series(pd.NaT, index=bars.index, dtype=UTC_MICROSECONDS)
    return raw[RECEIVED_AT].reset_index(drop=True).astype(UTC_MICROSECONDS)


def _changed(bars: pd.DataFrame, several: Positions, received: pd.Series, rules: Rules) -> Positions:
    """Positions of rows that say something else than the row before them about the same bar."""
    part = bars.iloc[several]
    group = part.groupby([INSTRUMENT, TS], sort=False).ngroup().to_numpy()
    order = np.argsort(group, kind="stable")
    group, rows = group[order], several[order]
    prices = bars[list(OHLC)].iloc[rows].to_numpy()
    again = np.append(False, group[1:] == group[:-1])
    before = np.roll(prices, 1, axis=0)
    other = (np.abs(prices - before) > rules.cleaning.ohlc_tolerance * np.abs(before)).any(axis=1)
    came = received.iloc[rows].astype("int64").to_numpy()
    about = bars[[KNOWN_AT, TS]].iloc[rows]
    late = (about[KNOWN_AT] > about[TS] + rules.market.decision_delay).to_numpy()
    changed: Positions = rows[again & other & (late | (came == np.roll(came, 1)))]
    return changed


def _rewrites(bars: pd.DataFrame, usable: Array, received: pd.Series, changed: Positions) -> Iterator[Rewrite]:
    moments = pd.DatetimeIndex(received.dropna().unique()).sort_values()
    begins = moments[np.append(True, moments[1:] - moments[:-1] > _APART)] if len(moments) else moments
    run = begins.searchsorted(received, side="right") if len(begins) else np.zeros(len(bars), dtype=np.intp)
    ts = bars[TS].astype("int64").to_numpy()
    told = np.flatnonzero(usable)
    first = np.zeros(len(bars), dtype=bool)
    first[told[~bars[[INSTRUMENT, TS]].iloc[told].duplicated().to_numpy()]] = True
    for number in np.unique(run[changed]):
        rows = changed[run[changed] == number]
        span = (ts >= ts[rows].min()) & (ts <= ts[rows].max()) & (run <= number)
        keys = bars.iloc[rows][[INSTRUMENT, TS]].drop_duplicates()
        held = max(int((first & span).sum()), _FEWEST_HELD)
        names = tuple(f"{name} {at:%Y-%m-%d %H:%M}" for name, at in keys.head(_SHOWN).itertuples(index=False))
        more = (f"and {len(keys) - _SHOWN} more",) if len(keys) > _SHOWN else ()
        yield Rewrite(len(keys) / held, begins[number - 1] if len(begins) else None, (*names, *more))
