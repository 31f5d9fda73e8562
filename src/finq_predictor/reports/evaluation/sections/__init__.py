"""The sections of the report, one module each: the context of a template, and what builds it.

A section is a file here, a template of its name in ``reports/templates/evaluation``, and a line below.
"""

from __future__ import annotations

from finq_predictor.domain.registry import Registry
from finq_predictor.reports.evaluation.results import ReportMaterial
from finq_predictor.reports.pages import Build

SECTIONS: Registry[Build[ReportMaterial]] = Registry(
    "report section",
    lazy={
        "worth": f"{__name__}.worth:build",
        "checks": f"{__name__}.checks:build",
        "skill": f"{__name__}.skill:build",
        "differences": f"{__name__}.differences:build",
        "earnings": f"{__name__}.earnings:build",
        "capacity": f"{__name__}.capacity:build",
        "attribution": f"{__name__}.attribution:build",
        "risk": f"{__name__}.risk:build",
        "data": f"{__name__}.data:build",
        "leaks": f"{__name__}.leaks:build",
        "replay": f"{__name__}.replay:build",
        "calibration": f"{__name__}.calibration:build",
        "signal": f"{__name__}.signal:build",
        "steadiness": f"{__name__}.steadiness:build",
        "features": f"{__name__}.features:build",
        "inside": f"{__name__}.inside:build",
        "everything": f"{__name__}.everything:build",
    },
)
"""In the order in which they are read; the name is the anchor of the section within the page, too."""
