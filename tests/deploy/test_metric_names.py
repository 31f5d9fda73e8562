"""Every metric of ours is named as Prometheus wants it, and the page about them lists each."""

from __future__ import annotations

import subprocess

from finq_predictor.adapters.prometheus_text import prometheus_text
from finq_predictor.domain.alarms.metrics import METRICS
from finq_predictor.domain.metrics import Kind
from finq_predictor.domain.monitoring.gauges import Gauge
from prometheus_servers import promtool

# Names that users gave, in the units that they gave.
GIVEN = {"finq_data_freshness_hours"}


def test_names_and_units_are_as_promtool_wants_them():
    """Histograms are told by the API alone, whose page another test gives to promtool."""
    ours = [one for one in METRICS.values() if one.ours and one.kind is not Kind.HISTOGRAM]
    gauges = [Gauge.of(metric, [(dict.fromkeys(metric.labels, "x"), 1.0)]) for metric in ours]
    done = subprocess.run(
        [promtool(), "check", "metrics"], input=prometheus_text(gauges), capture_output=True, text=True, timeout=60
    )
    faults = [line for line in (done.stdout + done.stderr).splitlines() if line.split()[0] not in GIVEN]
    assert faults == []


def test_each_is_on_the_page(project_path):
    page = (project_path / "docs" / "reference" / "metrics.md").read_text()
    assert [name for name, metric in METRICS.items() if f"| `{name}` | {metric.kind.value} |" not in page] == []
