"""Whether a row lies where the model has been: within the range of training, and not far from all of its rows.

Two measures of a row, each with a limit that is a share: a row is refused where so few of the rows that were held out,
of later dates than the reference, were as far away (conformal anomaly detection, Laxhammar and Falkman, 2010).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from finq_predictor.domain.arrays import Array, FeatureMatrix, Flags, Vector
from finq_predictor.domain.errors import DataError, StoreError
from finq_predictor.domain.modelling.held_out_ranks import HeldOutRanks
from finq_predictor.domain.modelling.models.restoring import LARGEST, whole_numbers
from finq_predictor.domain.modelling.training_profile import QUANTILES

if TYPE_CHECKING:
    from finq_predictor.domain.modelling._rank_scores import Curves

RANGE = (0.001, 0.999)
"""The range of training of a feature, as quantiles."""
SHRINKAGE = 0.01
"""Weight of the unit matrix in the correlations: what training has never seen apart shall not weigh without end."""
CHUNK = 16_384
# Whole numbers in floats: their sums are exact in any order, so that a row has the same bits alone as in a batch.
_SCORE_BITS, _WEIGHT_BITS, _PROJECTION_BITS = 10, 16, 8
_FARTHEST = 2**24


class Placed(NamedTuple):
    """Where rows lie (n each).

    Attributes:
        outside: Share of the features that lie outside of the range of training, in [0, 1].
        outside_share: Share of held-out rows, this one among them, with at least as many outside.
        distance: Distance from the middle of training, about 1 for a row of training.
        distance_share: Share of held-out rows, this one among them, that were at least as far.
    """

    outside: Vector
    outside_share: Vector
    distance: Vector
    distance_share: Vector


@dataclass(frozen=True)
class Shape:
    """Where the rows of a training lie.

    A value becomes the normal score of its rank in training (van der Waerden, 1952), so that no outlier bends the
    shape; a missing value stands in the middle. The distance is that of Mahalanobis (1936) in those scores, with
    correlations shrunk towards none (Ledoit and Wolf, 2004, with a fixed weight).

    Attributes:
        quantiles: The 0 %, 1 %, ... 100 % quantiles of each feature (k lists of 101, or empty where nothing is known).
        low: Lower end of the range of each feature (k); -inf where nothing is known.
        high: Its upper end; inf where nothing is known.
        center: Mean of the normal scores (k), in whole 1024ths.
        weights: From centred scores to uncorrelated ones (k, k), in whole 65,536ths.
    """

    quantiles: tuple[tuple[float, ...], ...]
    low: Vector
    high: Vector
    center: Vector
    weights: Array

    @classmethod
    def of(cls, rows: FeatureMatrix, quantiles: Sequence[tuple[float, ...]] | None = None) -> Self:
        """Describe rows of training (n, k); NaN means missing.

        Args:
            rows: The rows.
            quantiles: Quantiles of each feature where they are known already; else those of the rows.

        Raises:
            DataError: If there is no row.
        """
        if not len(rows):
            raise DataError("The domain guard got no row; give it the rows of the training.")
        described = [_describe(column) for column in rows.T]
        lines = tuple(quantiles) if quantiles is not None else tuple(line for line, _, _ in described)
        low, high = (np.array([one[place] for one in described]) for place in (1, 2))
        scores = _normal_scores(rows, _curves(lines))
        center = np.rint(scores.mean(axis=0))
        scores -= center
        correlation = (scores.T @ scores) / (len(rows) * 4.0**_SCORE_BITS)
        mean_variance = max(float(np.trace(correlation)) / len(lines), 1e-6)
        shrunk = (1.0 - SHRINKAGE) * correlation + SHRINKAGE * mean_variance * np.eye(len(lines))
        values, vectors = np.linalg.eigh(shrunk)
        # The inverse square root itself: the eigenvectors alone are only known up to their signs.
        root = (vectors / np.sqrt(np.maximum(values, SHRINKAGE * mean_variance))) @ vectors.T
        weights = np.rint(root * 2.0**_WEIGHT_BITS)
        return cls(lines, low, high, center, np.clip(weights, -_FARTHEST, _FARTHEST))

    @cached_property
    def _curves(self) -> Curves:
        return _curves(self.quantiles)

    def outside(self, rows: FeatureMatrix) -> Vector:
        """Share of the features of each row (n, k) that lie outside of the range of training (n)."""
        share = np.empty(len(rows))
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            beyond: Flags = (part < self.low) | (part > self.high)
            share[start : start + CHUNK] = beyond.sum(axis=1) / max(rows.shape[1], 1)
        return share

    def distance(self, rows: FeatureMatrix) -> Vector:
        """Distance of each row (n, k) from the middle of training (n): about 1 for rows of training."""
        found = np.empty(len(rows))
        for start in range(0, len(rows), CHUNK):
            scores = _normal_scores(rows[start : start + CHUNK], self._curves) - self.center
            projected = (scores @ self.weights) / 2.0 ** (_SCORE_BITS + _WEIGHT_BITS - _PROJECTION_BITS)
            squares = np.square(np.rint(projected)).sum(axis=1) / 4.0**_PROJECTION_BITS
            found[start : start + CHUNK] = np.sqrt(squares / max(rows.shape[1], 1))
        return found


@dataclass(frozen=True)
class DomainGuard:
    """Where a model has been, and how far rows that it had not seen lay from there.

    Attributes:
        shape: Where the rows of the training lie.
        outside: Shares of features outside of the range, of held-out rows.
        distance: Distances of held-out rows.
    """

    shape: Shape
    outside: HeldOutRanks
    distance: HeldOutRanks

    @classmethod
    def of(cls, shape: Shape, early: Shape, held_out: FeatureMatrix) -> Self:
        """Put the shape of all rows beside what a shape of the first of them says of the last.

        Args:
            shape: Of all rows of the training.
            early: Of the rows before those held out.
            held_out: Rows that ``early`` has not seen (m, k).
        """
        return cls(shape, HeldOutRanks.of(early.outside(held_out)), HeldOutRanks.of(early.distance(held_out)))

    def place(self, rows: FeatureMatrix) -> Placed:
        """Say where rows (n, k) lie, their columns in the order of the training; each by itself."""
        outside, distance = self.shape.outside(rows), self.shape.distance(rows)
        return Placed(outside, self.outside.share_at_least(outside), distance, self.distance.share_at_least(distance))

    def state(self) -> dict[str, Any]:
        """Plain JSON values; the quantiles are those of the training profile, which lies beside it."""
        shape = self.shape
        return {
            "low": _nullable(shape.low),
            "high": _nullable(shape.high),
            "center": shape.center.astype(int).tolist(),
            "weights": shape.weights.astype(int).tolist(),
            "outside": self.outside.state(),
            "distance": self.distance.state(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], quantiles: Sequence[tuple[float, ...]]) -> Self:
        """Rebuild from :meth:`state`.

        Args:
            state: What was stored.
            quantiles: Quantiles of each feature in the order of the model, from the training profile.

        Raises:
            StoreError: If the state is not one of a guard of so many features.
        """
        try:
            shape = _restored(state, tuple(quantiles))
            parts = {name: HeldOutRanks.from_state(state[name], f"{name} of the guard") for name in _MEASURED}
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise StoreError(f"The stored domain guard cannot be read: {error!r}. Train the model again.") from error
        return cls(shape, **parts)


_MEASURED = ("outside", "distance")
_NORMAL_LEVELS = np.clip(np.linspace(0.0, 1.0, QUANTILES), *RANGE)


def _restored(state: Mapping[str, Any], quantiles: tuple[tuple[float, ...], ...]) -> Shape:
    count = len(quantiles)
    low, high = (_bounds(state[name], name, count, at) for name, at in (("low", -np.inf), ("high", np.inf)))
    if (low > high).any():
        raise ValueError("a range ends before it begins")
    center = whole_numbers(state["center"], "the center", count)
    if not isinstance(state["weights"], list) or len(state["weights"]) != count:
        raise ValueError(f"the weights are no {count} lists")
    weights = np.array([whole_numbers(line, "a line of the weights", count) for line in state["weights"]])
    weights = weights.reshape(count, count)
    if max(np.abs(center).max(initial=0), np.abs(weights).max(initial=0)) > _FARTHEST:
        raise ValueError("a center or weight is too large")
    return Shape(quantiles, low, high, center.astype(np.float64), weights.astype(np.float64))


def _bounds(given: Any, what: str, count: int, unknown: float) -> Vector:
    if not isinstance(given, list) or len(given) != count:
        raise ValueError(f"{what} is no list of {count} numbers")
    if not all(value is None or (type(value) in (int, float) and abs(value) <= LARGEST) for value in given):
        raise ValueError(f"{what} holds what is no finite number")
    return np.array([unknown if value is None else value for value in given], dtype=np.float64)


def _nullable(bounds: Vector) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in bounds.tolist()]


def _describe(column: Array) -> tuple[tuple[float, ...], float, float]:
    """Quantiles of a column, and its range."""
    known = column[~np.isnan(column)].astype(np.float64)
    if not known.size:
        return (), -np.inf, np.inf
    *line, low, high = np.quantile(known, [*np.linspace(0.0, 1.0, QUANTILES), *RANGE]).tolist()
    return tuple(line), low, high


def _curves(quantiles: Sequence[tuple[float, ...]]) -> Curves:
    """Quantiles of each feature with their normal scores; None where nothing is known."""
    from scipy.special import ndtri

    from finq_predictor.domain.modelling._rank_scores import Curves

    levels = ndtri(_NORMAL_LEVELS)
    curves: list[tuple[Vector, Vector] | None] = []
    for line in quantiles:
        # A run of equal quantiles takes its middle score, so that the score is a function of the value.
        values, run = np.unique(np.asarray(line), return_inverse=True)
        curves.append((values, np.bincount(run, levels) / np.bincount(run)) if line else None)
    return Curves(curves)


def _normal_scores(rows: FeatureMatrix, curves: Curves) -> Array:
    """Normal score of the rank of each value (n, k), in whole 1024ths; 0 where the value is missing."""
    return curves.at(rows, 2.0**_SCORE_BITS)
