"""The service does not see new files."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Largest, Latest
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.metrics.service import WATCH_AGE

RULE = Rule(
    name="watch-stopped",
    title="New files are not seen",
    severity=Severity.WARNING,
    audience=Audience.TEAM,
    measure=Largest(Latest(WATCH_AGE)),
    sense=Sense.ABOVE,
    limit=60.0,
    unit="seconds",
    hold=timedelta(minutes=2),
    cool_down=timedelta(hours=4),
    runbook="api-not-ready",
    summary="The service did not look for new files.",
    description="Ask /ready what keeps it from the disk; it answers from what it read last.",
    rings=(Example({"finq_watch_age_seconds": "1 70+60x10"}, timedelta(minutes=6), ({},)),),
    silent=(Example({"finq_watch_age_seconds": "1x12"}, timedelta(minutes=6)),),
    hushed_by=("service-down",),
)
