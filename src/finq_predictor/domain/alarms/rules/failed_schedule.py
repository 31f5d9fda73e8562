"""A job of the schedule failed."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Rate, Sum
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.metrics.jobs import FAILURES

RULE = Rule(
    name="failed-schedule",
    title="Failed job",
    severity=Severity.WARNING,
    audience=Audience.TEAM,
    measure=Sum(Rate(FAILURES, window=timedelta(hours=1)), by=("job",)),
    sense=Sense.ABOVE,
    limit=0.0,
    unit="failures a second",
    hold=timedelta(0),
    cool_down=timedelta(hours=6),
    runbook="failed-schedule",
    summary="The job {job} failed within the last hour.",
    description="Read its log, mend the cause, and run it by hand.",
    rings=(Example({'finq_job_failures_total{job="daily"}': "2x5 3x20"}, timedelta(minutes=15), ({"job": "daily"},)),),
    silent=(Example({'finq_job_failures_total{job="daily"}': "2x20"}, timedelta(minutes=15)),),
    hushed_by=("scheduler-down",),
)
