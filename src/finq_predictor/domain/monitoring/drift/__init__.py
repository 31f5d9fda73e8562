"""Has the world moved away from what the model was trained on? One file per test; importing it registers it."""

from finq_predictor.domain.monitoring.drift import jensen_shannon, ks, kullback_leibler, psi
from finq_predictor.domain.monitoring.drift.base import DRIFT_TESTS, DriftTest, get_drift_test
from finq_predictor.domain.monitoring.drift.features import feature_drift, prediction_drift

__all__ = [
    "DRIFT_TESTS",
    "DriftTest",
    "feature_drift",
    "get_drift_test",
    "jensen_shannon",
    "ks",
    "kullback_leibler",
    "prediction_drift",
    "psi",
]
