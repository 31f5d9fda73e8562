"""Published rules, added up with weights that nobody has fitted."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from finq_predictor.domain.arrays import FeatureMatrix, Vector
from finq_predictor.domain.modelling.models.base import ModelKind, log_odds
from finq_predictor.domain.modelling.models.linear import CHUNK, Linear
from finq_predictor.domain.modelling.models.priors import place_priors, read_priors


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
        self.priors, self.strength = read_priors(priors), strength

    def _fit(self, matrix: FeatureMatrix, y: Vector, seed: int) -> None:  # noqa: ARG002 - one interface
        self._learn_scale(matrix)
        self.weights = self._believed(matrix)
        self.intercept = float(log_odds(y.mean()))

    def _believed(self, matrix: FeatureMatrix) -> Vector:
        """Weights of the priors, in log-odds (k); 0 throughout where their features do not vary."""
        placed = place_priors(self.priors, self.features, self.name)
        spread = float(self._sums(matrix, placed).std())
        return placed * (self.strength / spread) if spread > 1e-9 else np.zeros_like(placed)

    def _sums(self, matrix: FeatureMatrix, weights: Vector) -> Vector:
        return np.concatenate(
            [self._standardise(matrix[start : start + CHUNK]) @ weights for start in range(0, len(matrix), CHUNK)]
        )
