"""The disk is nearly full."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Latest, Smallest
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.metrics.surroundings import DISK_FREE

RULE = Rule(
    name="disk-full",
    title="Disk nearly full",
    severity=Severity.CRITICAL,
    audience=Audience.ON_CALL,
    measure=Smallest(Latest(DISK_FREE), by=("place",)),
    sense=Sense.BELOW,
    limit=0.1,
    unit="share of the disk",
    hold=timedelta(minutes=5),
    cool_down=timedelta(hours=2),
    runbook="disk-full",
    summary="The disk below {place} is nearly full.",
    description="Remove what is not needed, or make it larger, before a run cannot publish what it made.",
    rings=(
        Example({'finq_disk_free_ratio{place="data"}': "0.2 0.05x20"}, timedelta(minutes=15), ({"place": "data"},)),
    ),
    silent=(Example({'finq_disk_free_ratio{place="data"}': "0.2x20"}, timedelta(minutes=15)),),
)
