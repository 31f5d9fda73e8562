"""Prices that were never traded: unit errors, misprints, wicks of another instrument."""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Positions
from finq_predictor.domain.columns import ADJ_CLOSE, INSTRUMENT, TS


def unconfirmed_jumps(bars: pd.DataFrame, alive: np.ndarray, factor: float, number: Positions) -> np.ndarray:
    """Prices so far from the last one that only the next bar can tell whether they were traded.

    What is judged is judged by the past only, as it was when the bar came: a price a hundred times too high is held
    back, and so is the first price of a real fall of that size. The bar after it confirms the new level by lying near
    it, and is used itself; the first one stays out for good, because it was out when it counted. Nothing that is
    delivered later changes the answer for an earlier bar. After a bar that is missing nobody can tell a jump from what
    happened meanwhile, and the price is believed.

    Args:
        bars: Bars with ``instrument``, ``ts`` and ``adj_close``, which knows of splits; where a source has none it is
            the close.
        alive: (n,) rows to look at; no price among them is missing.
        factor: Ratio of neighbouring prices from which a move is a jump; > 1.
        number: (n,) number of each row's bar on the clock of the calendar.

    Returns:
        (n,) booleans.
    """
    rows = np.flatnonzero(alive)
    flagged = np.zeros(len(bars), dtype=bool)
    if len(rows) < 2:
        return flagged
    codes = pd.factorize(bars[INSTRUMENT])[0][rows]
    order = np.lexsort((bars[TS].astype("int64").to_numpy()[rows], codes))
    rows, codes = rows[order], codes[order]
    level, next_to = np.log(bars[ADJ_CLOSE].to_numpy()[rows]), np.diff(number[rows], prepend=0) == 1
    limit = np.log(factor)
    jumps = np.flatnonzero((np.abs(np.diff(level)) > limit) & (codes[1:] == codes[:-1]) & next_to[1:]) + 1
    # Between jumps every bar is near the one before it; only from a jump on must be walked.
    done = 0
    for start in jumps.tolist():
        if start < done:
            continue
        accepted, held, row = level[start - 1], None, start
        while row < len(level) and codes[row] == codes[start] and next_to[row]:
            if abs(level[row] - accepted) <= limit:
                break
            if held is not None and abs(level[row] - held) <= limit:
                break
            flagged[rows[row]], held = True, level[row]
            row += 1
        done = row + 1
    return flagged


def suspected_reuses(
    bars: pd.DataFrame, alive: np.ndarray, factor: float, number: Positions, gap: int
) -> dict[int, tuple[int, int]]:
    """Bars after a long silence that do not continue what was there before it: perhaps those of another company.

    Nobody can tell whether a price that comes back after years, many times higher or lower, is that of the company
    which went. All bars from there on are held back, because they belong to nobody yet; bars before stay.

    Args:
        bars: Bars with ``instrument``, ``ts`` and ``adj_close``.
        alive: (n,) rows to look at; no price among them is missing.
        factor: Ratio of the prices on both sides from which they do not fit; > 1.
        number: (n,) number of each row's bar on the clock of the calendar.
        gap: Bars without a price after which an instrument has ended.

    Returns:
        By position of each such bar, the positions of the last bar before the silence and of the first one after it.
    """
    rows = np.flatnonzero(alive)
    codes = pd.factorize(bars[INSTRUMENT])[0][rows]
    order = np.lexsort((bars[TS].astype("int64").to_numpy()[rows], codes))
    rows, codes = rows[order], codes[order]
    level = np.log(bars[ADJ_CLOSE].to_numpy()[rows])
    silent = np.diff(number[rows]) > gap
    joins = np.flatnonzero(silent & (np.abs(np.diff(level)) > np.log(factor)) & (codes[1:] == codes[:-1])) + 1
    found: dict[int, tuple[int, int]] = {}
    for join in joins.tolist():
        if rows[join] not in found:
            end = int(np.searchsorted(codes, codes[join], side="right"))
            found |= dict.fromkeys(rows[join:end].tolist(), (int(rows[join - 1]), int(rows[join])))
    return found


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
