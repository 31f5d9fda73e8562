"""The service fails its callers."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Rate, Sum
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.metrics.service import REQUESTS

# Of the errors only those that are the fault of the service: a client that asks for nonsense wakes nobody. Whoever asks
# whether it is ready is told 503 until it is, by design: that nobody can be served is what `service-down` and the
# errors of those who want something say.
_STANDING = "/(health|ready|livez|healthz)"
RULE = Rule(
    name="api-errors",
    title="Failing answers",
    severity=Severity.CRITICAL,
    audience=Audience.ON_CALL,
    measure=Sum(Rate(REQUESTS, {"status": "5.."}, {"route": _STANDING})),
    sense=Sense.ABOVE,
    limit=0.1,
    unit="errors a second",
    hold=timedelta(minutes=2),
    cool_down=timedelta(hours=1),
    runbook="api-errors",
    summary="The service answers with errors of its own.",
    description="Read the log for the type of the error, and roll back what was changed last.",
    rings=(
        Example(
            {'finq_prediction_requests_total{route="/predict", status="500"}': "0+12x12"},
            timedelta(minutes=10),
            ({},),
        ),
        Example(
            {
                'finq_prediction_requests_total{route="/predict", status="500"}': "0+4x12",
                'finq_prediction_requests_total{route="/ranking", status="503"}': "0+4x12",
            },
            timedelta(minutes=10),
            ({},),
        ),
    ),
    silent=(
        Example(
            {
                'finq_prediction_requests_total{route="/predict", status="200"}': "0+600x12",
                'finq_prediction_requests_total{route="/predict", status="422"}': "0+60x12",
                'finq_prediction_requests_total{route="/predict", status="500"}': "0+1x12",
            },
            timedelta(minutes=10),
        ),
        # A load balancer that waits for the first run.
        Example({'finq_prediction_requests_total{route="/ready", status="503"}': "0+60x12"}, timedelta(minutes=10)),
    ),
    hushed_by=("service-down",),
)
