"""All rules: one file and one line in ``ALARM_RULES`` for each."""

from __future__ import annotations

from finq_predictor.domain.alarms.rule import Rule
from finq_predictor.domain.registry import Registry

_HERE = __name__
ALARM_RULES: Registry[Rule] = Registry(
    "alarm rule",
    lazy={
        "service-down": f"{_HERE}.service_down:RULE",
        "service-not-ready": f"{_HERE}.service_not_ready:RULE",
        "api-errors": f"{_HERE}.api_errors:RULE",
        "api-slow": f"{_HERE}.api_slow:RULE",
        "feature-store-slow": f"{_HERE}.feature_store_slow:RULE",
        "watch-stopped": f"{_HERE}.watch_stopped:RULE",
        "recording-stopped": f"{_HERE}.recording_stopped:RULE",
        "store-down": f"{_HERE}.store_down:RULE",
        "answers-lost": f"{_HERE}.answers_lost:RULE",
        "scheduler-down": f"{_HERE}.scheduler_down:RULE",
        "failed-schedule": f"{_HERE}.failed_schedule:RULE",
        "late-schedule": f"{_HERE}.late_schedule:RULE",
        "monitoring-late": f"{_HERE}.monitoring_late:RULE",
        "figures-late": f"{_HERE}.figures_late:RULE",
        "exporter-down": f"{_HERE}.exporter_down:RULE",
        "stale-data": f"{_HERE}.stale_data:RULE",
        "dead-provider": f"{_HERE}.dead_provider:RULE",
        "closed-gate": f"{_HERE}.closed_gate:RULE",
        "missing-rates": f"{_HERE}.missing_rates:RULE",
        "feature-drift": f"{_HERE}.feature_drift:RULE",
        "prediction-drift": f"{_HERE}.prediction_drift:RULE",
        "accuracy-drop": f"{_HERE}.accuracy_drop:RULE",
        "no-signals": f"{_HERE}.no_signals:RULE",
        "paper-book-drawdown": f"{_HERE}.paper_book_drawdown:RULE",
        "old-model": f"{_HERE}.old_model:RULE",
        "backup-late": f"{_HERE}.backup_late:RULE",
        "disk-full": f"{_HERE}.disk_full:RULE",
        "certificate": f"{_HERE}.certificate:RULE",
    },
)
"""Every rule by name, in the order in which they are told."""
