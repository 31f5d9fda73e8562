"""The answers of the gates as a table, which is kept also when they stop a run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import UTC_MICROSECONDS
from finq_predictor.domain.ingestion.gates import IngestionChecks, Severity
from finq_predictor.domain.tables import GATE_RESULTS

QUARANTINED = "quarantine."
"""Before the rule of quarantine whose share of rows a result is."""


def results_table(answers: IngestionChecks, as_of: pd.Timestamp) -> pd.DataFrame:
    """One row for each gate and frame, and one for each rule of quarantine that set rows aside.

    Args:
        answers: Of all gates about one delivery.
        as_of: Moment of the run (UTC); NaT where there are no bars that could give it.

    Returns:
        See the table ``gate_results``. What is only measured has the severity ``note`` and no limit.
    """
    rows: list[dict[str, Any]] = [
        {
            "frame": check.frame,
            "rule": check.rule,
            "value": float(check.value),
            "limit": float(check.limit),
            "passed": check.passed,
            "severity": check.severity.value,
            "found": "; ".join(check.rows),
        }
        for check in answers.checks
    ]
    for table, rules in answers.quarantine.items():
        for rule, count in rules.items():
            share = count / max(answers.rows.get(table, 0), 1)
            noted = {"value": share, "limit": np.nan, "passed": True, "severity": Severity.NOTE.value, "found": ""}
            rows.append({"frame": table, "rule": f"{QUARANTINED}{rule}", **noted})
    frame = pd.DataFrame(rows, columns=[name for name in GATE_RESULTS.names if name not in ("market", "as_of")])
    moment = pd.Series(as_of, index=frame.index, dtype=UTC_MICROSECONDS)
    return GATE_RESULTS.typed(frame.assign(market=answers.market, as_of=moment))
