"""The rows of a gold frame as bars x instruments, cut off before the sealed window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array, Matrix, Positions
from finq_predictor.domain.columns import INSTRUMENT, TS, forward_return, label_end
from finq_predictor.domain.errors import DataError, closest
from finq_predictor.domain.market.markets import Market

FEWEST = 3
"""Instruments below which a bar has no correlation."""


@dataclass(frozen=True)
class Ranked:
    """A matrix of bars x instruments, each bar ranked once.

    Attributes:
        values: (T, N); NaN where not known.
        order: (T, N) instruments by value, those that are not known last.
        ranks: (T, N) doubled, centred ranks; 0 where not known.
        counts: (T) known values.
        squares: (T) sums of squared ranks.
    """

    values: Array
    order: Array
    ranks: Array
    counts: Array
    squares: Array

    @classmethod
    def of(cls, values: Array) -> Ranked:
        """Rank every bar."""
        from finq_predictor.domain.evaluation.feature_validation import _kernels

        bars = len(values)
        order, ranks = (np.empty(values.shape, np.int32) for _ in range(2))
        counts, squares = np.empty(bars, np.int64), np.empty(bars, np.int64)
        _kernels.order_bars(values, order, ranks, counts, squares)
        return cls(values, order, ranks, counts, squares)

    def against(self, other: Ranked, lag: int = 0) -> Array:
        """Spearman's correlation of these values, ``lag`` bars ago, with others at each bar (T)."""
        from finq_predictor.domain.evaluation.feature_validation import _kernels

        found = np.empty(len(other.values))
        mine = (self.values, self.order, self.ranks, self.counts, self.squares)
        yours = (other.values, other.order, other.ranks, other.counts, other.squares)
        _kernels.rank_correlations(*mine, *yours, lag, found)
        return found


@dataclass(frozen=True)
class Grid:
    """Where each row of a gold frame belongs, and what followed it.

    Attributes:
        ts: T bars.
        instruments: N names.
        rows: Positions in the frame of the R rows that may be looked at.
        places: Flat places of those rows in a matrix of T x N.
        outcomes: Horizon -> forward returns (T, N); NaN where the outcome is not known before the sealed window, or the
            bar lies in an hour that is masked.
    """

    ts: pd.DatetimeIndex
    instruments: pd.Index
    rows: Positions
    places: Positions
    outcomes: dict[int, Matrix]

    @classmethod
    def of(
        cls, gold: pd.DataFrame, market: Market, horizons: tuple[int, ...], sealed_from: pd.Timestamp | None
    ) -> Grid:
        """Lay a gold frame out.

        Args:
            gold: Gold frame.
            market: The market.
            horizons: Horizons in bars.
            sealed_from: First bar of the sealed window: neither its rows nor any outcome that was not known before it
                are looked at. None: there is no such window.

        Raises:
            DataError: If a column is missing, or nothing lies before the sealed window.
        """
        wanted = [TS, INSTRUMENT, *(name for h in horizons for name in (forward_return(h), label_end(h)))]
        for column in wanted:
            if column not in gold.columns:
                raise DataError(f"The gold frame has no column {column!r}. {closest(column, map(str, gold.columns))}")
        open_rows = np.ones(len(gold), bool) if sealed_from is None else (gold[TS] < sealed_from).to_numpy()
        rows = np.flatnonzero(open_rows)
        if not len(rows):
            raise DataError(
                f"None of the {len(gold)} gold rows lies before the sealed window, which begins at {sealed_from}; "
                "bring a longer history."
            )
        mine = gold[wanted].iloc[rows]
        ts, names = pd.DatetimeIndex(mine[TS].unique()).sort_values(), pd.Index(sorted(mine[INSTRUMENT].unique()))
        places = ts.get_indexer(pd.DatetimeIndex(mine[TS])) * len(names) + names.get_indexer(pd.Index(mine[INSTRUMENT]))
        masked = market.is_masked(mine[TS])
        grid = cls(ts, names, rows, places, {})
        for horizon in horizons:
            known = mine[label_end(horizon)].notna().to_numpy() & ~masked
            if sealed_from is not None:
                known &= (mine[label_end(horizon)] < sealed_from).to_numpy()
            values = np.where(known, mine[forward_return(horizon)].to_numpy(np.float64), np.nan)
            grid.outcomes[horizon] = grid.spread(values)
        return grid

    def matrix(self, column: pd.Series) -> Array:
        """A column of the gold frame, as (T, N) of its own type."""
        return self.spread(column.to_numpy()[self.rows])

    def spread(self, values: Array) -> Array:
        """One value a row, as (T, N)."""
        out: Any = np.full(len(self.ts) * len(self.instruments), np.nan, dtype=values.dtype)
        out[self.places] = values
        matrix: Array = out.reshape(len(self.ts), len(self.instruments))
        return matrix
