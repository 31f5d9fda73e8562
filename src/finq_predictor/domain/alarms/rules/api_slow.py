"""Answers take too long."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Quantile
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.metrics.service import DURATION

RULE = Rule(
    name="api-slow",
    title="Slow answers",
    severity=Severity.WARNING,
    audience=Audience.TEAM,
    measure=Quantile(DURATION, q=0.95, by=("route",)),
    sense=Sense.ABOVE,
    limit=1.0,
    unit="seconds",
    hold=timedelta(minutes=5),
    cool_down=timedelta(hours=4),
    runbook="api-slow",
    summary="One answer in twenty of {route} takes longer than the limit.",
    description="See what the machine is busy with and which route is asked for; then ask for less, or add workers.",
    rings=(
        Example(
            {
                'finq_prediction_duration_seconds_bucket{route="/predict", le="1.0"}': "0+1x15",
                'finq_prediction_duration_seconds_bucket{route="/predict", le="2.5"}': "0+30x15",
                'finq_prediction_duration_seconds_bucket{route="/predict", le="+Inf"}': "0+30x15",
            },
            timedelta(minutes=12),
            ({"route": "/predict"},),
        ),
    ),
    silent=(
        Example(
            {
                'finq_prediction_duration_seconds_bucket{route="/predict", le="0.1"}': "0+30x15",
                'finq_prediction_duration_seconds_bucket{route="/predict", le="2.5"}': "0+31x15",
                'finq_prediction_duration_seconds_bucket{route="/predict", le="+Inf"}': "0+31x15",
            },
            timedelta(minutes=12),
        ),
    ),
    hushed_by=("service-down",),
)
