"""A job is due and did not begin."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Age, Largest, Latest
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.metrics.jobs import NEXT_RUN

RULE = Rule(
    name="late-schedule",
    title="Late job",
    severity=Severity.WARNING,
    audience=Audience.TEAM,
    measure=Age(Largest(Latest(NEXT_RUN), by=("job",))),
    sense=Sense.ABOVE,
    limit=900.0,
    unit="seconds",
    hold=timedelta(minutes=2),
    cool_down=timedelta(hours=6),
    runbook="failed-schedule",
    summary="The job {job} was due and did not begin.",
    description="Look whether the one before it still runs, and run it by hand.",
    rings=(
        Example(
            {'finq_job_next_run_timestamp_seconds{job="daily"}': "60x40"}, timedelta(minutes=25), ({"job": "daily"},)
        ),
    ),
    silent=(Example({'finq_job_next_run_timestamp_seconds{job="daily"}': "1500x40"}, timedelta(minutes=25)),),
    hushed_by=("scheduler-down",),
)
