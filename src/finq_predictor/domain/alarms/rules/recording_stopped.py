"""What is answered is not stored."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Largest, Latest
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.metrics.service import STORE_PROBLEM

RULE = Rule(
    name="recording-stopped",
    title="Answers are not stored",
    severity=Severity.WARNING,
    audience=Audience.TEAM,
    measure=Largest(Latest(STORE_PROBLEM)),
    sense=Sense.ABOVE,
    limit=0.5,
    hold=timedelta(minutes=5),
    cool_down=timedelta(hours=4),
    runbook="recording-stopped",
    summary="The store does not take what is answered.",
    description="Read the log of the keeper; answers wait on the disk until the store is back.",
    rings=(Example({"finq_served_store_problem": "0 1x12"}, timedelta(minutes=8), ({},)),),
    silent=(Example({"finq_served_store_problem": "0 1 1 0x12"}, timedelta(minutes=8)),),
    hushed_by=("service-down",),
)
