"""Prices that were never traded: unit errors, misprints, wicks of another instrument."""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, TS

# The neighbours of a misprint trade on: what they may differ by grows with the jump, so that a price a hundred times
# too high is seen on a day of news as well.
REVERSION_SHARE = 0.1


def reverted_jumps(bars: pd.DataFrame, alive: np.ndarray, factor: float, tolerance: float) -> np.ndarray:
    """Closes that stand alone: far from the bar before and the bar after, which agree with each other.

    A jump that stays, such as a merger, a split or a crash, is not one. The last bar of an instrument is never
    judged, since only the next one shows. This looks one bar ahead, as any cleaning of history does: the bar is
    removed, not corrected, so that no later price enters an earlier one.

    Args:
        bars: Bars with ``instrument``, ``ts``, ``close``.
        alive: (n,) rows to look at.
        factor: Ratio of closes from which a move counts as a jump; > 1.
        tolerance: Difference of the logarithms of the neighbours' closes up to which they agree; at least a tenth of
            the jump's logarithm is always allowed.

    Returns:
        (n,) booleans.
    """
    rows = np.flatnonzero(alive)
    flagged = np.zeros(len(bars), dtype=bool)
    if len(rows) < 3:
        return flagged
    codes = pd.factorize(bars[INSTRUMENT])[0][rows]
    order = rows[np.lexsort((bars[TS].astype("int64").to_numpy()[rows], codes))]
    codes = np.sort(codes)
    move = np.diff(np.log(bars["close"].to_numpy()[order]))
    same = codes[1:] == codes[:-1]
    into, out = move[:-1], move[1:]
    limit = np.log(factor)
    allowed = np.maximum(tolerance, REVERSION_SHARE * np.minimum(np.abs(into), np.abs(out)))
    alone = (np.abs(into) > limit) & (np.abs(out) > limit) & (np.abs(into + out) <= allowed) & same[:-1] & same[1:]
    flagged[order[1:-1][alone]] = True
    return flagged


def wild_wicks(bars: pd.DataFrame, factor: float) -> np.ndarray:
    """Bars whose high or low lies more than ``factor`` times beyond open and close.

    Args:
        bars: Bars with ``open, high, low, close``; NaN is not wild.
        factor: Ratio; > 1.

    Returns:
        (n,) booleans.
    """
    opened, closed = bars["open"].to_numpy(), bars["close"].to_numpy()
    high, low = bars["high"].to_numpy(), bars["low"].to_numpy()
    return np.asarray(
        (high > factor * np.maximum(opened, closed)) | (low * factor < np.minimum(opened, closed)), dtype=bool
    )
