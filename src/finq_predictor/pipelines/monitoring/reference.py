"""What a champion remembers of its training, in the form that drift tests take."""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.bundle import ModelBundle
from finq_predictor.domain.drift.base import ReferenceColumn


def feature_references(champion: ModelBundle) -> dict[str, ReferenceColumn]:
    """Return how each of the champion's features looked in training, in the order of its feature set."""
    reference = champion.reference
    return {
        name: ReferenceColumn(
            edges=np.asarray(reference.features[name].edges, dtype="float64"),
            shares=np.asarray(reference.features[name].shares, dtype="float64"),
            missing=float(reference.features[name].missing_share),
            sample=np.asarray(reference.features[name].sample, dtype="float64"),
        )
        for name in champion.feature_set.names
    }


def probability_reference(champion: ModelBundle) -> ReferenceColumn:
    """Return how the champion's probabilities looked in training."""
    reference = champion.reference
    return ReferenceColumn(
        edges=np.asarray(reference.probability_edges, dtype="float64"),
        shares=np.asarray(reference.probability_shares, dtype="float64"),
        missing=0.0,
        sample=np.empty(0),
    )
