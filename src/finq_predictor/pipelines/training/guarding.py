"""What a training leaves behind so that a model knows where it has been."""

from __future__ import annotations

from finq_predictor.domain.arrays import Positions
from finq_predictor.domain.modelling.domain_guard import DomainGuard, Shape
from finq_predictor.domain.modelling.training_profile import TrainingProfile
from finq_predictor.pipelines.training.fitting import holdout
from finq_predictor.pipelines.training.plan import Plan
from finq_predictor.pipelines.training.samples import Samples, thin

MOST_ROWS = 20_000
"""Rows that each part of the guard is made from, spread evenly over time; a hundred for each feature is plenty."""


def build_guard(samples: Samples, rows: Positions, profile: TrainingProfile, plan: Plan) -> DomainGuard:
    """Describe where rows of a training lie, and how far its last dates lay from the others.

    The last dates are those on which probabilities are calibrated too, purged from what is before them.

    Args:
        samples: Rows of the market.
        rows: Positions of the training window, labelled.
        profile: Distributions of the features over those rows.
        plan: The training.
    """
    inner = holdout(samples, rows, plan.params.calibration_fraction, plan)
    whole, first, last = (
        thin(part, MOST_ROWS, plan.params.seed) for part in (rows, rows[inner.train], rows[inner.test])
    )
    quantiles = [profile.features[name].quantiles for name in samples.names]
    return DomainGuard.of(
        Shape.of(samples.matrix[whole], quantiles), Shape.of(samples.matrix[first]), samples.matrix[last]
    )
