"""The reference page of metrics: what each is, and who tells it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from finq_predictor.domain.metrics import Metric


def metrics_markdown() -> str:
    """Write the page."""
    return "\n".join([_HEAD, *_sections()])


_HEAD = """# Metrics

All that is told to Prometheus, and all that [rules](alarms.md) and [dashboards](../how-to/look-at-dashboards.md) may
name. A counter is told as `<name>_total`, a histogram as `<name>_bucket`, `_sum` and `_count`. What is not known has no
sample; nothing is told as NaN.
"""
_DATA = """\
Monitoring, in `monitoring/metrics.prom` among the reports of each market, which `finq alarms measure` hands on."""
_SIGNALS = """\
`source="batch"`: monitoring, in the same file. It recalls what the champion says of bars that it had not seen: its
walk-forward, and the bars since the last outcome that it learned from. `source="served"`: `finq alarms measure`, from
what the keeper of the service leaves; what was recorded first of a bar counts, whether a caller asked or a schedule,
and only where its outcome became known later. Nothing looks ahead: a window ends at the newest bar, and holds what was
known by then."""
_JOBS = """\
`finq schedule`, in `metrics.prom` beside its ledger. A run that it did not start tells a push gateway of its
last success, its duration and whether it failed, where `FINQ_PUSH_GATEWAY` names one."""


def _sections() -> Iterator[str]:
    from finq_predictor.domain.metrics.jobs import OF_JOBS
    from finq_predictor.domain.metrics.service import OF_SERVICE
    from finq_predictor.domain.metrics.signals import OF_SIGNALS
    from finq_predictor.domain.metrics.surroundings import OF_OTHERS, OF_SURROUNDINGS
    from finq_predictor.domain.monitoring.delivery_gauges import OF_DELIVERIES
    from finq_predictor.domain.monitoring.gauges import monitoring_metrics

    yield from _section("The service", "The API, at `/metrics`; all of its workers together.", OF_SERVICE)
    yield from _section("Data, features and deliveries", _DATA, (*monitoring_metrics(), *OF_DELIVERIES))
    yield from _section("Signals and what they were worth", _SIGNALS, OF_SIGNALS)
    yield from _section("Jobs", _JOBS, OF_JOBS)
    measured = "`finq alarms measure`, in `finq_surroundings.prom`."
    yield from _section("Machine, certificates, score-cards", measured, OF_SURROUNDINGS)
    yield from _section("Others", "Prometheus itself, and exporters that it scrapes.", OF_OTHERS)


def _section(title: str, who: str, metrics: Iterable[Metric]) -> Iterator[str]:
    yield f"## {title}\n\n{who}\n\n| metric | type | labels | unit | meaning |\n|---|---|---|---|---|"
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        text = metric.text.rstrip(".")
        yield f"| `{metric.name}` | {metric.kind.value} | {labels} | {metric.unit} | {text} |"
    yield ""
