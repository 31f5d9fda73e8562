"""The figures of monitoring as gauges: every name that was promised, with its labels and values."""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.monitoring.drift import Subject, measuring
from finq_predictor.domain.monitoring.gauges import monitoring_gauges, monitoring_metrics
from monitoring_tables import monitoring_tables


def test_the_names_that_alert_rules_use_stay():
    names = {gauge.name for gauge in monitoring_gauges("equity", *monitoring_tables())}
    assert {f"finq_feature_drift_{name}" for name in ("psi", "ks", "js", "status")} <= names
    assert {"finq_prediction_drift_kl", "finq_prediction_drift_status"} <= names


def test_every_figure_has_its_gauge():
    gauges = monitoring_gauges("equity", *monitoring_tables())
    assert [gauge.name for gauge in gauges] == [
        "finq_data_freshness_hours",
        "finq_data_stale_status",
        "finq_validation_status",
        "finq_feature_missing_ratio",
        "finq_feature_missing_status",
        *(f"finq_feature_drift_{test.name}" for test in measuring(Subject.FEATURE)),
        "finq_feature_drift_status",
        "finq_feature_drift_reason_status",
        *(f"finq_prediction_drift_{test.name}" for test in measuring(Subject.PREDICTION)),
        "finq_prediction_drift_status",
        "finq_prediction_drift_reason_status",
    ]
    assert all(gauge.text for gauge in gauges)


def test_what_is_declared_is_what_is_measured():
    declared = {metric.name: metric for metric in monitoring_metrics()}
    gauges = monitoring_gauges("equity", *monitoring_tables())
    assert [gauge.name for gauge in gauges] == list(declared)
    for gauge in gauges:
        assert gauge.text == declared[gauge.name].text
        assert all(set(labels) == set(declared[gauge.name].labels) for labels, _ in gauge.samples)


def test_labels_and_values():
    samples = {gauge.name: list(gauge.samples) for gauge in monitoring_gauges("equity", *monitoring_tables())}
    layer = {"market": "equity", "layer": "silver", "pipeline": "ingestion"}
    assert samples["finq_data_freshness_hours"] == [(layer, 36.0)]
    assert samples["finq_data_stale_status"] == [(layer, 0.0)]
    assert samples["finq_feature_missing_ratio"] == [({"market": "equity", "feature": "a"}, 0.5)]
    assert samples["finq_feature_missing_status"] == [({"market": "equity", "feature": "a"}, 1.0)]
    assert samples["finq_feature_drift_reason_status"] == [
        ({"market": "equity", "feature": "a", "reason": "distribution"}, 1.0),
        ({"market": "equity", "feature": "a", "reason": "level"}, 1.0),
    ]
    assert samples["finq_prediction_drift_reason_status"] == [
        ({"market": "equity", "reason": "distribution"}, 1.0),
        ({"market": "equity", "reason": "level"}, 0.0),
    ]
    assert samples["finq_prediction_drift_kl"] == [({"market": "equity"}, 0.4)]


def test_what_was_not_measured_is_nan_and_an_empty_table_gives_no_samples():
    freshness, missing, drift = monitoring_tables()
    unknown = drift.assign(psi=np.nan)
    samples = {gauge.name: gauge.samples for gauge in monitoring_gauges("fx", freshness, missing, unknown)}
    assert np.isnan(samples["finq_feature_drift_psi"][0][1])
    nothing = monitoring_gauges("fx", *(table.iloc[:0] for table in (freshness, missing, drift)))
    assert not any(gauge.samples for gauge in nothing)
