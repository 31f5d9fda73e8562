"""The figures of monitoring as gauges: plain data, which an adapter writes in the format of a collector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from finq_predictor.domain.metrics import Kind, Metric
from finq_predictor.domain.monitoring.drift import Evidence, Subject, measuring

_LAYER = ("market", "layer", "pipeline")
_FEATURE = ("market", "feature")
FRESHNESS = Metric("finq_data_freshness_hours", Kind.GAUGE, "Hours since the newest row of a layer", _LAYER, "hours")
STALE = Metric(
    "finq_data_stale_status",
    Kind.GAUGE,
    "1 when a layer is older than its limit, counted while the market is open",
    _LAYER,
)
VALIDATION = Metric("finq_validation_status", Kind.GAUGE, "1 when a layer passes its checks", _LAYER)
MISSING = Metric("finq_feature_missing_ratio", Kind.GAUGE, "Share of current rows without a value", _FEATURE)
MISSING_STATUS = Metric(
    "finq_feature_missing_status",
    Kind.GAUGE,
    "1 when more of a feature is missing than was in training and is tolerated",
    _FEATURE,
)
FEATURE_DRIFT = Metric("finq_feature_drift_status", Kind.GAUGE, "1 when a feature drifted", _FEATURE)
FEATURE_DRIFT_REASON = Metric(
    "finq_feature_drift_reason_status",
    Kind.GAUGE,
    "1 for what a feature drifted by: its distribution, its level or both",
    ("market", "feature", "reason"),
)
PREDICTION_DRIFT = Metric("finq_prediction_drift_status", Kind.GAUGE, "1 when the predictions drifted", ("market",))
PREDICTION_DRIFT_REASON = Metric(
    "finq_prediction_drift_reason_status",
    Kind.GAUGE,
    "1 for what the predictions drifted by: their distribution, their level or both",
    ("market", "reason"),
)


def monitoring_metrics() -> tuple[Metric, ...]:
    """All metrics of `monitoring_gauges`; those of a drift test follow from the registry of drift tests."""
    return (
        *(FRESHNESS, STALE, VALIDATION, MISSING, MISSING_STATUS),
        *_of_drift_tests(Subject.FEATURE, _FEATURE),
        *(FEATURE_DRIFT, FEATURE_DRIFT_REASON),
        *_of_drift_tests(Subject.PREDICTION, ("market",)),
        *(PREDICTION_DRIFT, PREDICTION_DRIFT_REASON),
    )


def _of_drift_tests(subject: Subject, labels: tuple[str, ...]) -> list[Metric]:
    what = {Subject.FEATURE: ("feature", "values"), Subject.PREDICTION: ("prediction", "predictions")}[subject]
    return [
        Metric(
            f"finq_{what[0]}_drift_{test.name}",
            Kind.GAUGE,
            f"{test.meaning} of current {what[1]} from training",
            labels,
        )
        for test in measuring(subject)
    ]


@dataclass(frozen=True)
class Gauge:
    """A Prometheus gauge, or a counter that somebody else has counted.

    Attributes:
        name: Metric name, ``finq_<noun>_<unit>``.
        text: What it measures, one line.
        samples: Labels and value of each sample; one that is NaN is not told.
        counts: Whether it only grows; the names of its samples end in ``_total`` then.
    """

    name: str
    text: str
    samples: Sequence[tuple[Mapping[str, str], float]] = field(default_factory=tuple)
    counts: bool = False

    @classmethod
    def of(cls, metric: Metric, samples: Sequence[tuple[Mapping[str, str], float]]) -> Gauge:
        """The gauge of a declared metric."""
        return cls(metric.name, metric.text, samples, metric.kind is Kind.COUNTER)


def monitoring_gauges(
    market: str, freshness: pd.DataFrame, missing_rates: pd.DataFrame, drift: pd.DataFrame
) -> list[Gauge]:
    """Turn the three monitoring tables into gauges.

    Args:
        market: Value of the ``market`` label.
        freshness: See ``freshness.measure_layers``.
        missing_rates: See ``completeness.measure_missing_rates``.
        drift: See ``drift.feature_drift`` and ``drift.prediction_drift``, one below the other.
    """
    base = {"market": market}
    features = drift[drift["kind"] == "feature"]
    predictions = drift[drift["kind"] == "prediction"]

    def per_layer(column: str) -> list[tuple[dict[str, str], float]]:
        rows = zip(freshness["layer"], freshness["pipeline"], freshness[column], strict=True)
        return [({**base, "layer": layer, "pipeline": pipeline}, float(value)) for layer, pipeline, value in rows]

    def per_feature(table: pd.DataFrame, key: str, column: str) -> list[tuple[dict[str, str], float]]:
        return [
            ({**base, "feature": name}, float(value)) for name, value in zip(table[key], table[column], strict=True)
        ]

    return [
        Gauge.of(FRESHNESS, per_layer("hours")),
        Gauge.of(STALE, per_layer("stale")),
        Gauge.of(VALIDATION, per_layer("valid")),
        Gauge.of(MISSING, per_feature(missing_rates, "feature", "missing_ratio")),
        Gauge.of(MISSING_STATUS, per_feature(missing_rates, "feature", "alert")),
        *(
            Gauge.of(metric, per_feature(features, "name", test.name))
            for test, metric in zip(measuring(Subject.FEATURE), _of_drift_tests(Subject.FEATURE, _FEATURE), strict=True)
        ),
        Gauge.of(FEATURE_DRIFT, per_feature(features, "name", "drifted")),
        Gauge.of(
            FEATURE_DRIFT_REASON,
            [
                ({**base, "feature": name, "reason": evidence.value}, float(evidence in reason))
                for name, reason in zip(features["name"], features["reason"], strict=True)
                for evidence in Evidence
            ],
        ),
        *(
            Gauge.of(metric, [(base, float(value)) for value in predictions[test.name]])
            for test, metric in zip(
                measuring(Subject.PREDICTION), _of_drift_tests(Subject.PREDICTION, ("market",)), strict=True
            )
        ),
        Gauge.of(PREDICTION_DRIFT, [(base, float(value)) for value in predictions["drifted"]]),
        Gauge.of(
            PREDICTION_DRIFT_REASON,
            [
                ({**base, "reason": evidence.value}, float(evidence in reason))
                for reason in predictions["reason"]
                for evidence in Evidence
            ],
        ),
    ]
