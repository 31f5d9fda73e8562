"""What monitoring found, as its page reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from finq_predictor.domain.ingestion.provenance import Provenance
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.monitoring.drift import Subject, limits
from finq_predictor.domain.monitoring.drift.features import P_VALUES


@dataclass(frozen=True)
class MonitoringResults:
    """The tables of ``domain.monitoring``, and what they were measured on.

    Attributes:
        market: The market.
        freshness: One row per layer.
        missing_rates: One row per feature.
        drift: One row per feature, and one for the predictions.
        gates: One row per gate and frame, of the last delivery.
        providers: One row per table and provider.
        current: Gold rows of the current window.
        champion: The model in use.
        provenance: Where the data came from.
        window_days: Dates in the current window.
        thresholds: What the parameters say instead of the drift tests' own thresholds.
    """

    market: Market
    freshness: pd.DataFrame
    missing_rates: pd.DataFrame
    drift: pd.DataFrame
    gates: pd.DataFrame
    providers: pd.DataFrame
    current: pd.DataFrame
    champion: ModelBundle
    provenance: Provenance
    window_days: int
    thresholds: Mapping[str, float]

    @property
    def simulated(self) -> bool:
        """Whether the data or the model are made up."""
        return self.provenance.simulated or self.champion.origin.simulated

    @property
    def preset(self) -> str | None:
        """The preset that the data were made with, or else those of the model; None where there is none."""
        return self.provenance.preset or self.champion.origin.preset

    @property
    def features(self) -> pd.DataFrame:
        """Drift of the features: those that drifted first, then by how unusual they are by either kind of evidence."""
        features = self.drift[self.drift["kind"] == Subject.FEATURE]
        unusual = features[list(P_VALUES.values())].min(axis=1)
        loudest = list(limits(Subject.FEATURE, self.thresholds))
        falling = [False, True, *(False for _ in loudest)]
        order = features.assign(unusual=unusual).sort_values(
            ["drifted", "unusual", *loudest], ascending=falling, kind="stable", ignore_index=True
        )
        return order.drop(columns="unusual")

    @property
    def predictions(self) -> pd.Series:
        """Drift of the predictions."""
        return self.drift[self.drift["kind"] == Subject.PREDICTION].iloc[0]
