"""Labelled rows to be split: a single series, and panels with holes and late labels."""

from __future__ import annotations

import numpy as np
import pandas as pd


def single_series(n: int, label_bars: int) -> tuple[pd.Series, pd.Series]:
    """Times of one instrument, a day apart, and ends of labels so many days later."""
    ts = pd.Series(pd.date_range("2020-01-01", periods=n, tz="UTC"))
    return ts, ts + pd.Timedelta(days=label_bars)


def panel(n_dates: int, n_instruments: int, label_bars: int, drop: float = 0.0, seed: int = 0, late: float = 0.0):
    """Labelled rows of a panel with holes: a label ends `label_bars` of the instrument's own bars later.

    Args:
        n_dates: Bars with a label.
        n_instruments: Instruments.
        label_bars: Bars over which a label reaches.
        drop: Share of the bars that an instrument lacks.
        seed: Of the holes.
        late: Share of the labels that are known up to ten bars later still.
    """
    rng = np.random.default_rng(seed)
    sessions = pd.bdate_range("2020-01-01", periods=n_dates + label_bars, tz="UTC").as_unit("us")
    parts = []
    for name in range(n_instruments):
        own = sessions[rng.random(len(sessions)) >= drop]
        if len(own) > label_bars:
            start, end = own[: len(own) - label_bars], own[label_bars:]
            parts.append(pd.DataFrame({"ts": start, "instrument": str(name), "label_end": end}))
    rows = pd.concat(parts).sort_values(["ts", "instrument"], ignore_index=True)
    if late:
        place = sessions.get_indexer(rows["label_end"]) + np.where(
            rng.random(len(rows)) < late, rng.integers(1, 11, len(rows)), 0
        )
        rows["label_end"] = sessions[np.minimum(place, len(sessions) - 1)]
    return rows, sessions
