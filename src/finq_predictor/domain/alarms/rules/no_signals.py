"""Something is said, and nothing of it is to be acted upon."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Largest, Latest
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.metrics.signals import SILENT_DAYS

_SERIES = 'finq_signal_silent_sessions{market="coins", source="batch"}'
# A day is a trading day of bars about which something was said: a week-end, or a night without callers, is no silence.
RULE = Rule(
    name="no-signals",
    title="No signals for a day",
    severity=Severity.WARNING,
    audience=Audience.ON_CALL,
    measure=Largest(Latest(SILENT_DAYS), by=("market", "source")),
    sense=Sense.ABOVE,
    limit=1.0,
    unit="trading days",
    hold=timedelta(minutes=10),
    cool_down=timedelta(hours=12),
    runbook="no-signals",
    summary="For more than a trading day the champion of {market} ({source}) has said nothing to act upon.",
    description="See why it abstains: an old model, missing features, rows it has never seen, or no confidence.",
    rings=(Example({_SERIES: "0.5 1.1x30"}, timedelta(minutes=20), ({"market": "coins", "source": "batch"},)),),
    silent=(Example({_SERIES: "1x30"}, timedelta(minutes=20)),),
    hushed_by=("stale-data", "old-model"),
)
