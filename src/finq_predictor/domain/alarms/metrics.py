"""The registry of all metrics that rules and dashboards may name."""

from __future__ import annotations

import re

from finq_predictor.domain.metrics import Metric
from finq_predictor.domain.metrics.jobs import OF_JOBS
from finq_predictor.domain.metrics.service import OF_SERVICE
from finq_predictor.domain.metrics.signals import OF_SIGNALS
from finq_predictor.domain.metrics.surroundings import OF_OTHERS, OF_SURROUNDINGS
from finq_predictor.domain.monitoring.delivery_gauges import OF_DELIVERIES
from finq_predictor.domain.monitoring.gauges import monitoring_metrics
from finq_predictor.domain.registry import Registry

METRICS = Registry.of(
    "metric",
    *(*OF_SERVICE, *monitoring_metrics(), *OF_DELIVERIES, *OF_SIGNALS, *OF_JOBS, *OF_SURROUNDINGS, *OF_OTHERS),
)
"""Every metric by name."""


_OURS = re.compile(r"\bfinq_\w+")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def samples() -> Registry[Metric]:
    """Every metric by the names of its samples, as they stand in the text that Prometheus reads."""
    found: Registry[Metric] = Registry("sample of a metric")
    for metric in METRICS.values():
        for sample in metric.samples:
            found.add(sample, metric)
    return found


def require_known(promql: str) -> None:
    """Make sure that a query names no metric of ours that is not exposed; Prometheus lets misspelt ones through.

    Args:
        promql: The query, of a rule or of a dashboard.

    Raises:
        UnknownNameError: If it does; near misses are suggested.
    """
    samples().require(*_OURS.findall(_STRING.sub("", promql)))
