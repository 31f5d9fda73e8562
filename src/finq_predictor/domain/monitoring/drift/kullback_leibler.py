"""The Kullback-Leibler divergence, used for predictions."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from finq_predictor.domain.modelling.training_profile import ColumnProfile
from finq_predictor.domain.monitoring.drift.base import DriftTest, Subject, floored, shares_in_training, shares_now


class KullbackLeibler(DriftTest):
    """Information lost when training stands for the present, in nats (Kullback and Leibler, 1951)."""

    name: ClassVar[str] = "kl"
    title: ClassVar[str] = "KL divergence"
    meaning: ClassVar[str] = "Kullback-Leibler divergence"
    threshold: ClassVar[float] = 0.1
    source: ClassVar[str] = "Kullback and Leibler (1951)"
    measures: ClassVar[frozenset[Subject]] = frozenset({Subject.PREDICTION})
    alarms: ClassVar[frozenset[Subject]] = frozenset({Subject.PREDICTION})

    def statistic(self, reference: ColumnProfile, current: np.ndarray) -> float:
        """Return the divergence of current values from training, 0 or more; see ``DriftTest``."""
        return kl_divergence(shares_now(reference, current), shares_in_training(reference))


def kl_divergence(actual: np.ndarray, expected: np.ndarray) -> float:
    """Return the sum of actual x ln(actual / expected) over bins, empty bins lifted to a small share."""
    p, q = floored(actual), floored(expected)
    return float(np.sum(p * np.log(p / q)))
