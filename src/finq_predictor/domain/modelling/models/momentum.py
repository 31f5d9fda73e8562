"""The oldest rule: what has risen goes on rising."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from finq_predictor.domain.arrays import FeatureMatrix, Vector
from finq_predictor.domain.errors import ConfigurationError, closest
from finq_predictor.domain.modelling.models.base import Contributions, Model, ModelKind, log_odds
from finq_predictor.domain.modelling.models.priors import positive
from finq_predictor.domain.modelling.models.restoring import numbers, require

LEVELS = np.linspace(0.0, 1.0, 201)


class Momentum(Model):
    """Scores a row by one feature: the share of training rows with a lower value; a missing value scores one half.

    Ranking by the score is ranking by the feature (Jegadeesh and Titman, 1993).

    Args:
        feature: Name of a column, usually a past return.
        strength: Standard deviation that the log-odds of its scores are given. That states how much the rule is
            believed, so that its ranks stand where outcomes say nothing yet: it is beaten as the rule it is. None
            leaves the shares as they are, of which calibration makes nothing until outcomes speak for them.
    """

    name: ClassVar[str] = "momentum"
    kind: ClassVar[ModelKind] = ModelKind.NAIVE
    seeded: ClassVar[bool] = False
    modules: ClassVar[tuple[str, ...]] = ("scipy.special",)

    def __init__(self, feature: str, strength: float | None = None) -> None:
        super().__init__(feature=feature, **({} if strength is None else {"strength": strength}))
        self.feature, self.strength = feature, None if strength is None else positive(strength, "strength")
        self.states_odds = strength is not None
        self.column = -1
        self.grid: Vector = np.array([0.0])
        self.shares: Vector = np.array([0.5])

    def _fit(self, matrix: FeatureMatrix, y: Vector, seed: int) -> None:  # noqa: ARG002 - one interface
        if self.feature not in self.features:
            raise ConfigurationError(
                f"Model {self.name!r} follows feature {self.feature!r}, which is not in the feature set. "
                f"{closest(self.feature, self.features)}"
            )
        self.column = self.features.index(self.feature)
        known = matrix[:, self.column].astype(np.float64)
        known = known[~np.isnan(known)]
        if known.size:
            # A run of equal quantiles scores its middle share, so that the score is a function of the value.
            values, where = np.unique(np.quantile(known, LEVELS), return_inverse=True)
            self.grid = values
            self.shares = np.bincount(where, weights=LEVELS) / np.bincount(where)

    def _score(self, matrix: FeatureMatrix) -> Vector:
        value = matrix[:, self.column].astype(np.float64)
        share = np.where(np.isnan(value), 0.5, np.interp(value, self.grid, self.shares))
        return share if self.strength is None else _stated(share, self.strength)

    def _contributions(self, matrix: FeatureMatrix) -> Contributions:
        # Without its one feature it says one half.
        values = np.zeros(matrix.shape)
        values[:, self.column] = log_odds(self._score(matrix))
        return Contributions(values, np.zeros(len(matrix)))

    def _learned(self) -> dict[str, Any]:
        return {"column": self.column, "grid": self.grid.tolist(), "shares": self.shares.tolist()}

    def _restore(self, learned: dict[str, Any]) -> None:
        self.column = self.features.index(self.feature)
        require(learned["column"] == self.column, f"the column of {self.feature}", learned["column"])
        self.grid = numbers(learned["grid"], "the grid")
        self.shares = numbers(learned["shares"], "the shares", len(self.grid))
        rising = self.grid.size > 0 and bool((np.diff(self.grid) > 0.0).all())
        require(rising, "a grid that does not rise", learned["grid"])
        require(
            bool(((self.shares >= 0.0) & (self.shares <= 1.0)).all()), "a share outside of 0 to 1", learned["shares"]
        )


def _stated(share: Vector, strength: float) -> Vector:
    """Scores whose log-odds are the shares, spread evenly, with a standard deviation."""
    from scipy.special import expit

    scores: Vector = expit(strength * np.sqrt(12.0) * (share - 0.5))
    return scores
