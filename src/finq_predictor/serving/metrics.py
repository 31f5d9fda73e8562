"""Prometheus metrics of the API, in a registry of its own.

Labels stay few: routes, markets and decisions, never instruments or request ids.

Workers of one server count together: each writes to files of its own in a folder that they share
(`PROMETHEUS_MULTIPROC_DIR`, which `bentoml serve` is given by `hosting`), and whichever is asked adds them all up. What
a worker that has ended counted stays; what it said of its state goes. Without that folder a process counts for itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from finq_predictor.serving.answers import Served
from finq_predictor.serving.supervisor import is_alive

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """The counters of one API process, told together with those of its siblings."""

    def __init__(self) -> None:
        self._named: set[tuple[str, ...]] = set()
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
            "1 for the model that is served, of any worker.",
            ("market", "name", "version", "status", "simulated"),
            registry=self.registry,
            multiprocess_mode="livemax",
        )
        self.newest = Gauge(
            "finq_newest_bar_timestamp_seconds",
            "Close of the newest bar, of the worker that is behind.",
            ("market",),
            registry=self.registry,
            multiprocess_mode="livemin",
        )
        self.watch_age = Gauge(
            "finq_watch_age_seconds",
            "Time since new files were last looked for, of the worker that has not looked for longest.",
            registry=self.registry,
            multiprocess_mode="livemax",
        )
        self.ready = Gauge(
            "finq_ready",
            "1 when requests can be answered, by every worker.",
            registry=self.registry,
            multiprocess_mode="livemin",
        )

    def observe(self, served: Iterable[Served], ready: bool, watch_age: float) -> None:
        """Note the state of this process.

        Args:
            served: The markets that can answer now.
            ready: Whether requests can be answered.
            watch_age: Seconds since new files were last looked for.
        """
        named = set()
        for one in served:
            model = one.model
            simulated = str(one.simulated).lower()
            named.add((one.market.name, model["name"], model["version"], model["status"], simulated))
            self.newest.labels(one.market.name).set(one.predictor.newest.timestamp())
        self._named |= named
        for labels in self._named:
            self.model.labels(*labels).set(labels in named)
        self.ready.set(ready)
        self.watch_age.set(watch_age)

    def render(self) -> bytes:
        """All metrics in the Prometheus text format."""
        told = CollectorRegistry()
        told.register(_Told(self._collector()))
        return generate_latest(told)

    def _collector(self) -> Any:
        folder = os.environ.get(MULTIPROCESS)
        if not folder:
            return self.registry
        _forget_the_dead(Path(folder))
        return MultiProcessCollector(None, folder)  # type: ignore[no-untyped-call]


class _Told(Collector):
    """What is told of what was collected: no model that is no longer served."""

    def __init__(self, collected: Any) -> None:
        self._collected = collected

    def collect(self) -> Iterator[Any]:
        for metric in self._collected.collect():
            if metric.name == "finq_model_info":
                metric.samples = [sample for sample in metric.samples if sample.value]
            yield metric


def _forget_the_dead(folder: Path) -> None:
    """Remove what workers said of their state that have ended since; what they counted stays."""
    for file in folder.glob("gauge_live*.db"):
        found = re.fullmatch(r".*_(\d+)\.db", file.name)
        if found and not is_alive(int(found[1])):
            mark_process_dead(int(found[1]), str(folder))  # type: ignore[no-untyped-call]
