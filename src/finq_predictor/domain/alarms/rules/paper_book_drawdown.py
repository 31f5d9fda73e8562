"""Who had acted upon the signals would have lost much."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Largest, Latest
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.metrics.signals import DRAWDOWN

_OF = 'market="coins", source="served"'
_RINGS = ({"market": "coins", "source": "served"},)
RULE = Rule(
    name="paper-book-drawdown",
    title="The paper book lost much",
    severity=Severity.WARNING,
    audience=Audience.TEAM,
    measure=Largest(Latest(DRAWDOWN, {"window": "90d"}), by=("market", "source")),
    sense=Sense.ABOVE,
    limit=0.15,
    unit="share of the capital",
    hold=timedelta(minutes=5),
    cool_down=timedelta(hours=24),
    runbook="paper-book-drawdown",
    summary="Within 90 days the paper book of {market} ({source}) fell far from a high.",
    description="See which instruments lost it, and whether the model is still right; let callers abstain meanwhile.",
    rings=(
        Example({f'finq_max_drawdown_ratio{{{_OF}, window="90d"}}': "0.14 0.16x20"}, timedelta(minutes=15), _RINGS),
    ),
    silent=(
        Example(
            {
                f'finq_max_drawdown_ratio{{{_OF}, window="90d"}}': "0.1x20",
                f'finq_max_drawdown_ratio{{{_OF}, window="365d"}}': "0.3x20",
            },
            timedelta(minutes=15),
        ),
    ),
)
