"""Features come late."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Quantile
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.metrics.service import RETRIEVAL

RULE = Rule(
    name="feature-store-slow",
    title="Features come late",
    severity=Severity.WARNING,
    audience=Audience.TEAM,
    measure=Quantile(RETRIEVAL, q=0.95, by=("market",)),
    sense=Sense.ABOVE,
    limit=0.5,
    unit="seconds",
    hold=timedelta(minutes=5),
    cool_down=timedelta(hours=4),
    runbook="feature-store-slow",
    summary="Of the bars of {market}, the features of one in twenty take longer than the limit.",
    description="Look at the disk, the memory and the number of instruments; let more bars be remembered.",
    rings=(
        Example(
            {
                'finq_feature_retrieval_duration_seconds_bucket{market="coins", le="0.5"}': "0+1x15",
                'finq_feature_retrieval_duration_seconds_bucket{market="coins", le="1.0"}': "0+4x15",
                'finq_feature_retrieval_duration_seconds_bucket{market="coins", le="+Inf"}': "0+4x15",
            },
            timedelta(minutes=12),
            ({"market": "coins"},),
        ),
    ),
    silent=(
        Example(
            {
                'finq_feature_retrieval_duration_seconds_bucket{market="coins", le="0.2"}': "0+4x15",
                'finq_feature_retrieval_duration_seconds_bucket{market="coins", le="0.5"}': "0+4x15",
                'finq_feature_retrieval_duration_seconds_bucket{market="coins", le="+Inf"}': "0+4x15",
            },
            timedelta(minutes=12),
        ),
    ),
    hushed_by=("service-down",),
)
