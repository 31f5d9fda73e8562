"""The opposite of momentum: what has risen falls back."""

from __future__ import annotations

from typing import ClassVar

from finq_predictor.domain.arrays import FeatureMatrix, Vector
from finq_predictor.domain.modelling.models.momentum import Momentum


class Reversal(Momentum):
    """Scores a row by the share of training rows with a *higher* past return (Lehmann, 1990).

    Args:
        feature: Name of a column, usually a past return over few bars.
        strength: As for :class:`Momentum`.
    """

    name: ClassVar[str] = "reversal"

    def _score(self, matrix: FeatureMatrix) -> Vector:
        return 1.0 - super()._score(matrix)
