"""Who was a member of the index at each bar, by what was known then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Flags
from finq_predictor.domain.columns import INSTRUMENT, KNOWN_AT, SINCE, UNTIL, UTC_MICROSECONDS

_NEVER = np.iinfo(np.int64).max


def members_at(membership: pd.DataFrame, ts: pd.DatetimeIndex, names: Sequence[str]) -> Flags:
    """Read off a table of membership who was a member at each bar.

    A stay is named by its instrument and its begin. Of each stay the row that had become known last by the close of the
    bar counts, so that an end which is delivered, or dated, later does not end anything earlier. Whoever is in
    any stay is a member; before anything is known, nobody is.

    Args:
        membership: Silver membership, ``instrument, since, until, known_at``; ``until`` is the first moment outside,
            NaT while the stay lasts.
        ts: T closes of bars (UTC), increasing.
        names: N instruments.

    Returns:
        (T, N) booleans.
    """
    steps = np.zeros((len(ts) + 1, len(names)), dtype=np.int32)
    told = membership.sort_values([INSTRUMENT, SINCE, KNOWN_AT], kind="stable")
    column = pd.Index(names).get_indexer(pd.Index(told[INSTRUMENT]))
    since, until, known = (_ticks(told[name]) for name in (SINCE, UNTIL, KNOWN_AT))
    # What was known of a stay counts until something newer is known of the same one.
    replaced = np.append(known[1:], _NEVER)
    replaced[: len(told)][~_same_stay_follows(told)] = _NEVER
    bars = _ticks(pd.Series(ts))
    first = np.searchsorted(bars, np.maximum(since, known))
    last = np.searchsorted(bars, np.minimum(until, replaced[: len(told)]))
    here = (column >= 0) & (first < last)
    np.add.at(steps, (first[here], column[here]), 1)
    np.add.at(steps, (last[here], column[here]), -1)
    return np.asarray(steps[:-1].cumsum(axis=0) > 0, dtype=np.bool_)


def _ticks(times: pd.Series) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Microseconds since 1970; what never comes is later than anything."""
    ticks = times.astype(UTC_MICROSECONDS).astype("int64").to_numpy()
    return np.asarray(np.where(times.isna().to_numpy(), _NEVER, ticks), dtype=np.int64)


def _same_stay_follows(told: pd.DataFrame) -> Flags:
    """Which rows are followed by one about the same stay."""
    stay = told[[INSTRUMENT, SINCE]].reset_index(drop=True)
    follows = (stay == stay.shift(-1)).all(axis=1).to_numpy()
    return np.asarray(follows, dtype=np.bool_)
