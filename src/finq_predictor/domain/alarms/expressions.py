"""What a rule measures, said once: as PromQL for Prometheus and as a value of samples for us.

A test lets Prometheus and us judge the same samples, rule by rule.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import accumulate, pairwise
from typing import Protocol

from finq_predictor.domain.alarms.samples import History, Labels, labels_of
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.metrics import Kind, Metric

Values = dict[Labels, float]


class Expression(Protocol):
    """One value for each combination of labels."""

    def promql(self) -> str:
        """As Prometheus computes it."""
        ...

    def values(self, history: History) -> Values:
        """As we compute it from scrapes of our own; without what cannot be computed."""
        ...

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What it looks at."""
        ...

    @property
    def window(self) -> timedelta:
        """How far it looks back."""
        ...


@dataclass(frozen=True)
class _Selected:
    """Samples of a metric, of which labels may have to match patterns, as a whole, or must not match them."""

    metric: Metric
    where: Mapping[str, str] = field(default_factory=dict)
    unless: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = sorted({*self.where, *self.unless} - set(self.metric.labels))
        if unknown:
            raise ConfigurationError(
                f"{self.metric.name} has no label {unknown[0]!r}; it has {', '.join(self.metric.labels) or 'none'}."
            )

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What it looks at."""
        return (self.metric,)

    def _selector(self, sample: str) -> str:
        pairs = [f'{name}=~"{pattern}"' for name, pattern in sorted(self.where.items())]
        pairs += [f'{name}!~"{pattern}"' for name, pattern in sorted(self.unless.items())]
        return f"{sample}{{{', '.join(pairs)}}}" if pairs else sample

    def _matches(self, labels: Labels) -> bool:
        found = dict(labels)
        kept = all(re.fullmatch(pattern, found.get(name, "")) for name, pattern in self.where.items())
        return kept and not any(re.fullmatch(pattern, found.get(name, "")) for name, pattern in self.unless.items())


@dataclass(frozen=True)
class Latest(_Selected):
    """The newest value of each series of a gauge."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.metric.kind is not Kind.GAUGE:
            raise ConfigurationError(f"{self.metric.name} is a {self.metric.kind}; take its Rate or a Quantile of it.")

    @property
    def window(self) -> timedelta:
        """It looks at the newest scrape only."""
        return timedelta(0)

    def promql(self) -> str:
        """See ``Expression``."""
        return self._selector(self.metric.name)

    def values(self, history: History) -> Values:
        """See ``Expression``."""
        return {labels: value for labels, value in history.now.of(self.metric.name).items() if self._matches(labels)}


@dataclass(frozen=True)
class Rate(_Selected):
    """Increase of each series of a counter per second, over a window; a counter that fell began anew."""

    window: timedelta = timedelta(minutes=5)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.metric.kind is not Kind.COUNTER:
            raise ConfigurationError(f"{self.metric.name} is a {self.metric.kind}; only counters have a Rate.")

    def promql(self) -> str:
        """See ``Expression``."""
        return f"rate({self._selector(self.metric.samples[0])}[{prometheus_time(self.window)}])"

    def values(self, history: History) -> Values:
        """See ``Expression``."""
        return {
            labels: rate
            for labels, rate in _rates(history, self.metric.samples[0], self.window).items()
            if self._matches(labels)
        }


@dataclass(frozen=True)
class Quantile(_Selected):
    """A quantile of a histogram over a window, by some of its labels; interpolated within a bucket, as Prometheus does.

    Attributes:
        q: Which one, such as 0.95.
        by: Labels that are kept.
        window: Over which time.
    """

    q: float = 0.95
    by: tuple[str, ...] = ()
    window: timedelta = timedelta(minutes=5)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.metric.kind is not Kind.HISTOGRAM:
            raise ConfigurationError(f"{self.metric.name} is a {self.metric.kind}; only histograms have a Quantile.")

    def promql(self) -> str:
        """See ``Expression``."""
        rate = f"rate({self._selector(self.metric.samples[0])}[{prometheus_time(self.window)}])"
        return f"histogram_quantile({self.q:g}, sum by ({', '.join((*self.by, 'le'))}) ({rate}))"

    def values(self, history: History) -> Values:
        """See ``Expression``."""
        buckets: dict[Labels, dict[float, float]] = defaultdict(lambda: defaultdict(float))
        for labels, rate in _rates(history, self.metric.samples[0], self.window).items():
            if self._matches(labels):
                buckets[_kept(labels, self.by)][float(dict(labels)["le"])] += rate
        found = {labels: _quantile(self.q, sorted(of.items())) for labels, of in buckets.items()}
        return {labels: value for labels, value in found.items() if not math.isnan(value)}


