"""The Jensen-Shannon distance."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from finq_predictor.domain.modelling.training_profile import ColumnProfile
from finq_predictor.domain.monitoring.drift.base import DriftTest, shares_in_training, shares_now


class JensenShannon(DriftTest):
    """Square root of the divergence from the mixture, in bits, missing values being a bin (Lin, 1991).

    It is a metric in [0, 1] (Endres and Schindelin, 2003) and finite for empty bins.
    """

    name: ClassVar[str] = "js"
    title: ClassVar[str] = "Jensen-Shannon"
    meaning: ClassVar[str] = "Jensen-Shannon distance"
    threshold: ClassVar[float] = 0.15
    source: ClassVar[str] = "Lin (1991), Endres and Schindelin (2003)"

    def statistic(self, reference: ColumnProfile, current: np.ndarray) -> float:
        """Return the distance in [0, 1]; see ``DriftTest``."""
        return jensen_shannon(shares_in_training(reference), shares_now(reference, current))


def jensen_shannon(expected: np.ndarray, actual: np.ndarray) -> float:
    """Return the Jensen-Shannon distance with base 2 of two vectors of K shares; NaN gives NaN."""
    middle = (expected + actual) / 2.0
    divergence = (_entropy_to(expected, middle) + _entropy_to(actual, middle)) / 2.0
    return float(np.sqrt(max(divergence, 0.0))) if np.isfinite(divergence) else float("nan")


def _entropy_to(p: np.ndarray, q: np.ndarray) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p == 0.0, 0.0, p * np.log2(p / q))
    return float(terms.sum())
