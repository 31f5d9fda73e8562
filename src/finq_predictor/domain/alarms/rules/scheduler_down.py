"""Nobody starts the jobs."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Age, Largest, Latest
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.metrics.jobs import HEARTBEAT

RULE = Rule(
    name="scheduler-down",
    title="Scheduler down",
    severity=Severity.CRITICAL,
    audience=Audience.ON_CALL,
    measure=Age(Largest(Latest(HEARTBEAT))),
    sense=Sense.ABOVE,
    limit=180.0,
    unit="seconds",
    hold=timedelta(minutes=1),
    cool_down=timedelta(hours=2),
    runbook="failed-schedule",
    summary="The scheduler gave no sign of life.",
    description="Look whether its process runs, and start it again; it makes up for what was due.",
    rings=(Example({"finq_scheduler_heartbeat_timestamp_seconds": "0+60x5 300x20"}, timedelta(minutes=15), ({},)),),
    silent=(Example({"finq_scheduler_heartbeat_timestamp_seconds": "0+60x20"}, timedelta(minutes=15)),),
)
