"""Logistic regression that leaves most features out: an absolute and a squared penalty together."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from finq_predictor.domain.arrays import FeatureMatrix, Vector
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.modelling.models.base import Distribution, ModelKind, log_odds
from finq_predictor.domain.modelling.models.linear import CHUNK, Linear

CLOSE = 1e-7
"""Largest step of a weight, in log-odds per standard deviation, at which it ends."""


class ElasticNet(Linear):
    """Logistic regression with the penalty of Zou and Hastie (2005), on standardised features as `logistic`.

    It minimises ``mean(log loss) + alpha * (l1_ratio * sum|b| + (1 - l1_ratio) / 2 * sum(b**2))``.
    Each step takes the curve of the loss for a parabola and finds its minimum by coordinate descent (Friedman, Hastie
    and Tibshirani, 2010). The parabola is that of the sums over all rows, so a step is one pass over them.

    Args:
        alpha: Strength of the penalty. A feature alone has a weight where its correlation with the outcome is above
            about ``2 * alpha * l1_ratio``.
        l1_ratio: Share of the absolute penalty, in (0, 1].
        clip: Standardised values are cut to plus and minus this many standard deviations.
        max_iter: Steps at most.
    """

    name: ClassVar[str] = "elastic_net"
    kind: ClassVar[ModelKind] = ModelKind.CANDIDATE
    requires: ClassVar[tuple[Distribution, ...]] = (("scikit-learn",),)
    modules: ClassVar[tuple[str, ...]] = ("scipy.special", "sklearn.linear_model")
    soft: ClassVar[bool] = True

    def __init__(self, alpha: float = 0.01, l1_ratio: float = 0.5, clip: float = 4.0, max_iter: int = 25) -> None:
        super().__init__(alpha=alpha, l1_ratio=l1_ratio, clip=clip, max_iter=max_iter)
        if not (np.isfinite(alpha) and alpha > 0.0 and 0.0 < l1_ratio <= 1.0):
            raise ConfigurationError(
                f"Model {self.name!r} got alpha {alpha!r} and l1_ratio {l1_ratio!r}; expected an alpha above 0, and a "
                "ratio above 0 and up to 1. Without an absolute penalty it is the model 'logistic'."
            )
        self.alpha, self.l1_ratio, self.max_iter = alpha, l1_ratio, max_iter

    def _fit(self, matrix: FeatureMatrix, y: Vector, seed: int) -> None:  # noqa: ARG002 - one interface
        from sklearn.linear_model import ElasticNet as Descent

        self._learn_scale(matrix)
        self.weights, self.intercept = np.zeros(matrix.shape[1]), float(log_odds(y.mean()))
        descent = Descent(self.alpha, l1_ratio=self.l1_ratio, fit_intercept=False, tol=1e-9, max_iter=20_000)
        for _ in range(self.max_iter):
            gram, moment, mean, level = self._parabola(matrix, y)
            # A square root of the sums stands for the rows: the same parabola in as many rows as there are features.
            values, vectors = np.linalg.eigh(gram)
            kept = values > 1e-10 * max(float(values[-1]), 1e-300)
            if not kept.any():
                return
            root = np.sqrt(values[kept])[:, None] * vectors[:, kept].T
            rows = np.sqrt(len(root))
            weights = descent.fit(root * rows, (vectors[:, kept].T @ moment) / np.sqrt(values[kept]) * rows).coef_
            step = float(np.abs(weights - self.weights).max())
            self.weights, self.intercept = weights.astype(np.float64), level - float(mean @ weights)
            if step < CLOSE:
                return

    def _parabola(self, matrix: FeatureMatrix, y: Vector) -> tuple[Any, Vector, Vector, float]:
        """The loss around the present weights: curvature, slope, and what the intercept follows from."""
        from scipy.special import expit

        width = matrix.shape[1]
        gram, moment, total = np.zeros((width, width)), np.zeros(width), np.zeros(width)
        mass = response = 0.0
        for start in range(0, len(matrix), CHUNK):
            z = self._standardise(matrix[start : start + CHUNK])
            odds = z @ self.weights + self.intercept
            p = expit(odds)
            weight = np.maximum(p * (1.0 - p), 1e-5)
            told = weight * odds + y[start : start + CHUNK] - p
            gram += (z * weight[:, None]).T @ z
            moment += z.T @ told
            total += z.T @ weight
            mass += float(weight.sum())
            response += float(told.sum())
        mean, level = total / mass, response / mass
        gram = (gram - np.outer(mean, total)) / len(matrix)
        return gram, (moment - mean * response) / len(matrix), mean, level
