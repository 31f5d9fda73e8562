"""Logistic regression on standardised features: the linear champion that stays in the race."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from finq_predictor.domain.arrays import FeatureMatrix, Vector
from finq_predictor.domain.modelling.models.base import Contributions, Distribution, Model, ModelKind
from finq_predictor.domain.modelling.models.restoring import number, numbers, require

CHUNK = 65_536


class Logistic(Model):
    """L2-penalised logistic regression; missing values take the training median, outliers are clipped.

    Args:
        C: Inverse strength of the penalty, per scikit-learn; small values say "don't know" sooner.
        clip: Standardised values are cut to plus and minus this many standard deviations.
        max_iter: Newton steps at most.
    """

    name: ClassVar[str] = "logistic"
    kind: ClassVar[ModelKind] = ModelKind.CANDIDATE
    requires: ClassVar[tuple[Distribution, ...]] = (("scikit-learn",),)
    modules: ClassVar[tuple[str, ...]] = ("scipy.special", "sklearn.linear_model")

    def __init__(self, C: float = 0.001, clip: float = 4.0, max_iter: int = 100) -> None:
        super().__init__(C=C, clip=clip, max_iter=max_iter)
        self.C, self.clip, self.max_iter = C, clip, max_iter
        self.median = self.mean = self.scale = self.weights = np.zeros(0)
        self.intercept = 0.0

    def _fit(self, matrix: FeatureMatrix, y: Vector, seed: int) -> None:  # noqa: ARG002 - one interface
        from sklearn.linear_model import LogisticRegression

        self.median = _medians(matrix)
        filled = np.where(np.isnan(matrix), self.median.astype(np.float32), matrix)
        self.mean = filled.mean(axis=0, dtype=np.float64)
        spread = filled.std(axis=0, dtype=np.float64)
        self.scale = np.where(spread > 1e-12, spread, 1.0)
        del filled
        regression = LogisticRegression(C=self.C, solver="newton-cholesky", max_iter=self.max_iter)
        regression.fit(self._standardise(matrix), y)
        self.weights = regression.coef_[0].astype(np.float64)
        self.intercept = float(regression.intercept_[0])

    def _score(self, matrix: FeatureMatrix) -> Vector:
        from scipy.special import expit

        scores = np.empty(len(matrix))
        for start in range(0, len(matrix), CHUNK):
            terms = self._standardise(matrix[start : start + CHUNK]) * self.weights
            # A running sum has one fixed order; a dot product would depend on how many rows are scored together.
            scores[start : start + CHUNK] = expit(np.cumsum(terms, axis=1)[:, -1] + self.intercept)
        return scores

    def _standardise(self, matrix: FeatureMatrix) -> Vector:
        # In place: a whole market's matrix is the largest thing in memory.
        values: Vector = matrix.astype(np.float64)
        np.copyto(values, self.median, where=np.isnan(values))
        values -= self.mean
        values /= self.scale
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
