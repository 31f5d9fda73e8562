"""Has the world moved away from what the model was trained on? One file and one line in ``DRIFT_TESTS`` per test."""

from finq_predictor.domain.monitoring.drift.base import (
    DRIFT_TESTS,
    DriftRules,
    DriftTest,
    Evidence,
    Subject,
    limits,
    measuring,
)
from finq_predictor.domain.monitoring.drift.features import feature_drift, prediction_drift

__all__ = [
    "DRIFT_TESTS",
    "DriftRules",
    "DriftTest",
    "Evidence",
    "Subject",
    "feature_drift",
    "limits",
    "measuring",
    "prediction_drift",
]
