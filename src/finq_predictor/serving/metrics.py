"""Prometheus metrics of the API, in a registry of its own.

Labels stay few: routes, markets and decisions, never instruments or request ids. Each worker process counts for
itself; scrape workers separately or run one per container.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """The counters of one API process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "finq_prediction_requests", "Requests by route and status.", ("route", "status"), registry=self.registry
        )
        self.duration = Histogram(
            "finq_prediction_duration_seconds",
            "Time from the first byte of a request to the last of its answer.",
            ("route",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.errors = Counter(
            "finq_prediction_errors",
            "Requests that got an error, by its type.",
            ("route", "type"),
            registry=self.registry,
        )
        self.predictions = Counter(
            "finq_predictions", "Predictions given, by decision.", ("market", "decision"), registry=self.registry
        )
        self.fallbacks = Counter(
            "finq_inference_fallbacks",
            "Requests scored in process because the inference service failed.",
            ("market",),
            registry=self.registry,
        )
        self.model = Gauge(
            "finq_model_info",
            "1 for the model that is served.",
            ("market", "name", "version", "status", "simulated"),
            registry=self.registry,
        )
        self.newest = Gauge(
            "finq_newest_bar_timestamp_seconds", "Close of the newest bar.", ("market",), registry=self.registry
        )
        self.watch_age = Gauge(
            "finq_watch_age_seconds", "Time since new files were last looked for.", registry=self.registry
        )
        self.ready = Gauge("finq_ready", "1 when requests can be answered.", registry=self.registry)

    def render(self) -> bytes:
        """All metrics in the Prometheus text format."""
        return generate_latest(self.registry)
