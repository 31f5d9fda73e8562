"""Published rules, added up with weights that nobody has fitted."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from finq_predictor.domain.arrays import FeatureMatrix, Positions, Vector
from finq_predictor.domain.modelling.models.base import ModelKind, log_odds
from finq_predictor.domain.modelling.models.linear import CHUNK, Linear
from finq_predictor.domain.modelling.models.priors import place_priors, positive, read_priors


class Composite(Linear):
    """A weighted sum of standardised features with weights that were known before; the data give the scale alone.

    On few years of returns fitted weights bet on the last regime, and hardly ever beat equal ones (DeMiguel, Garlappi
    and Uppal, 2009). The log-odds of the sum have the standard deviation ``strength``: it says how much is believed,
    so calibration starts from it.

    Args:
        priors: Weight and source by feature, see :func:`~finq_predictor.domain.modelling.models.priors.read_priors`.
        strength: Standard deviation of the log-odds on the training rows. A rank correlation of r with what follows
            is worth about 1.6 r.
        clip: Standardised values are cut to plus and minus this many standard deviations.
    """

    name: ClassVar[str] = "composite"
    kind: ClassVar[ModelKind] = ModelKind.CANDIDATE
    states_odds = True
    soft: ClassVar[bool] = True

    def __init__(self, priors: dict[str, Any], strength: float = 0.025, clip: float = 3.0) -> None:
        super().__init__(priors=priors, strength=strength, clip=clip)
        self.priors, self.strength = read_priors(priors), positive(strength, "strength")

    def _fit(self, matrix: FeatureMatrix, y: Vector, seed: int) -> None:  # noqa: ARG002 - one interface
        placed = place_priors(self.priors, self.features, self.name)
        named = np.flatnonzero(placed)
        self._learn_scale(matrix, named)
        self.weights = np.zeros(len(placed))
        self.weights[named] = self._learn(matrix, y, named, self._believed(matrix, named, placed[named]))
        self.intercept = float(log_odds(y.mean()))

    def _learn(
        self,
        matrix: FeatureMatrix,  # noqa: ARG002 - what others learn from
        y: Vector,  # noqa: ARG002 - as matrix
        named: Positions,  # noqa: ARG002 - as matrix
        believed: Vector,
    ) -> Vector:
        """Weights of the named columns in log-odds, from those that are believed."""
        return believed

    def _believed(self, matrix: FeatureMatrix, named: Positions, weights: Vector) -> Vector:
        """The priors in log-odds; 0 throughout where their features do not vary."""
        parts = range(0, len(matrix), CHUNK)
        sums = [self._standardise(matrix[start : start + CHUNK], named) @ weights for start in parts]
        spread = float(np.concatenate(sums).std())
        return weights * (self.strength / spread) if spread > 1e-9 else np.zeros_like(weights)
