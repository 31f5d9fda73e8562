"""A certificate is about to end."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Latest, Smallest, Until
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.metrics.surroundings import CERTIFICATE

RULE = Rule(
    name="certificate",
    title="Certificate ends soon",
    severity=Severity.WARNING,
    audience=Audience.TEAM,
    measure=Until(Smallest(Latest(CERTIFICATE), by=("place",))),
    sense=Sense.BELOW,
    limit=14 * 86_400.0,
    unit="seconds",
    hold=timedelta(minutes=5),
    cool_down=timedelta(hours=24),
    runbook="certificate",
    summary="The certificate of {place} ends within two weeks.",
    description="Renew it, and let the proxy read it again.",
    rings=(
        Example(
            {'finq_certificate_expires_timestamp_seconds{place="finq.pem"}': "600000x20"},
            timedelta(minutes=15),
            ({"place": "finq.pem"},),
        ),
    ),
    silent=(
        Example({'finq_certificate_expires_timestamp_seconds{place="finq.pem"}': "9000000x20"}, timedelta(minutes=15)),
    ),
)
