"""A feature is no longer what it was in training."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Largest, Latest
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.monitoring.gauges import FEATURE_DRIFT

RULE = Rule(
    name="feature-drift",
    title="Drifted feature",
    severity=Severity.WARNING,
    audience=Audience.TEAM,
    measure=Largest(Latest(FEATURE_DRIFT), by=("market", "feature")),
    sense=Sense.ABOVE,
    limit=0.5,
    hold=timedelta(minutes=5),
    cool_down=timedelta(hours=24),
    runbook="drift-alarm",
    summary="The feature {feature} of {market} drifted.",
    description="Ask first whether the data are fresh and complete; then whether the market changed.",
    rings=(
        Example(
            {'finq_feature_drift_status{market="coins", feature="rsi_14"}': "0 1x20"},
            timedelta(minutes=15),
            ({"market": "coins", "feature": "rsi_14"},),
        ),
    ),
    silent=(Example({'finq_feature_drift_status{market="coins", feature="rsi_14"}': "0x20"}, timedelta(minutes=15)),),
)
