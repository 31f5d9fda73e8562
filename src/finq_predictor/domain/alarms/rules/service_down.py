"""Nothing answers."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Latest, Smallest
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.metrics.surroundings import UP

RULE = Rule(
    name="service-down",
    title="Service down",
    severity=Severity.CRITICAL,
    audience=Audience.ON_CALL,
    measure=Smallest(Latest(UP, {"job": "finq-api"}), by=("instance",)),
    sense=Sense.BELOW,
    limit=1.0,
    hold=timedelta(minutes=1),
    cool_down=timedelta(hours=1),
    runbook="service-down",
    summary="The service at {instance} does not answer.",
    description="Look whether its process runs, and start it again.",
    rings=(
        Example(
            {'up{job="finq-api", instance="127.0.0.1:8000"}': "1 1 0x10"},
            timedelta(minutes=4),
            ({"instance": "127.0.0.1:8000"},),
        ),
    ),
    silent=(
        Example({'up{job="finq-api", instance="127.0.0.1:8000"}': "1 1 0 1x10"}, timedelta(minutes=6)),
        Example({'up{job="another", instance="127.0.0.1:9100"}': "0x10"}, timedelta(minutes=6)),
    ),
)
