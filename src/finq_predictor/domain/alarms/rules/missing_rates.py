"""More of a feature is missing than was in training."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Largest, Latest
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.monitoring.gauges import MISSING_STATUS

RULE = Rule(
    name="missing-rates",
    title="Missing features",
    severity=Severity.WARNING,
    audience=Audience.TEAM,
    measure=Largest(Latest(MISSING_STATUS), by=("market", "feature")),
    sense=Sense.ABOVE,
    limit=0.5,
    hold=timedelta(minutes=5),
    cool_down=timedelta(hours=24),
    runbook="missing-rates",
    summary="More of {feature} of {market} is missing than was in training.",
    description="Look at the delivery that this feature is made of.",
    rings=(
        Example(
            {'finq_feature_missing_status{market="coins", feature="rsi_14"}': "0 1x20"},
            timedelta(minutes=15),
            ({"market": "coins", "feature": "rsi_14"},),
        ),
    ),
    silent=(Example({'finq_feature_missing_status{market="coins", feature="rsi_14"}': "0x20"}, timedelta(minutes=15)),),
)
