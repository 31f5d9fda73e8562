"""The current window, and windows of the same length in the past that it is judged against."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import TS

MOST_ROWS = 2_000
"""So many rows of a past window are looked at where each of them costs time."""


def last_days(frame: pd.DataFrame, days: int) -> pd.DataFrame:
    """Return the rows of the last ``days`` calendar dates (UTC) that occur in ``ts``."""
    dates = frame[TS].dt.normalize()
    kept = np.sort(dates.unique())[-days:]
    return frame[dates.isin(kept)]


def past_windows(history: pd.DataFrame, days: int) -> list[np.ndarray]:
    """Cut history into consecutive windows of whole dates, the last one at its end.

    Args:
        history: Rows with ``ts``.
        days: Dates in a window; what is left at the beginning is no window.

    Returns:
        Row positions of each window, in the order of the rows.
    """
    if history.empty:
        return []
    number = history[TS].dt.normalize().rank(method="dense").to_numpy().astype("int64") - 1
    full, left = divmod(int(number.max()) + 1, days)
    window = (number - left) // days
    order = np.argsort(window, kind="stable")
    cuts = np.searchsorted(window[order], np.arange(full + 1))
    return [order[start:stop] for start, stop in pairwise(cuts)]


def sampled(rows: np.ndarray) -> np.ndarray:
    """Take at most ``MOST_ROWS`` of the row positions, evenly.

    A whole step would keep time with the instruments of a panel: every second row is half of the currencies.
    """
    if len(rows) <= MOST_ROWS:
        return rows
    places: np.ndarray = np.linspace(0, len(rows) - 1, MOST_ROWS).astype("int64")
    return np.take(rows, places)


def windows_ahead(history: pd.DataFrame, windows: Sequence[np.ndarray], current: pd.DataFrame) -> float:
    """Count how many windows after the last past one the current one begins, by the calendar.

    Args:
        history: Rows with ``ts``.
        windows: Row positions of consecutive windows in it.
        current: Rows of the current window with ``ts``.

    Returns:
        1 for the window that follows at once, and never less; 1 where fewer than two windows say how long one is.
    """
    if len(windows) < 2 or current.empty:
        return 1.0
    times = history[TS]
    first, last = (times.iloc[rows].min() for rows in (windows[0], windows[-1]))
    length = (last - first) / (len(windows) - 1)
    return max(1.0, float((current[TS].min() - last) / length))
