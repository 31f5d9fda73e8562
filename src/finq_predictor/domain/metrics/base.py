"""What is known of a metric before anything was measured."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from finq_predictor.domain.errors import ConfigurationError


class Kind(StrEnum):
    """How a metric counts, in the words of Prometheus."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes:
        name: As it stands in its family; samples of counters end in ``_total``, those of histograms in ``_bucket``,
            ``_sum`` and ``_count``.
        kind: How it counts.
        text: What it measures, one line.
        labels: Names of its labels, in their order.
        unit: What one of it is, such as ``"seconds"``; empty for a plain number, a share or a yes and no.
        ours: Whether this product exposes it; False for what Prometheus and its exporters say.
    """

    name: str
    kind: Kind
    text: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    ours: bool = True

    def __post_init__(self) -> None:
        if self.ours and not self.name.startswith("finq_"):
            raise ConfigurationError(f"The metric {self.name!r} is one of ours; begin its name with finq_.")

    @property
    def samples(self) -> tuple[str, ...]:
        """The names that its samples have in the text that Prometheus reads."""
        match self.kind:
            case Kind.COUNTER:
                return (f"{self.name}_total",)
            case Kind.HISTOGRAM:
                return tuple(f"{self.name}_{end}" for end in ("bucket", "sum", "count"))
            case Kind.GAUGE:
                return (self.name,)
