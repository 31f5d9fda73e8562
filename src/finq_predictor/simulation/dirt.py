"""What goes wrong between a market and a data file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from finq_predictor.simulation.config import DirtConfig


def soil(
    clean: pd.DataFrame,
    counts: np.ndarray,
    generators: Sequence[np.random.Generator],
    dirt: DirtConfig,
    prices: Sequence[str],
) -> pd.DataFrame:
    """Make bars dirty at configured rates; each instrument has its own stream, so chunks do not matter.

    Args:
        clean: Bars sorted by instrument and time.
        counts: (N,) rows of each instrument, in the order of the bars.
        generators: Random stream of each instrument.
        dirt: The rates.
        prices: Columns of prices, open, high, low, close first (of bid and ask too, when there are any).

    Returns:
        Bars as delivered, with the same columns and types; the input is not changed.
    """
    if dirt == DirtConfig.clean() or clean.empty:
        return clean
    luck, kind, place = np.concatenate(
        [draw.random((3, count)) for draw, count in zip(generators, counts, strict=True)], axis=1
    )
    bounds = np.cumsum([dirt.missing, dirt.duplicated, dirt.out_of_order, dirt.impossible, dirt.corrected])
    fate = np.searchsorted(bounds, luck, side="right")  # 0..4 in the order above, 5 for a clean row
    values = clean[list(prices)].to_numpy(copy=True)
    absent = (fate == 0) & (kind < 0.5)
    values[(fate == 0) & ~absent] = np.nan
    _spoil(values, np.flatnonzero(fate == 3), kind)
    first_wrong = np.flatnonzero(fate == 4)
    error = np.where(kind[first_wrong] < 0.5, -1.0, 1.0) * (0.005 + 0.02 * place[first_wrong])
    values[first_wrong] *= 1.0 + error[:, None]
    given = clean.assign(**{name: values[:, column] for column, name in enumerate(prices)})
    return _deliver(clean, given, fate, absent, place, np.repeat(np.cumsum(counts), counts))


def _spoil(values: np.ndarray, rows: np.ndarray, kind: np.ndarray) -> None:
    """Make rows impossible: high and low exchanged, a negative close, or all prices a hundredfold."""
    for row in rows:
        if kind[row] < 0.4:
            values[row, [1, 2]] = values[row, [2, 1]] * np.array([0.995, 1.005])
        elif kind[row] < 0.7:
            values[row, 3] = -values[row, 3]
        else:
            values[row] *= 100.0


def _deliver(
    clean: pd.DataFrame, given: pd.DataFrame, fate: np.ndarray, absent: np.ndarray, place: np.ndarray, end: np.ndarray
) -> pd.DataFrame:
    """Put rows in the order of delivery: copies and corrections follow later, late rows are some places down."""
    position = np.arange(len(clean), dtype=float)
    later = np.minimum(position + 2.0 + np.floor(place * 40.0) + 0.5, end - 0.25)
    position[fate == 2] = later[fate == 2]
    twice, corrected = np.flatnonzero(fate == 1), np.flatnonzero(fate == 4)
    delay = pd.to_timedelta(np.round(6 + 66 * place[corrected]), unit="h")
    corrections = clean.iloc[corrected]
    corrections = corrections.assign(known_at=(corrections["known_at"] + delay).astype(clean["known_at"].dtype))
    frame = pd.concat([given[~absent], given.iloc[twice], corrections])
    order = np.concatenate([position[~absent], later[twice], later[corrected]])
    return frame.take(np.argsort(order, kind="stable")).reset_index(drop=True)
