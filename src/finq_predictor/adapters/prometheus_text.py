"""Gauges as text that Prometheus reads, such as the text-file collector of its node exporter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING

from finq_predictor.domain.monitoring.gauges import Gauge

if TYPE_CHECKING:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily


def prometheus_text(gauges: Iterable[Gauge]) -> str:
    """Write gauges in the Prometheus text exposition format 0.0.4.

    Args:
        gauges: The gauges, each with the same labels in all its samples; what is NaN is not known and left out, and
            so is a gauge without samples.

    Returns:
        Text that ends with a line break, gauges and samples in the order given, labels by name; empty where nothing
        was measured.
    """
    from prometheus_client import generate_latest

    return generate_latest(Measured(tuple(gauges))).decode()


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured once, as prometheus_client collects it."""

    gauges: tuple[Gauge, ...]

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """A family of each gauge that has samples."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for gauge in self.gauges:
            known = [(labels, value) for labels, value in gauge.samples if not isnan(value)]
            if not known:
                continue
            names = list(known[0][0])
            kind = CounterMetricFamily if gauge.counts else GaugeMetricFamily
            family = kind(gauge.name, gauge.text, labels=names)
            for labels, value in known:
                family.add_metric([labels[name] for name in names], value)
            yield family
