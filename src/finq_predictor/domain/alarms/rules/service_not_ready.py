"""It runs and cannot answer."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Latest, Smallest
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.metrics.service import READY

RULE = Rule(
    name="service-not-ready",
    title="Service not ready",
    severity=Severity.CRITICAL,
    audience=Audience.ON_CALL,
    measure=Smallest(Latest(READY)),
    sense=Sense.BELOW,
    limit=1.0,
    hold=timedelta(minutes=3),
    cool_down=timedelta(hours=1),
    runbook="api-not-ready",
    summary="The service runs and cannot answer.",
    description="Ask /ready: it says why, market by market.",
    rings=(Example({"finq_ready": "1 0x10"}, timedelta(minutes=6), ({},)),),
    silent=(Example({"finq_ready": "0 0 1x10"}, timedelta(minutes=6)),),
    hushed_by=("service-down",),
)
