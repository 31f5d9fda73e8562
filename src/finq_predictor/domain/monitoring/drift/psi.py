"""The population stability index."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from finq_predictor.domain.modelling.training_profile import ColumnProfile
from finq_predictor.domain.monitoring.drift.base import DriftTest, Subject, floored, shares_in_training, shares_now


class PopulationStability(DriftTest):
    """Symmetric relative entropy of binned values, missing values being a bin of their own (Siddiqi, 2006).

    Read as: below 0.1 stable, 0.1 to 0.25 some change, above it a shift.
    """

    name: ClassVar[str] = "psi"
    title: ClassVar[str] = "stability index"
    meaning: ClassVar[str] = "Population stability index"
    threshold: ClassVar[float] = 0.25
    source: ClassVar[str] = "Siddiqi (2006)"
    alarms: ClassVar[frozenset[Subject]] = frozenset({Subject.FEATURE})

    def statistic(self, reference: ColumnProfile, current: np.ndarray) -> float:
        """Return the index, 0 or more; see ``DriftTest``."""
        return psi(shares_in_training(reference), shares_now(reference, current))


def psi(expected: np.ndarray, actual: np.ndarray) -> float:
    """Return the sum of (actual - expected) x ln(actual / expected) over bins.

    Args:
        expected: K shares in training.
        actual: K shares now; NaN gives NaN.
    """
    p, q = floored(expected), floored(actual)
    return float(np.sum((q - p) * np.log(q / p)))
