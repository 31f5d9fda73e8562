"""Several rows for one bar: which of them history keeps."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import (
    ADJ_CLOSE,
    ASK,
    BID,
    INSTRUMENT,
    KNOWN_AT,
    OHLC,
    ON_RECEIPT,
    RECEIVED_AT,
    TS,
    UTC_MICROSECONDS,
    VOLUME,
    WALL_MICROSECONDS,
)
from finq_predictor.domain.ingestion.quarantine import Ledger
from finq_predictor.domain.ingestion.rules import Rules

_MICROSECONDS_PER_HOUR = 3_600_000_000


def known_times(bars: pd.DataFrame, raw: pd.DataFrame, keyed: np.ndarray) -> pd.DataFrame:
    """When each row could be known: as delivered, else at its close, else when a later delivery changed it."""
    if KNOWN_AT in bars:
        known = bars[KNOWN_AT].fillna(bars[TS])
        return bars.assign(**{KNOWN_AT: known.where(known > bars[TS], bars[TS])})
    known = bars[TS]
    if RECEIVED_AT in raw and raw[RECEIVED_AT].nunique() > 1:
        received = raw[RECEIVED_AT].reset_index(drop=True).astype(UTC_MICROSECONDS)
        again = bars.duplicated([INSTRUMENT, TS], keep="first") & keyed & (received > received.min())
        known = known.where(~again, received)
    return bars.assign(**{KNOWN_AT: known})


def revised_times(frame: pd.DataFrame, raw: pd.DataFrame, keys: list[str], values: list[str]) -> pd.Series:
    """When each row was known, where a later delivery may say something else under the same key.

    Args:
        frame: Typed rows with ``known_at``.
        raw: The same rows as delivered; without times of receipt, or with one only, nothing was revised.
        keys: What makes two rows one.
        values: What may have been revised.

    Returns:
        ``known_at``, and of rows with new values under a key that was received before, the receipt if it is later.
    """
    known = frame[KNOWN_AT]
    if RECEIVED_AT not in raw or raw[RECEIVED_AT].nunique() < 2:
        return known
    received = raw[RECEIVED_AT].reset_index(drop=True).astype(UTC_MICROSECONDS)
    first = received.groupby([frame[name] for name in keys], dropna=False).transform("min")
    new = ~frame.duplicated([*keys, *values], keep="first")
    return known.mask(new & (received > first) & (received > known), received)


def known_on_receipt(said: pd.Series, raw: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Which rows were known when they came, by what their source says, and when that was.

    Args:
        said: What was delivered as the time at which each row was known.
        raw: The same rows as delivered, with the times of receipt.

    Returns:
        Whether a row says `ON_RECEIPT`; and its receipt, ``datetime64[us, UTC]``. NaT for other rows, and where no
        receipt was noted: whatever else such a row claims is not when it was known. Both have the index of ``said``.
    """
    marked = said.eq(ON_RECEIPT).fillna(False).astype(bool)
    if RECEIVED_AT not in raw:
        return marked, pd.Series(pd.NaT, index=said.index, dtype=UTC_MICROSECONDS)
    return marked, raw[RECEIVED_AT].set_axis(said.index).astype(UTC_MICROSECONDS).where(marked)


def settle_versions(bars: pd.DataFrame, ledger: Ledger, keyed: np.ndarray, rules: Rules) -> pd.DataFrame:
    """Of several rows with one key keep what was known in time: the last one delivered before the decision."""
    several = np.flatnonzero(bars.duplicated([INSTRUMENT, TS], keep=False).to_numpy() & keyed)
    if not len(several):
        return bars
    part = bars.iloc[several]
    group = part.groupby([INSTRUMENT, TS], sort=False).ngroup().to_numpy()
    known, ts = (part[name].astype("int64").to_numpy() for name in (KNOWN_AT, TS))
    first = _least(known, group)
    late = (known > ts + int(rules.market.decision_hours * _MICROSECONDS_PER_HOUR)) & (known > first[group])
    eligible = ledger.alive[several] & ~late
    winner = np.full(len(first), -1)
    # Positions ascend, so that the last eligible row of a group stays.
    winner[group[eligible]] = np.flatnonzero(eligible)
    chosen = winner[group]
    own = chosen == np.arange(len(several))
    same = (chosen >= 0) & _same_values(part, chosen)
    mark = partial(_marked, several, len(bars))
    times = bars[KNOWN_AT]
    ledger.reject(mark(same & ~own), "duplicate", "the same row was delivered more than once")
    ledger.reject(
        mark(late),
        "late_correction",
        lambda rows: [f"known {times[row]}, too long after the close; history stays what was known" for row in rows],
    )
    ledger.reject(mark(~own), "superseded", "another row for the same instrument and time came later and was used")
    # A row that was delivered again was known when it came first.
    earliest = _least(np.where(same, known, np.iinfo(np.int64).max), group)
    settled = times.astype("int64").to_numpy().copy()
    settled[several[own]] = earliest[group[own]]
    return bars.assign(
        **{KNOWN_AT: pd.Series(settled, index=bars.index).astype(WALL_MICROSECONDS).dt.tz_localize("UTC")}
    )


def _least(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Smallest value of each group."""
    least = np.full(group.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(least, group, values)
    return least


def _marked(positions: np.ndarray, rows: int, mask: np.ndarray) -> np.ndarray:
    marked = np.zeros(rows, dtype=bool)
    marked[positions[mask]] = True
    return marked


def _same_values(part: pd.DataFrame, chosen: np.ndarray) -> np.ndarray:
    """Rows whose numbers equal those of the row chosen for their key; missing equals missing."""
    names = [name for name in (*OHLC, ADJ_CLOSE, VOLUME, *BID, *ASK) if name in part]
    values = part[names].to_numpy()
    other = values[np.where(chosen >= 0, chosen, 0)]
    return np.asarray(((values == other) | (np.isnan(values) & np.isnan(other))).all(axis=1), dtype=bool)
