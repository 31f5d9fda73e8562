"""Nobody shows the figures of files to Prometheus."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Latest, Smallest
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.metrics.surroundings import UP

RULE = Rule(
    name="exporter-down",
    title="Exporter down",
    severity=Severity.WARNING,
    audience=Audience.TEAM,
    measure=Smallest(Latest(UP, {"job": "node"}), by=("instance",)),
    sense=Sense.BELOW,
    limit=1.0,
    hold=timedelta(minutes=5),
    cool_down=timedelta(hours=4),
    runbook="figures-stopped",
    summary="The exporter at {instance}, which shows the figures of files, does not answer.",
    description="Look whether its process runs, and start it again; until then nothing rings that lies in files.",
    rings=(
        Example(
            {'up{job="node", instance="node:9100"}': "1 0x20"}, timedelta(minutes=10), ({"instance": "node:9100"},)
        ),
    ),
    silent=(
        Example({'up{job="node", instance="node:9100"}': "1 0 0 1x20"}, timedelta(minutes=10)),
        Example({'up{job="finq-api", instance="api:8000"}': "0x20"}, timedelta(minutes=10)),
    ),
)
