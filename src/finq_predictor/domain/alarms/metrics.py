"""The registry of all metrics that rules and dashboards may name."""

from __future__ import annotations

from finq_predictor.domain.metrics import Metric
from finq_predictor.domain.metrics.jobs import OF_JOBS
from finq_predictor.domain.metrics.service import OF_SERVICE
from finq_predictor.domain.metrics.surroundings import OF_OTHERS, OF_SURROUNDINGS
from finq_predictor.domain.monitoring.delivery_gauges import OF_DELIVERIES
from finq_predictor.domain.monitoring.gauges import monitoring_metrics
from finq_predictor.domain.registry import Registry

METRICS = Registry.of(
    "metric", *OF_SERVICE, *monitoring_metrics(), *OF_DELIVERIES, *OF_JOBS, *OF_SURROUNDINGS, *OF_OTHERS
)
"""Every metric by name."""


def metric_of_sample(name: str) -> Metric:
    """The metric that a sample belongs to.

    Args:
        name: As it stands in the text that Prometheus reads, such as ``finq_prediction_requests_total``.

    Raises:
        UnknownNameError: If no metric has such samples; near misses are suggested.
    """
    by_sample: Registry[Metric] = Registry("sample of a metric")
    for metric in METRICS.values():
        for sample in metric.samples:
            by_sample.add(sample, metric)
    return by_sample[name]
