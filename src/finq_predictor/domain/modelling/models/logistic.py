"""Logistic regression on standardised features: the linear model that stays in the race."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from finq_predictor.domain.arrays import FeatureMatrix, Vector
from finq_predictor.domain.modelling.models.base import Distribution, ModelKind
from finq_predictor.domain.modelling.models.linear import Linear


class Logistic(Linear):
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
        self.C, self.max_iter = C, max_iter

    def _fit(self, matrix: FeatureMatrix, y: Vector, seed: int) -> None:  # noqa: ARG002 - one interface
        from sklearn.linear_model import LogisticRegression

        self._learn_scale(matrix)
        regression = LogisticRegression(C=self.C, solver="newton-cholesky", max_iter=self.max_iter)
        regression.fit(self._standardise(matrix), y)
        self.weights = regression.coef_[0].astype(np.float64)
        self.intercept = float(regression.intercept_[0])
