"""The figures of monitoring as gauges: plain data, which an adapter writes in the format of a collector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from finq_predictor.domain.monitoring.drift import Evidence, Subject, measuring


@dataclass(frozen=True)
class Gauge:
    """A Prometheus gauge.

    Attributes:
        name: Metric name, ``finq_<noun>_<unit>``.
        text: What it measures, one line.
        samples: Labels and value of each sample; NaN is allowed.
    """

    name: str
    text: str
    samples: Sequence[tuple[Mapping[str, str], float]] = field(default_factory=tuple)


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
        Gauge("finq_data_freshness_hours", "Hours since the newest row of a layer", per_layer("hours")),
        Gauge(
            "finq_data_stale_status",
            "1 when a layer is older than its limit, counted while the market is open",
            per_layer("stale"),
        ),
        Gauge("finq_validation_status", "1 when a layer passes its checks", per_layer("valid")),
        Gauge(
            "finq_feature_missing_ratio",
            "Share of current rows without a value",
            per_feature(missing_rates, "feature", "missing_ratio"),
        ),
        *(
            Gauge(
                f"finq_feature_drift_{test.name}",
                f"{test.meaning} of current values from training",
                per_feature(features, "name", test.name),
            )
            for test in measuring(Subject.FEATURE)
        ),
        Gauge("finq_feature_drift_status", "1 when a feature drifted", per_feature(features, "name", "drifted")),
        Gauge(
            "finq_feature_drift_reason_status",
            "1 for what a feature drifted by: its distribution, its level or both",
            [
                ({**base, "feature": name, "reason": evidence.value}, float(evidence in reason))
                for name, reason in zip(features["name"], features["reason"], strict=True)
                for evidence in Evidence
            ],
        ),
        *(
            Gauge(
                f"finq_prediction_drift_{test.name}",
                f"{test.meaning} of current predictions from training",
                [(base, float(value)) for value in predictions[test.name]],
            )
            for test in measuring(Subject.PREDICTION)
        ),
        Gauge(
            "finq_prediction_drift_status",
            "1 when the predictions drifted",
            [(base, float(value)) for value in predictions["drifted"]],
        ),
        Gauge(
            "finq_prediction_drift_reason_status",
            "1 for what the predictions drifted by: their distribution, their level or both",
            [
                ({**base, "reason": evidence.value}, float(evidence in reason))
                for reason in predictions["reason"]
                for evidence in Evidence
            ],
        ),
    ]
