"""Nothing new was delivered."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Largest, Latest
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.monitoring.gauges import STALE

RULE = Rule(
    name="stale-data",
    title="Stale data",
    severity=Severity.WARNING,
    audience=Audience.TEAM,
    measure=Largest(Latest(STALE), by=("market", "layer")),
    sense=Sense.ABOVE,
    limit=0.5,
    hold=timedelta(minutes=5),
    cool_down=timedelta(hours=12),
    runbook="stale-data",
    summary="The layer {layer} of {market} is older than its limit while the market is open.",
    description="Find the first old layer, and run what makes it.",
    rings=(
        Example(
            {'finq_data_stale_status{market="coins", layer="silver", pipeline="ingestion"}': "0 1x20"},
            timedelta(minutes=15),
            ({"market": "coins", "layer": "silver"},),
        ),
    ),
    silent=(
        Example(
            {'finq_data_stale_status{market="coins", layer="silver", pipeline="ingestion"}': "0x20"},
            timedelta(minutes=15),
        ),
    ),
)
