"""Parameters of the monitoring pipeline."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from finq_predictor.domain.monitoring.drift import DRIFT_TESTS


class MonitoringParams(BaseModel):
    """What is watched and when it is an alarm.

    Attributes:
        as_of: ``"latest"`` (the last bar) or an ISO time at which the age of data is measured.
        window_days: Calendar dates of current data that are compared with training.
        freshness_limit_hours: Above so many hours while the market is open a layer is stale; None takes the market's.
        missing_tolerance: A feature alarms when its missing share exceeds training's by more than this.
        false_discovery_rate: Expected share of false alarms among the features that alarm.
        thresholds: Above which value of a drift test an unlikely difference is drift, by name of the test; a test that
            is not named keeps its own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: str = "latest"
    window_days: int = Field(default=20, gt=0)
    freshness_limit_hours: float | None = Field(default=None, gt=0)
    missing_tolerance: float = Field(default=0.05, ge=0, le=1)
    false_discovery_rate: float = Field(default=0.05, gt=0, lt=1)
    thresholds: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)

    @field_validator("thresholds")
    @classmethod
    def _of_known_tests(cls, thresholds: dict[str, float]) -> dict[str, float]:
        DRIFT_TESTS.require(*thresholds)
        return thresholds
