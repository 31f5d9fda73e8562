"""The served model is right less often than was promised."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Difference, Largest, Latest
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.metrics.surroundings import PROMISED, REALISED_HIGH

_OF = {"figure": "hit_rate", "arm": "champion"}
_BY = ("market", "model", "version", "horizon")
_LABELS = 'market="coins", model="logistic", version="3", arm="champion", horizon="1", figure="hit_rate"'
# Even the upper end of the interval lies below the promise: it is no bad week.
RULE = Rule(
    name="accuracy-drop",
    title="Less right than promised",
    severity=Severity.WARNING,
    audience=Audience.TEAM,
    measure=Difference(Largest(Latest(REALISED_HIGH, _OF), by=_BY), Largest(Latest(PROMISED, _OF), by=_BY)),
    sense=Sense.BELOW,
    limit=0.0,
    unit="share of right answers",
    hold=timedelta(minutes=5),
    cool_down=timedelta(hours=24),
    runbook="accuracy-drop",
    summary="Version {version} of {model} of {market} is right less often than was promised.",
    description="Read its score-card; train again, or go back to the version before.",
    rings=(
        Example(
            {
                f"finq_realised_high{{{_LABELS}}}": "0.55 0.51x20",
                f"finq_realised_promised{{{_LABELS}}}": "0.54x20",
            },
            timedelta(minutes=15),
            ({"market": "coins", "model": "logistic", "version": "3", "horizon": "1"},),
        ),
    ),
    silent=(
        Example(
            {
                f"finq_realised_high{{{_LABELS}}}": "0.55x20",
                f"finq_realised_promised{{{_LABELS}}}": "0.54x20",
            },
            timedelta(minutes=15),
        ),
    ),
)
