"""Monitoring did not run."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Age, Latest, Smallest
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.metrics.surroundings import TEXT_FILE_WRITTEN

# What monitoring last wrote stays as it is when nobody runs it any more: nothing in it would ever ring.
RULE = Rule(
    name="monitoring-late",
    title="Monitoring did not run",
    severity=Severity.WARNING,
    audience=Audience.TEAM,
    measure=Age(Smallest(Latest(TEXT_FILE_WRITTEN, {"file": ".*finq_monitoring_.*"}), by=("file",))),
    sense=Sense.ABOVE,
    # From Friday evening to the end of Monday.
    limit=270_000.0,
    unit="seconds",
    hold=timedelta(minutes=5),
    cool_down=timedelta(hours=24),
    runbook="failed-schedule",
    summary="What monitoring found was last written long ago, in {file}.",
    description="Look at the schedule, and run monitoring by hand.",
    rings=(
        Example(
            {'node_textfile_mtime_seconds{file="/metrics/finq_monitoring_coins.prom"}': "-300000x20"},
            timedelta(minutes=15),
            ({"file": "/metrics/finq_monitoring_coins.prom"},),
        ),
    ),
    silent=(
        Example(
            {
                'node_textfile_mtime_seconds{file="/metrics/finq_monitoring_coins.prom"}': "-200000x20",
                'node_textfile_mtime_seconds{file="/metrics/another.prom"}': "-300000x20",
            },
            timedelta(minutes=15),
        ),
    ),
)
