"""The predictions are no longer what they were in training."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Largest, Latest
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.monitoring.gauges import PREDICTION_DRIFT

RULE = Rule(
    name="prediction-drift",
    title="Drifted predictions",
    severity=Severity.WARNING,
    audience=Audience.TEAM,
    measure=Largest(Latest(PREDICTION_DRIFT), by=("market",)),
    sense=Sense.ABOVE,
    limit=0.5,
    hold=timedelta(minutes=5),
    cool_down=timedelta(hours=24),
    runbook="drift-alarm",
    summary="The predictions of {market} drifted.",
    description="Look at which features drifted with them, and train again if the market changed.",
    rings=(
        Example(
            {'finq_prediction_drift_status{market="coins"}': "0 1x20"},
            timedelta(minutes=15),
            ({"market": "coins"},),
        ),
    ),
    silent=(Example({'finq_prediction_drift_status{market="coins"}': "0x20"}, timedelta(minutes=15)),),
)
