"""Answers were given that nobody will find again."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Rate, Sum
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.metrics.service import UNRECORDED

RULE = Rule(
    name="answers-lost",
    title="Answers were not recorded",
    severity=Severity.WARNING,
    audience=Audience.TEAM,
    measure=Sum(Rate(UNRECORDED)),
    sense=Sense.ABOVE,
    limit=0.0,
    unit="answers a second",
    hold=timedelta(0),
    cool_down=timedelta(hours=4),
    runbook="recording-stopped",
    summary="Answers were given that are recorded nowhere.",
    description="Look at the disk that the service writes into; what was lost stays lost.",
    rings=(Example({"finq_served_unrecorded_total": "0x5 3x10"}, timedelta(minutes=8), ({},)),),
    silent=(Example({"finq_served_unrecorded_total": "3x15"}, timedelta(minutes=8)),),
)
