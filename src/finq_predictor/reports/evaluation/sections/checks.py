"""Why this decision?"""

from __future__ import annotations

from dataclasses import dataclass

from finq_predictor.reports.evaluation.labels import CHECKS
from finq_predictor.reports.evaluation.results import ReportMaterial
from finq_predictor.reports.tables import Cell, Look, Row, Table, plain_rows, yes_no


@dataclass(frozen=True)
class Checks:
    """Every check of the decision.

    Attributes:
        checks: Of the candidate that is decided about, gates first.
        others: Other candidates, and what they failed at; without rows if there are none.
    """

    checks: Table
    others: Table


def build(material: ReportMaterial) -> Checks:
    """Every check of the candidate, and what the other candidates failed at."""
    promotion = material.results.promotion
    checks = sorted(promotion.checks, key=lambda check: not check.gating)
    rows = [
        Row(
            [
                CHECKS.get(check.name, check.name),
                yes_no(check.passed) if check.gating or check.value is not None else Cell("not asked"),
                "gate" if check.gating else "reported",
                check.detail,
            ],
            Look.PLAIN if check.gating else Look.MUTED,
        )
        for check in checks
    ]
    others = [[name, " ".join(details) or "passed, but ranks lower"] for name, details in promotion.others.items()]
    return Checks(
        checks=Table(["Check", "Passed", "Role", "What was found"], rows, text_columns=(0, 1, 2, 3)),
        others=Table(["Model", "Failed because"], plain_rows(others), text_columns=(0, 1)),
    )
