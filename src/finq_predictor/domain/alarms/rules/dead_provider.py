"""A provider brings nothing."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Largest, Latest, Ratio
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.monitoring.delivery_gauges import CALLS, FAILURES

# Both are counts of one window of monitoring; where nothing was asked their ratio is no number, and nothing rings.
_BY = ("market", "table", "source")
RULE = Rule(
    name="dead-provider",
    title="Dead provider",
    severity=Severity.WARNING,
    audience=Audience.TEAM,
    measure=Ratio(Largest(Latest(FAILURES), by=_BY), Largest(Latest(CALLS), by=_BY)),
    sense=Sense.ABOVE,
    limit=0.99,
    unit="share of the calls",
    hold=timedelta(minutes=5),
    cool_down=timedelta(hours=6),
    runbook="provider-changed",
    summary="The provider {source} brought nothing for {table} of {market}.",
    description="Look whether it is down, wants another key or has changed; let another source answer meanwhile.",
    rings=(
        Example(
            {
                'finq_provider_calls{market="coins", table="bars", source="acme"}': "4 4x20",
                'finq_provider_failures{market="coins", table="bars", source="acme"}': "0 4x20",
            },
            timedelta(minutes=15),
            ({"market": "coins", "table": "bars", "source": "acme"},),
        ),
    ),
    silent=(
        Example(
            {
                'finq_provider_calls{market="coins", table="bars", source="acme"}': "4x20",
                'finq_provider_failures{market="coins", table="bars", source="acme"}': "3x20",
                'finq_provider_calls{market="coins", table="news", source="acme"}': "0x20",
                'finq_provider_failures{market="coins", table="news", source="acme"}': "0x20",
            },
            timedelta(minutes=15),
        ),
    ),
)
