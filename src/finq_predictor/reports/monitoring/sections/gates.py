"""What did the gates find in the last delivery?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from finq_predictor.domain.ingestion.gate_results import QUARANTINED
from finq_predictor.reports.formatting import number, percent, short
from finq_predictor.reports.monitoring.results import MonitoringResults
from finq_predictor.reports.tables import Look, Row, Table


@dataclass(frozen=True)
class Gates:
    """What ingestion found.

    Attributes:
        gates: One row per gate and frame; one that is closed is marked.
        aside: One row per rule of quarantine that set rows aside.
        providers: One row per table and provider.
    """

    gates: Table
    aside: Table
    providers: Table


def build(results: MonitoringResults) -> Gates:
    """Every gate with what it found and allows, what was set aside, and how the providers answered."""
    noted = results.gates["rule"].str.startswith(QUARANTINED)
    asked = results.gates[~noted].sort_values("passed", kind="stable")
    aside = results.gates[noted].sort_values("value", ascending=False, kind="stable")
    rows = [
        Row(
            [gate.frame, gate.rule, _said(gate.value), _said(gate.limit), _outcome(gate), gate.found],
            Look.PLAIN if gate.passed else Look.ALARM,
        )
        for gate in asked.itertuples()
    ]
    return Gates(
        Table(("Frame", "Gate", "Found", "Limit", "Answer", "Where"), rows, text_columns=(0, 1, 4, 5)),
        Table(
            ("Table", "Rule", "Share"),
            [Row([row.frame, row.rule.removeprefix(QUARANTINED), percent(row.value, 2)]) for row in aside.itertuples()],
            text_columns=(0, 1),
        ),
        Table(
            ("Table", "Provider", "Calls", "In vain", "Outages"),
            [
                Row([row.table, row.source or "nobody", str(row.calls), str(row.failures), str(row.outages)])
                for row in results.providers.itertuples()
            ],
            text_columns=(0, 1),
        ),
    )


def _outcome(gate: object) -> str:
    if gate.passed:  # type: ignore[attr-defined]  # a row of a data frame
        return "passed"
    return "stopped the run" if gate.severity == "stop" else "warns"  # type: ignore[attr-defined]  # as above


def _said(value: float) -> str:
    return short(value) if math.isfinite(value) and float(value).is_integer() else number(value, 4)
