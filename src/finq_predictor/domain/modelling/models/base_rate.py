"""The constant: every row gets the share of ones seen in training."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from finq_predictor.domain.arrays import FeatureMatrix, Vector
from finq_predictor.domain.modelling.models.base import Contributions, Model, ModelKind, log_odds
from finq_predictor.domain.modelling.models.restoring import number


class BaseRate(Model):
    """Knows only how often the label was 1; cut at one half it is the majority rule, its Brier skill is 0."""

    name: ClassVar[str] = "base_rate"
    kind: ClassVar[ModelKind] = ModelKind.NAIVE
    seeded: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.rate = 0.5

    def _fit(self, matrix: FeatureMatrix, y: Vector, seed: int) -> None:  # noqa: ARG002 - one interface
        self.rate = float(y.mean())

    def _score(self, matrix: FeatureMatrix) -> Vector:
        return np.full(len(matrix), self.rate)

    def _contributions(self, matrix: FeatureMatrix) -> Contributions:
        return Contributions(np.zeros(matrix.shape), log_odds(self._score(matrix)))

    def _learned(self) -> dict[str, Any]:
        return {"rate": self.rate}

    def _restore(self, learned: dict[str, Any]) -> None:
        self.rate = number(learned["rate"], "the rate", 0.0, 1.0)
