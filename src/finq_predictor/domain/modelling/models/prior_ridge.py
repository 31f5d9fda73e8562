"""A ridge regression that is pulled towards published rules instead of towards nothing."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from finq_predictor.domain.arrays import FeatureMatrix, Positions, Vector
from finq_predictor.domain.modelling.models.composite import Composite
from finq_predictor.domain.modelling.models.linear import CHUNK
from finq_predictor.domain.modelling.models.priors import positive

PER_CORRELATION = 1.6
"""Log-odds of beating the median per standard deviation of a normal score of correlation 1: 4 / sqrt(2 pi)."""


class PriorRidge(Composite):
    """Least squares on the features of the priors, with a penalty on the distance from the weights of the priors.

    It minimises ``mean((y - b z)**2) + pull * sum((b - b0)**2)`` over standardised z: the mean of a normal posterior
    whose prior mean is b0 (Lindley and Smith, 1972). Features without a prior have no weight: free weights are what
    hurts. With a large ``pull`` it is :class:`Composite`.

    Args:
        priors: As for :class:`Composite`.
        strength: As for :class:`Composite`, of the weights that it is pulled to.
        pull: Weight of the penalty; with 10, a feature alone goes an eleventh of the way to what the data say.
        clip: As for :class:`Composite`.
    """

    name: ClassVar[str] = "prior_ridge"

    def __init__(self, priors: dict[str, Any], strength: float = 0.025, pull: float = 10.0, clip: float = 3.0) -> None:
        super().__init__(priors=priors, strength=strength, clip=clip)
        self.params = {"priors": priors, "strength": strength, "pull": pull, "clip": clip}
        self.pull = positive(pull, "pull")

    def _learn(self, matrix: FeatureMatrix, y: Vector, named: Positions, believed: Vector) -> Vector:
        gram, moment, total = np.zeros((len(named), len(named))), np.zeros(len(named)), np.zeros(len(named))
        centred = y - y.mean()
        for start in range(0, len(matrix), CHUNK):
            z = self._standardise(matrix[start : start + CHUNK], named)
            gram += z.T @ z
            moment += z.T @ centred[start : start + CHUNK]
            total += z.sum(axis=0)
        mean = total / len(matrix)
        gram = gram / len(matrix) - np.outer(mean, mean)
        # Labels say less than ranks of how far above the median: sqrt(pi / 2) makes up for it.
        both = bool(np.isin(y, (0.0, 1.0)).all())
        odds = moment / len(matrix) / y.std() * PER_CORRELATION * (np.sqrt(np.pi / 2.0) if both else 1.0)
        away: Vector = np.linalg.solve(gram + self.pull * np.eye(len(named)), odds - gram @ believed)
        return believed + away
