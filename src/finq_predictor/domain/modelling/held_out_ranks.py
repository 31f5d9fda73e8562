"""How unusual a value is among those of rows held out: the ranks behind conformal sets and the domain guard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from finq_predictor.domain.arrays import Array, Positions, Vector
from finq_predictor.domain.errors import DataError, StoreError

MOST_POINTS = 1000
"""Values that are kept; a share is then known to one thousandth."""


@dataclass(frozen=True)
class HeldOutRanks:
    """Values of held-out rows, as order statistics at even ranks, and how many rows they stand for.

    A share that is told counts the asked row itself (Vovk, Gammerman and Shafer, 2005): asked about a row that is
    exchangeable with the held-out ones, it is at most ``a`` with probability at most ``a``. What was thinned away can
    only make it larger.

    Attributes:
        points: Ascending values (m), the j-th is that of rank ``ceil(j count / m)``.
        count: Rows they stand for, at least m.
    """

    points: Vector
    count: int

    def __post_init__(self) -> None:
        if not 0 <= len(self.points) <= self.count or (self.count and not len(self.points)):
            raise DataError(f"{len(self.points)} values cannot stand for {self.count} held-out rows.")

    @classmethod
    def of(cls, values: Array) -> Self:
        """Keep at most :data:`MOST_POINTS` of values (n).

        Raises:
            DataError: If a value is not finite.
        """
        ordered = np.sort(np.asarray(values, dtype=np.float64))
        if not np.isfinite(ordered).all():
            raise DataError("Values of held-out rows must be finite numbers.")
        kept = min(len(ordered), MOST_POINTS)
        return cls(ordered[_ranks(kept, len(ordered)) - 1], len(ordered))

    def share_at_least(self, asked: Array) -> Vector:
        """Share of rows, the asked one among them, whose value is at least as high (n), in (0, 1]; NaN stays NaN."""
        values = np.asarray(asked, dtype=np.float64)
        ranks = np.concatenate([[0], _ranks(len(self.points), self.count)])
        # At least so many rows lie below.
        below = ranks[np.searchsorted(self.points, values, side="left")]
        return self._share(self.count - below, values)

    def share_at_most(self, asked: Array) -> Vector:
        """Share of rows, the asked one among them, whose value is at most as high (n), in (0, 1]; NaN stays NaN."""
        values = np.asarray(asked, dtype=np.float64)
        ranks = np.concatenate([_ranks(len(self.points), self.count) - 1, [self.count]])
        # The next point lies above, and all before it may lie below.
        upto = ranks[np.searchsorted(self.points, values, side="right")]
        return self._share(upto, values)

    def _share(self, rows: Positions, asked: Vector) -> Vector:
        share: Vector = np.where(np.isnan(asked), np.nan, (rows + 1.0) / (self.count + 1.0))
        return share

    def state(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"points": self.points.tolist(), "count": self.count}

    @classmethod
    def from_state(cls, state: dict[str, Any], what: str) -> Self:
        """Rebuild from :meth:`state`.

        Args:
            state: What was stored.
            what: What it is, for the error.

        Raises:
            StoreError: If it is none: a number that is not finite or falls, or too many of them.
        """
        try:
            points, count = _checked(state)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise StoreError(f"The stored {what} cannot be read: {error!r}. Train the model again.") from error
        return cls(points, count)


def _checked(state: dict[str, Any]) -> tuple[Vector, int]:
    given, count = state["points"], state["count"]
    if not isinstance(given, list) or not all(type(value) in (int, float) for value in given):
        raise ValueError("its points are no list of numbers")
    points = np.array(given, dtype=np.float64)
    if not np.isfinite(points).all() or (np.diff(points) < 0.0).any():
        raise ValueError("its points do not rise, or one is not finite")
    if type(count) is not int or len(points) != min(count, MOST_POINTS):
        raise ValueError(f"{len(points)} points do not stand for {str(count)[:20]} rows")
    return points, count


def _ranks(kept: int, count: int) -> Positions:
    """Ranks, from 1, of the values that are kept."""
    ranks: Positions = -(-np.arange(1, kept + 1, dtype=np.intp) * count // max(kept, 1))
    return ranks
