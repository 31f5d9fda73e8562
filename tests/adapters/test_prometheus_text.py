"""Text that Prometheus reads back as what was measured."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from finq_predictor.adapters.prometheus_text import prometheus_text
from finq_predictor.domain.monitoring.gauges import Gauge, monitoring_gauges
from monitoring_tables import monitoring_tables

FEATURE = {"market": "equity", "feature": "a"}
LAYER = {"market": "equity", "layer": "silver", "pipeline": "ingestion"}
GOLDEN = [
    ("finq_data_freshness_hours", LAYER, 36.0),
    ("finq_data_stale_status", LAYER, 0.0),
    ("finq_validation_status", LAYER, 1.0),
    ("finq_feature_missing_ratio", FEATURE, 0.5),
    ("finq_feature_missing_status", FEATURE, 1.0),
    ("finq_feature_drift_ks", FEATURE, 0.2),
    ("finq_feature_drift_psi", FEATURE, 0.3),
    ("finq_feature_drift_js", FEATURE, 0.1),
    ("finq_feature_drift_level", FEATURE, 1.5),
    ("finq_feature_drift_status", FEATURE, 1.0),
    ("finq_feature_drift_reason_status", {**FEATURE, "reason": "distribution"}, 1.0),
    ("finq_feature_drift_reason_status", {**FEATURE, "reason": "level"}, 1.0),
    ("finq_prediction_drift_ks", {"market": "equity"}, 0.4),
    ("finq_prediction_drift_psi", {"market": "equity"}, 0.1),
    ("finq_prediction_drift_js", {"market": "equity"}, 0.2),
    ("finq_prediction_drift_kl", {"market": "equity"}, 0.4),
    ("finq_prediction_drift_level", {"market": "equity"}, 0.1),
    ("finq_prediction_drift_status", {"market": "equity"}, 1.0),
    ("finq_prediction_drift_reason_status", {"market": "equity", "reason": "distribution"}, 1.0),
    ("finq_prediction_drift_reason_status", {"market": "equity", "reason": "level"}, 0.0),
]


def test_the_figures_of_monitoring_come_back_as_they_were():
    text = prometheus_text(monitoring_gauges("equity", *monitoring_tables()))
    families = list(text_string_to_metric_families(text))
    assert [(one.name, one.labels, one.value) for family in families for one in family.samples] == GOLDEN
    assert {family.type for family in families} == {"gauge"}
    assert all(family.documentation for family in families)
    assert text.endswith("\n")


NASTY = st.text(st.characters(codec="utf-8", exclude_characters="\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), max_size=20)


@given(NASTY, NASTY, st.floats(width=64))
def test_any_label_and_value_survive_and_what_is_not_known_is_left_out(label, text, value):
    if np.isnan(value):
        assert prometheus_text([Gauge("finq_x", text, [({"name": label}, value)])]) == ""
        return
    (family,) = text_string_to_metric_families(prometheus_text([Gauge("finq_x", text, [({"name": label}, value)])]))
    (sample,) = family.samples
    assert sample.labels == {"name": label}
    assert sample.value == value


def test_a_gauge_without_labels_and_one_without_samples():
    assert prometheus_text([Gauge("finq_a", "A.", [({}, 1)]), Gauge("finq_b", "B.", [])]) == (
        "# HELP finq_a A.\n# TYPE finq_a gauge\nfinq_a 1.0\n"
    )
    assert prometheus_text([]) == ""


def test_gauges_may_come_one_by_one():
    assert prometheus_text(Gauge(name, "A.", [({}, 1)]) for name in ("finq_a", "finq_b")).count("# TYPE") == 2
