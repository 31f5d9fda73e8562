"""What linear models have in common: features on one scale, a weight for each, and their sum as log-odds."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from finq_predictor.domain.arrays import FeatureMatrix, Positions, Vector
from finq_predictor.domain.modelling.models.base import Contributions, Model
from finq_predictor.domain.modelling.models.restoring import number, numbers, require

CHUNK = 65_536
ALL = slice(None)


class Linear(Model):
    """A weighted sum of standardised features; missing values take the training median, outliers are clipped.

    Subclasses implement ``_fit``, which calls :meth:`_learn_scale` first, for the columns it will give a weight, then
    sets ``weights`` (k, in log-odds per standard deviation) and ``intercept``. They take ``clip`` among their
    parameters.
    """

    modules: ClassVar[tuple[str, ...]] = ("scipy.special",)
    seeded: ClassVar[bool] = False

    def __init__(self, *, clip: float, **params: Any) -> None:
        super().__init__(**params, clip=clip)
        self.clip = clip
        self.median = self.mean = self.scale = self.weights = np.zeros(0)
        self.intercept = 0.0

    def _learn_scale(self, matrix: FeatureMatrix, columns: Positions | slice = ALL) -> None:
        width = matrix.shape[1]
        self.median, self.mean, self.scale = np.zeros(width), np.zeros(width), np.ones(width)
        known = matrix[:, columns]
        self.median[columns] = _medians(known)
        filled = np.where(np.isnan(known), self.median[columns].astype(np.float32), known)
        self.mean[columns] = filled.mean(axis=0, dtype=np.float64)
        spread = filled.std(axis=0, dtype=np.float64)
        self.scale[columns] = np.where(spread > 1e-12, spread, 1.0)

    def _score(self, matrix: FeatureMatrix) -> Vector:
        from scipy.special import expit

        scores = np.full(len(matrix), expit(self.intercept))
        used = np.flatnonzero(self.weights)
        for start in range(0, len(matrix) if len(used) else 0, CHUNK):
            terms = self._standardise(matrix[start : start + CHUNK], used) * self.weights[used]
            # A running sum has one fixed order; a dot product would depend on how many rows are scored together.
            scores[start : start + CHUNK] = expit(np.cumsum(terms, axis=1)[:, -1] + self.intercept)
        return scores

    def _standardise(self, matrix: FeatureMatrix, columns: Positions | slice = ALL) -> Vector:
        # In place: a whole market's matrix is the largest thing in memory.
        values: Vector = matrix[:, columns].astype(np.float64)
        np.copyto(values, self.median[columns], where=np.isnan(values))
        values -= self.mean[columns]
        values /= self.scale[columns]
        return np.clip(values, -self.clip, self.clip, out=values)

    def _contributions(self, matrix: FeatureMatrix) -> Contributions:
        # Of a row that stands at the mean of the training, only the intercept is left.
        return Contributions(self._standardise(matrix) * self.weights, np.full(len(matrix), self.intercept))

    def importance(self) -> dict[str, float] | None:
        """Absolute standardised weights, summing to 1."""
        size = np.abs(self.weights)
        total = float(size.sum()) or 1.0
        return dict(zip(self.features, (size / total).tolist(), strict=True))

    def _learned(self) -> dict[str, Any]:
        arrays = {name: getattr(self, name).tolist() for name in ("median", "mean", "scale", "weights")}
        return {**arrays, "intercept": self.intercept}

    def _restore(self, learned: dict[str, Any]) -> None:
        for name in ("median", "mean", "scale", "weights"):
            setattr(self, name, numbers(learned[name], f"the {name}", len(self.features)))
        require(bool((self.scale > 0.0).all()), "the smallest scale", float(self.scale.min()))
        self.intercept = number(learned["intercept"], "the intercept")
        self.clip = number(self.clip, "the clip", 0.0)


def _medians(matrix: FeatureMatrix) -> Vector:
    """Median of each column without its NaN; 0 where a column holds nothing else."""
    medians = np.zeros(matrix.shape[1])
    for column in range(matrix.shape[1]):
        values = matrix[:, column]
        known = values[~np.isnan(values)]
        if known.size:
            medians[column] = np.median(known)
    return medians
