"""The rows of a gold frame, laid out for fitting and for asking."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain import columns
from finq_predictor.domain.arrays import Positions
from finq_predictor.domain.errors import DataError, closest
from finq_predictor.domain.evaluation.metrics import bar_times, day_codes
from finq_predictor.domain.modelling.models.base import to_matrix
from finq_predictor.pipelines.training.fits import Fits

FEWEST_RANKED = 10


@dataclass(frozen=True)
class Samples:
    """Rows by time and instrument.

    Attributes:
        names: Names of the features (k).
        matrix: Features, float32, C-ordered (n, k).
        y: Labels (n); NaN where there is none, see `make_samples`.
        keys: ``ts``, ``instrument``, ``label``, ``forward_return``, ``label_end``; index 0 to n-1.
        sessions: Every time of the gold frame, labelled or not.
        horizon: Bars over which a label reaches.
        selected: Features that windows spoke for, by the rows of the window: models of one window share them.
        fits: Fits that several models ask for.
    """

    names: tuple[str, ...]
    matrix: np.ndarray[Any, np.dtype[np.float32]]
    y: np.ndarray[Any, np.dtype[np.float64]]
    keys: pd.DataFrame
    sessions: pd.DatetimeIndex
    horizon: int = 1
    selected: dict[bytes, Positions] = field(default_factory=dict, compare=False, repr=False)
    fits: Fits = field(default_factory=Fits, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.y)

    def frame(self, rows: Positions) -> pd.DataFrame:
        """Features of some rows, without another copy when a model reads them."""
        return pd.DataFrame(self.matrix[rows], columns=list(self.names), copy=False)

    def take(self, rows: Positions) -> Samples:
        """The same with some rows only."""
        keys = self.keys.iloc[rows].reset_index(drop=True)
        return Samples(self.names, self.matrix[rows], self.y[rows], keys, self.sessions, self.horizon)


def make_samples(gold: pd.DataFrame, names: tuple[str, ...], horizon: int, *, every_row: bool = False) -> Samples:
    """Take the rows of a gold frame.

    Whether a row has a label is only known later: which instruments are asked about, ranked and bought must not
    depend on it. Models are fitted on rows with a label and asked about every row.

    Args:
        gold: Gold frame.
        names: Feature columns, in the order of the feature set.
        horizon: Label horizon in bars.
        every_row: Take rows without a label, too; else those whose label is known.

    Raises:
        DataError: If a column is missing, a feature is infinite, or no row has a label.
    """
    wanted = {
        "label": columns.label(horizon),
        "forward_return": columns.forward_return(horizon),
        "label_end": columns.label_end(horizon),
    }
    for column in (columns.TS, columns.INSTRUMENT, *wanted.values()):
        if column not in gold.columns:
            raise DataError(f"The gold frame has no column {column!r}. {closest(column, map(str, gold.columns))}")
    label = gold[wanted["label"]]
    labelled = (label.notna() & gold[wanted["label_end"]].notna()).to_numpy()
    rows = np.arange(len(gold)) if every_row else np.flatnonzero(labelled)
    if not labelled.any():
        raise DataError(f"None of the {len(gold)} gold rows has a label over {horizon} bars; bring a longer history.")
    order = gold[[columns.TS, columns.INSTRUMENT]].iloc[rows].reset_index(drop=True)
    rows = rows[order.sort_values([columns.TS, columns.INSTRUMENT], kind="stable").index.to_numpy()]
    known = gold.iloc[rows]
    keys = known[[columns.TS, columns.INSTRUMENT, *wanted.values()]].reset_index(drop=True)
    keys.columns = pd.Index([columns.TS, columns.INSTRUMENT, *wanted])
    return Samples(
        names=names,
        matrix=to_matrix(known, names),
        y=keys["label"].where(keys["label_end"].notna()).to_numpy(np.float64),
        keys=keys,
        sessions=pd.DatetimeIndex(gold[columns.TS].unique()).sort_values(),
        horizon=horizon,
    )


def rank_outcomes(samples: Samples, rows: Positions) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Rank what followed among some rows of each bar, from 0 to 1.

    A rank says how far ahead an instrument was and not only on which side, and what moved all of them together is not
    in it. Only these rows are compared: an outcome that comes late, of an instrument that stood still, is known to no
    window before it comes. With fewer than :data:`FEWEST_RANKED` rows at a bar it is the label: such ranks are coarse.

    Args:
        samples: Rows of the market.
        rows: Positions of those that are learned from, labelled.

    Returns:
        Ranks of these rows, ties with their mean, in the middle of their step.
    """
    keys = samples.keys.iloc[rows]
    # Without their zone: times with one would be made into objects, one by one.
    bars = keys["forward_return"].groupby(bar_times(keys[columns.TS]))
    count = bars.transform("count").to_numpy()
    rank = (bars.rank().to_numpy() - 0.5) / np.maximum(count, 1)
    return np.where(count < FEWEST_RANKED, samples.y[rows], rank)


def thin(rows: Positions, most: int | None, seed: int) -> Positions:
    """Keep at most so many of rows in time order: one random row of each of as many equal stretches."""
    if most is None or len(rows) <= most:
        return rows
    offsets = np.random.default_rng(seed).random(most)
    return rows[((np.arange(most) + offsets) * len(rows) / most).astype(np.intp)]


def label_blocks(ts: pd.Series, label_bars: int, bar_minutes: int) -> np.ndarray[Any, Any]:
    """Code blocks of as many days as a label lasts: rows of one block are not independent witnesses."""
    days = -(-label_bars * bar_minutes // 1440)
    _, position = np.unique(day_codes(ts), return_inverse=True)
    blocks: np.ndarray[Any, Any] = position // max(days, 1)
    return blocks
