"""A model is nearly too old to speak."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Largest, Latest
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.metrics.service import MODEL_AGE

RULE = Rule(
    name="old-model",
    title="Old model",
    severity=Severity.WARNING,
    audience=Audience.TEAM,
    measure=Largest(Latest(MODEL_AGE), by=("market",)),
    sense=Sense.ABOVE,
    limit=0.8,
    unit="share of the age at which it abstains",
    hold=timedelta(minutes=5),
    cool_down=timedelta(hours=24),
    runbook="old-model",
    summary="The model of {market} is nearly too old to speak.",
    description="Train again; past its age it answers every question by abstaining.",
    rings=(
        Example({'finq_model_age_ratio{market="coins"}': "0.79 0.9x20"}, timedelta(minutes=15), ({"market": "coins"},)),
    ),
    silent=(Example({'finq_model_age_ratio{market="coins"}': "0.5x20"}, timedelta(minutes=15)),),
)
