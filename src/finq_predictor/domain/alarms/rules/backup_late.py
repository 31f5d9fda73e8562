"""A backup is due and was not made."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Age, Largest, Latest
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.metrics.surroundings import BACKUP_DUE

RULE = Rule(
    name="backup-late",
    title="Late backup",
    severity=Severity.WARNING,
    audience=Audience.TEAM,
    measure=Age(Largest(Latest(BACKUP_DUE), by=("kind",))),
    sense=Sense.ABOVE,
    limit=6 * 3600.0,
    unit="seconds",
    hold=timedelta(minutes=5),
    cool_down=timedelta(hours=12),
    runbook="late-backup",
    summary="The {kind} backup was due and was not made.",
    description="What is lost now was lost since the last one; look why it failed, and make one by hand.",
    rings=(
        Example(
            {'finq_backup_due_timestamp_seconds{kind="daily"}': "60x400"},
            timedelta(hours=6, minutes=20),
            ({"kind": "daily"},),
        ),
    ),
    silent=(Example({'finq_backup_due_timestamp_seconds{kind="daily"}': "7200x400"}, timedelta(hours=6, minutes=20)),),
)