@dataclass(frozen=True)
class _Of:
    """Something made of another expression."""

    of: Expression

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What it looks at."""
        return self.of.metrics

    @property
    def window(self) -> timedelta:
        """How far it looks back."""
        return self.of.window


@dataclass(frozen=True)
class Age(_Of):
    """Seconds since the moments that an expression tells."""

    def promql(self) -> str:
        """See ``Expression``."""
        return f"time() - {self.of.promql()}"

    def values(self, history: History) -> Values:
        """See ``Expression``."""
        return {labels: history.now.at - value for labels, value in self.of.values(history).items()}


@dataclass(frozen=True)
class Until(_Of):
    """Seconds until the moments that an expression tells."""

    def promql(self) -> str:
        """See ``Expression``."""
        return f"{self.of.promql()} - time()"

    def values(self, history: History) -> Values:
        """See ``Expression``."""
        return {labels: value - history.now.at for labels, value in self.of.values(history).items()}


@dataclass(frozen=True)
class _Grouped(_Of):
    by: tuple[str, ...] = ()

    def _said(self, how: str) -> str:
        by = f" by ({', '.join(self.by)})" if self.by else ""
        return f"{how}{by} ({self.of.promql()})"

    def _groups(self, history: History) -> dict[Labels, list[float]]:
        groups: dict[Labels, list[float]] = defaultdict(list)
        for labels, value in self.of.values(history).items():
            groups[_kept(labels, self.by)].append(value)
        return groups


@dataclass(frozen=True)
class Sum(_Grouped):
    """The sum over all series that agree in some labels."""

    def promql(self) -> str:
        """See ``Expression``."""
        return self._said("sum")

    def values(self, history: History) -> Values:
        """See ``Expression``."""
        return {labels: sum(values) for labels, values in self._groups(history).items()}


@dataclass(frozen=True)
class Largest(_Grouped):
    """The largest of all series that agree in some labels; NaN only where all are."""

    def promql(self) -> str:
        """See ``Expression``."""
        return self._said("max")

    def values(self, history: History) -> Values:
        """See ``Expression``."""
        return {labels: _extreme(values, max) for labels, values in self._groups(history).items()}


@dataclass(frozen=True)
class Smallest(_Grouped):
    """The smallest of all series that agree in some labels; NaN only where all are."""

    def promql(self) -> str:
        """See ``Expression``."""
        return self._said("min")

    def values(self, history: History) -> Values:
        """See ``Expression``."""
        return {labels: _extreme(values, min) for labels, values in self._groups(history).items()}


@dataclass(frozen=True)
class _Two:
    """Something made of two expressions whose labels are the same."""

    left: Expression
    right: Expression

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What it looks at."""
        return (*self.left.metrics, *self.right.metrics)

    @property
    def window(self) -> timedelta:
        """How far it looks back."""
        return max(self.left.window, self.right.window)

    def _pairs(self, history: History) -> dict[Labels, tuple[float, float]]:
        right = self.right.values(history)
        return {labels: (a, right[labels]) for labels, a in self.left.values(history).items() if labels in right}


@dataclass(frozen=True)
class Ratio(_Two):
    """One expression as a share of another; NaN where both are 0."""

    def promql(self) -> str:
        """See ``Expression``."""
        return f"{self.left.promql()} / {self.right.promql()}"

    def values(self, history: History) -> Values:
        """See ``Expression``."""
        return {labels: _divided(a, b) for labels, (a, b) in self._pairs(history).items()}


@dataclass(frozen=True)
class Difference(_Two):
    """One expression less another."""

    def promql(self) -> str:
        """See ``Expression``."""
        return f"({self.left.promql()} - {self.right.promql()})"

    def values(self, history: History) -> Values:
        """See ``Expression``."""
        return {labels: a - b for labels, (a, b) in self._pairs(history).items()}


def prometheus_time(length: timedelta) -> str:
    """A length of time as Prometheus writes it: ``90s``, ``5m``, ``1h``."""
    seconds = round(length.total_seconds())
    for unit, size in (("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _kept(labels: Labels, by: Iterable[str]) -> Labels:
    found = dict(labels)
    return labels_of({name: found[name] for name in by if name in found})


def _rates(history: History, sample: str, window: timedelta) -> Values:
    length = window.total_seconds()
    found = {}
    for labels, points in history.series(sample, length):
        if len(points) > 1:
            found[labels] = _extrapolated(points, history.now.at, length)
        elif before := history.before(sample, labels, length):
            # Looks that are rarer than the window: what Prometheus would not say at all.
            found[labels] = _rise([before, *points]) / (points[-1][0] - before[0])
    return found


def _rise(points: list[tuple[float, float]]) -> float:
    """Increase of a counter, of which a fall is a new beginning."""
    return sum(now if now < before else now - before for (_, before), (_, now) in pairwise(points))


def _extrapolated(points: list[tuple[float, float]], now: float, length: float) -> float:
    """Rate over a window that the points do not fill quite, as Prometheus estimates it."""
    rise, sampled = _rise(points), points[-1][0] - points[0][0]
    usual = sampled / (len(points) - 1)
    to_start, to_end = points[0][0] - (now - length), now - points[-1][0]
    if rise > 0 and points[0][1] >= 0:
        # It was 0 before it was less.
        to_start = min(to_start, sampled * points[0][1] / rise)
    covered = sampled + sum(gap if gap < 1.1 * usual else usual / 2 for gap in (to_start, to_end))
    return rise * covered / sampled / length


def _quantile(q: float, buckets: list[tuple[float, float]]) -> float:
    """Of cumulated counts by upper bound; NaN where nothing was counted."""
    # Rates of buckets that began anew at different times may fall from one to the next.
    counts = accumulate((count for _, count in buckets), max)
    buckets = [(bound, count) for (bound, _), count in zip(buckets, counts, strict=True)]
    if not buckets or not math.isinf(buckets[-1][0]) or len(buckets) < 2 or buckets[-1][1] == 0:
        return math.nan
    rank = q * buckets[-1][1]
    place = next(number for number, (_, count) in enumerate(buckets) if count >= rank)
    if place == len(buckets) - 1:
        return buckets[-2][0]
    upper, count = buckets[place]
    lower, before = buckets[place - 1] if place else (0.0, 0.0)
    if place == 0 and upper <= 0:
        return upper
    return lower + (upper - lower) * (rank - before) / (count - before)


def _extreme(values: list[float], best: object) -> float:
    numbers = [value for value in values if not math.isnan(value)]
    choose = max if best is max else min
    return choose(numbers) if numbers else math.nan


def _divided(a: float, b: float) -> float:
    if b:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a)
