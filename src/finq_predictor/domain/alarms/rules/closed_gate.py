"""A gate stopped a delivery."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Latest, Smallest
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.monitoring.delivery_gauges import GATE_STATUS

RULE = Rule(
    name="closed-gate",
    title="Closed gate",
    severity=Severity.WARNING,
    audience=Audience.TEAM,
    measure=Smallest(Latest(GATE_STATUS, {"severity": "stop"}), by=("market", "frame", "rule")),
    sense=Sense.BELOW,
    limit=0.5,
    hold=timedelta(minutes=5),
    cool_down=timedelta(hours=12),
    runbook="closed-gate",
    summary="The gate {rule} stopped the delivery of {frame} of {market}.",
    description="Read what it found; repair the delivery, and run ingestion again.",
    rings=(
        Example(
            {'finq_gate_status{market="coins", frame="bars", rule="rows", severity="stop"}': "1 0x20"},
            timedelta(minutes=15),
            ({"market": "coins", "frame": "bars", "rule": "rows"},),
        ),
    ),
    silent=(
        Example(
            {'finq_gate_status{market="coins", frame="bars", rule="rows", severity="warn"}': "0x20"},
            timedelta(minutes=15),
        ),
    ),
)
