"""Parameters of the monitoring pipeline."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from finq_predictor.domain.monitoring.drift import DriftRules
from finq_predictor.domain.monitoring.retraining import RetrainLimits


class MonitoringParams(BaseModel):
    """What is watched and when it is an alarm.

    Attributes:
        as_of: ISO time at which the age of data is measured, or ``"latest"`` for the last bar; None is the moment of
            the run, and of a made-up market its last bar.
        window_days: Calendar dates of current data that are compared with training.
        freshness_limit_hours: Above so many hours while the market is open a layer is stale; None takes the market's.
        missing_tolerance: A feature alarms when its missing share exceeds training's by more than this.
        calls_hours: Calls to providers that began so many hours before the run are counted.
        drift: When a difference from training is an alarm.
        retrain: When another training is asked for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: str | None = None
    window_days: int = Field(default=20, gt=0)
    freshness_limit_hours: float | None = Field(default=None, gt=0)
    missing_tolerance: float = Field(default=0.05, ge=0, le=1)
    calls_hours: float = Field(default=24.0, gt=0)
    drift: DriftRules = DriftRules()
    retrain: RetrainLimits = RetrainLimits()
