"""Prometheus metrics of the API, in a registry of its own.

Labels stay few: routes, markets and decisions, never instruments or request ids.

Workers of one server count together: each writes to files of its own in a folder that they share
(`PROMETHEUS_MULTIPROC_DIR`, which `bentoml serve` is given by `hosting`), and whichever is asked adds them all up. What
a worker that has ended counted stays; what it said of its state goes. Without that folder a process counts for itself.
"""

from __future__ import annotations

import re
from collections import Counter as Tally
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from finq_predictor.adapters.environment.reading import foreign
from finq_predictor.adapters.living import is_alive
from finq_predictor.domain.metrics import Metric
from finq_predictor.domain.metrics import service as declared
from finq_predictor.domain.modelling.prediction import bars_since
from finq_predictor.serving.answers import REMEMBERED, Served

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0)
_TENTHS = tuple(number / 10 for number in range(1, 11))
# So many answers wait to be counted at most.
_MOST_MARKS = 512


class Mark(NamedTuple):
    """What is counted of an answer.

    Attributes:
        market: Name of the market.
        model: Name of the model.
        confidence: How sure it is; None where it has no probability.
        looked: Whether the answers of its bar were looked for, and remembered, for it alone.
    """

    market: str
    model: str
    confidence: float | None
    looked: bool = False


class Metrics:
    """The counters of one API process, told together with those of its siblings."""

    def __init__(self) -> None:
        self._named: set[tuple[str, ...]] = set()
        self._marks: deque[Mark] = deque()
        self._ages: dict[tuple[Any, ...], float] = {}
        self.registry = CollectorRegistry()
        self.requests = counter(declared.REQUESTS, self.registry)
        self.duration = histogram(declared.DURATION, self.registry)
        self.errors = counter(declared.ERRORS, self.registry)
        self.predictions = counter(declared.PREDICTIONS, self.registry)
        self.confidence = histogram(declared.CONFIDENCE, self.registry, _TENTHS)
        self.lookups = counter(declared.LOOKUPS, self.registry)
        self.feature_lookups = counter(declared.FEATURE_LOOKUPS, self.registry)
        self.fallbacks = counter(declared.FALLBACKS, self.registry)
        self.retrieval = histogram(declared.RETRIEVAL, self.registry)
        self.model = gauge(declared.MODEL, self.registry)
        self.model_age = gauge(declared.MODEL_AGE, self.registry)
        self.newest = gauge(declared.NEWEST, self.registry, "livemin")
        self.watch_age = gauge(declared.WATCH_AGE, self.registry)
        self.ready = gauge(declared.READY, self.registry, "livemin")

    def answered(self, mark: Mark) -> None:
        """Take note of an answer; it is counted a little later, with others like it.

        To count each by itself would cost as much as a part of a short answer does.
        """
        self._marks.append(mark)
        if len(self._marks) >= _MOST_MARKS:
            self.settle()

    def settle(self) -> None:
        """Count the answers that were taken note of."""
        marks: Tally[Mark] = Tally()
        with suppress(IndexError):
            while True:
                marks[self._marks.popleft()] += 1
        for mark, times in marks.items():
            if mark.confidence is not None:
                _observe(self.confidence.labels(mark.market, mark.model), mark.confidence, times)
            if mark.looked:
                self.lookups.labels(mark.market, REMEMBERED).inc(times)

    def observe(self, served: Iterable[Served], ready: bool, watch_age: float) -> None:
        """Note the state of this process.

        Args:
            served: The markets that can answer now.
            ready: Whether requests can be answered.
            watch_age: Seconds since new files were last looked for.
        """
        self.settle()
        named = set()
        for one in served:
            model = one.model
            simulated = str(one.simulated).lower()
            named.add((one.market.name, model["name"], model["version"], model["status"], simulated))
            self.newest.labels(one.market.name).set(one.predictor.newest.timestamp())
            self.model_age.labels(one.market.name).set(self._age(one))
            for seconds in one.taken_retrievals():
                self.retrieval.labels(one.market.name).observe(seconds)
            for found in one.taken_feature_lookups():
                self.feature_lookups.labels(one.market.name, found).inc()
            for found in one.taken_lookups():
                self.lookups.labels(one.market.name, found).inc()
        self._named |= named
        for labels in self._named:
            self.model.labels(*labels).set(labels in named)
        self.ready.set(ready)
        self.watch_age.set(watch_age)

    def _age(self, served: Served) -> float:
        """Age of a model as a share of what it may be, at the newest bar; computed once for each of these."""
        newest = served.predictor.newest
        key = (served.market.name, served.model["name"], served.model["version"], newest)
        if key not in self._ages:
            most = served.predictor.rules.max_model_age_bars or served.market.most_model_age_bars
            trained_to = pd.Timestamp(served.predictor.bundle.origin.trained_to)
            bars = bars_since(trained_to, pd.Series([newest]), served.market)
            self._ages = {one: age for one, age in self._ages.items() if one[0] != key[0]} | {
                key: float(bars[0]) / most
            }
        return self._ages[key]

    def render(self) -> bytes:
        """All metrics in the Prometheus text format."""
        told = CollectorRegistry()
        told.register(_Told(self._collector()))
        return generate_latest(told)

    def _collector(self) -> Any:
        folder = foreign(MULTIPROCESS)
        if not folder:
            return self.registry
        _forget_the_dead(Path(folder))
        return MultiProcessCollector(None, folder)  # type: ignore[no-untyped-call]


def counter(metric: Metric, registry: CollectorRegistry) -> Counter:
    """A counter as it is declared."""
    return Counter(metric.name, metric.text, metric.labels, registry=registry)


def histogram(metric: Metric, registry: CollectorRegistry, buckets: tuple[float, ...] = _BUCKETS) -> Histogram:
    """A histogram as it is declared.

    Args:
        metric: What it is.
        registry: Where it is kept.
        buckets: Upper ends of its buckets; by default those of seconds.
    """
    return Histogram(metric.name, metric.text, metric.labels, buckets=buckets, registry=registry)


def _observe(child: Any, value: float, times: int) -> None:
    """Observe a value several times at once, as `child.observe(value)` does once; the library has no call for it."""
    child._sum.inc(value * times)
    place = next(place for place, bound in enumerate(child._upper_bounds) if value <= bound)
    child._buckets[place].inc(times)


def gauge(metric: Metric, registry: CollectorRegistry, of_workers: str = "livemax") -> Gauge:
    """A gauge as it is declared.

    Args:
        metric: What it is.
        registry: Where it is kept.
        of_workers: Which value of those of all workers is told, in the words of prometheus_client.
    """
    mode: Any = of_workers
    return Gauge(metric.name, metric.text, metric.labels, registry=registry, multiprocess_mode=mode)


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
