"""What GET /experiment answers."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, Field


class ArmAnswer(BaseModel):
    """How one model did on what both said."""

    accuracy: float | None
    hit_rate: float | None = Field(description="Accuracy of what was to be acted upon.")
    acted: float | None = Field(description="Share that was.")
    brier: float | None
    rmse: float | None = Field(description="Root of the Brier score.")
    log_loss: float | None
    paper: dict[str, float | None] = Field(description="Of trading on paper, after costs.")


class WelchAnswer(BaseModel):
    """Welch's test of the Brier scores by bar."""

    p_value: float | None
    cohens_d: float | None
    notable: bool = Field(description="p < 0.05 and |d| > 0.2.")


class EvidenceAnswer(BaseModel):
    """A bet that stays right however often one looks."""

    wealth: float
    highest: float
    p_value: float
    bars: int
    decided_at: int | None


class ComparisonAnswer(BaseModel):
    """A challenger beside the champion."""

    pairs: int
    bars: int
    unpaired: int = Field(description="Of the champion, without one of the challenger.")
    champion: ArmAnswer
    challenger: ArmAnswer
    gain: float | None = Field(description="By how much the Brier score of the challenger is lower.")
    low: float | None
    high: float | None
    welch: WelchAnswer
    better: EvidenceAnswer
    worse: EvidenceAnswer
    decided_at: dt.datetime | None = Field(description="After which bar one could have stopped; null as yet.")
    detectable: float | None = Field(description="Smallest gain that so many bars show four times in five.")
    verdict: Literal["better", "worse", "cannot be told apart"]


class ServiceAnswer(BaseModel):
    """How one model served while it was compared."""

    answers: int = Field(description="Said, whether given or only recorded.")
    errors: int = Field(description="Times that it could not answer.")
    error_rate: float | None
    timed: int = Field(description="Given answers whose time was taken; a shadow has none.")
    latency_p50_us: float | None = Field(description="Microseconds from a request to the record of its answer.")
    latency_p95_us: float | None
    latency_p99_us: float | None
    bars_timed: int
    bar_p50_us: float | None = Field(description="Microseconds that the model took for all instruments of a bar.")
    bar_p95_us: float | None


class TrialAnswer(BaseModel):
    """One challenger beside one champion."""

    name: str
    experiment: str
    mode: Literal["shadow", "ab"]
    model: str
    version: str
    champion_model: str
    champion_version: str
    horizon: int
    found: ComparisonAnswer
    sentence: str
    model_hash: str = Field(description="Of the challenger; the same model has the same.")
    over: bool = Field(description="Whether it is not tried any more.")
    service: dict[str, ServiceAnswer] = Field(
        description="Of `champion` and `challenger`, since both answered and of the last four weeks at most."
    )


class ExperimentAnswer(BaseModel):
    """What came of trying challengers in a market."""

    market: str
    made_at: dt.datetime | None = Field(description="Null before the first time.")
    trials: list[TrialAnswer]
    waiting: list[str] = Field(description="Challengers without any pair whose outcome is known.")
    request_id: str
