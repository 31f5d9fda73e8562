"""All rules: one file and one line in ``ALARM_RULES`` for each."""

from __future__ import annotations

from finq_predictor.domain.alarms.rule import Rule
from finq_predictor.domain.alarms.rules import (
    accuracy_drop,
    api_errors,
    api_slow,
    certificate,
    closed_gate,
    dead_provider,
    disk_full,
    failed_schedule,
    feature_drift,
    feature_store_slow,
    late_schedule,
    missing_rates,
    monitoring_late,
    old_model,
    prediction_drift,
    scheduler_down,
    service_down,
    service_not_ready,
    stale_data,
)
from finq_predictor.domain.registry import Registry

ALARM_RULES: Registry[Rule] = Registry.of(
    "alarm rule",
    service_down.RULE,
    service_not_ready.RULE,
    api_errors.RULE,
    api_slow.RULE,
    feature_store_slow.RULE,
    scheduler_down.RULE,
    failed_schedule.RULE,
    late_schedule.RULE,
    monitoring_late.RULE,
    stale_data.RULE,
    dead_provider.RULE,
    closed_gate.RULE,
    missing_rates.RULE,
    feature_drift.RULE,
    prediction_drift.RULE,
    accuracy_drop.RULE,
    old_model.RULE,
    disk_full.RULE,
    certificate.RULE,
)
"""Every rule by name, in the order in which they are told."""
