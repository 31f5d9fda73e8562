"""The sections of the monitoring page, one module each: the context of a template, and what builds it.

A section is a file here, a template of its name in ``reports/templates/monitoring``, and a line below.
"""

from __future__ import annotations

from finq_predictor.domain.registry import Registry
from finq_predictor.reports.monitoring.results import MonitoringResults
from finq_predictor.reports.pages import Build

SECTIONS: Registry[Build[MonitoringResults]] = Registry(
    "monitoring section",
    lazy={
        "freshness": f"{__name__}.freshness:build",
        "gates": f"{__name__}.gates:build",
        "moved": f"{__name__}.moved:build",
        "spread": f"{__name__}.spread:build",
        "missing": f"{__name__}.missing:build",
        "drift": f"{__name__}.drift:build",
    },
)
"""In the order in which they are read; the name is the anchor of the section within the page, too."""
