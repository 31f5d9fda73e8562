"""A trained model with everything needed to use it honestly: features, calibration, limits, profile and origin."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import DataError, StoreError
from finq_predictor.domain.modelling.calibration import PlattCalibrator
from finq_predictor.domain.modelling.conformal import ConformalSets
from finq_predictor.domain.modelling.domain_guard import DomainGuard, Placed
from finq_predictor.domain.modelling.models.base import Model, to_matrix
from finq_predictor.domain.modelling.origin import ModelStatus, Origin, RegisteredVersion
from finq_predictor.domain.modelling.training_profile import TrainingProfile

if TYPE_CHECKING:
    from finq_predictor.domain.features import FeatureSet

SCORE = "score"
PROBABILITY = "probability"
UNREGISTERED = "unregistered"


@dataclass(frozen=True)
class ModelBundle:
    """One model of one market, ready to predict.

    Attributes:
        market: Name of the market.
        name: Name of the model, such as ``"logistic"``.
        horizon: Horizon of the label in bars.
        feature_set: Definition of the features, in the order the model reads them.
        model: The fitted model.
        calibrator: From scores to probabilities.
        conformal: From probabilities to sets of answers.
        guard: Where the rows of the training lie.
        profile: Distributions at training time, for drift.
        origin: What it was made from, and its place in the registry.
    """

    market: str
    name: str
    horizon: int
    feature_set: FeatureSet
    model: Model
    calibrator: PlattCalibrator
    conformal: ConformalSets
    guard: DomainGuard
    profile: TrainingProfile
    origin: Origin

    def __post_init__(self) -> None:
        """Refuse a model that reads other features than the set says, or a guard of other features."""
        if tuple(self.feature_set.names) != self.model.features:
            raise StoreError(
                f"Model {self.name!r} reads {len(self.model.features)} features, its feature set has "
                f"{len(self.feature_set.names)}, or their order differs; train it on this feature set."
            )
        if len(self.guard.shape.center) != len(self.model.features):
            raise StoreError(
                f"Model {self.name!r} reads {len(self.model.features)} features, its domain guard knows "
                f"{len(self.guard.shape.center)}; train it again."
            )

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """Score and calibrate rows; a row gets the same bits alone as in a batch.

        Args:
            features: ``ts``, ``instrument`` and every feature; NaN means missing, further columns are ignored.

        Returns:
            ``ts``, ``instrument``, ``score``, ``probability`` in the order given, index 0 to n-1.

        Raises:
            DataError: If a column is missing or a feature is infinite; nothing is ever filled with 0.
        """
        if missing := [name for name in (TS, INSTRUMENT) if name not in features.columns]:
            raise DataError(f"The features lack the columns {missing}; every row needs a time and an instrument.")
        matrix = to_matrix(features, self.model.features)
        score = self.model.score_matrix(matrix)
        return pd.DataFrame(
            {
                TS: features[TS].array,
                INSTRUMENT: features[INSTRUMENT].array,
                SCORE: score,
                PROBABILITY: self.calibrator.transform(score),
            }
        )

    def place(self, features: pd.DataFrame) -> Placed:
        """Say where rows lie, seen from those of the training; a row gets the same bits alone as in a batch.

        Args:
            features: Every feature; NaN means missing, further columns are ignored.

        Raises:
            DataError: If a column is missing or a feature is infinite.
        """
        return self.guard.place(to_matrix(features, self.model.features))

    @property
    def is_flat(self) -> bool:
        """Whether it gives every row the same probability: nothing to go by was found, and nothing can be served."""
        said = self.profile.probability.quantiles
        return self.calibrator.slope == 0.0 or (len(said) > 0 and said[-1] - said[0] <= 1e-12)

    @property
    def version(self) -> str:
        """Its version in the registry, ``unregistered`` before it has one."""
        return self.origin.registered.version if self.origin.registered else UNREGISTERED

    @property
    def status(self) -> ModelStatus:
        """Its standing; provisional before it is registered."""
        return self.origin.registered.status if self.origin.registered else ModelStatus.PROVISIONAL

    def registered_as(self, registered: RegisteredVersion) -> Self:
        """Return the same bundle with its place in the registry."""
        return replace(self, origin=replace(self.origin, registered=registered))
