"""Nobody reaches the database."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Latest, Smallest
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.metrics.surroundings import POSTGRES_UP

_SERIES = 'pg_up{instance="db:9187"}'
RULE = Rule(
    name="store-down",
    title="The database is not reached",
    severity=Severity.CRITICAL,
    audience=Audience.ON_CALL,
    measure=Smallest(Latest(POSTGRES_UP), by=("instance",)),
    sense=Sense.BELOW,
    limit=1.0,
    hold=timedelta(minutes=3),
    cool_down=timedelta(hours=1),
    runbook="store-down",
    summary="The exporter at {instance} does not reach its PostgreSQL.",
    description="Answers go on and wait in the spool; accounts and looking back need it. Start it, or make room.",
    rings=(Example({_SERIES: "1 0x20"}, timedelta(minutes=10), ({"instance": "db:9187"},)),),
    silent=(Example({_SERIES: "1x20"}, timedelta(minutes=10)),),
)
