"""What GET /history and GET /score-card answer."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, Field


class PastBar(BaseModel):
    """What was said at one bar of an instrument, and what became of it."""

    ts: dt.datetime = Field(description="Close of the bar, UTC.")
    close: float | None = Field(description="Price at the close, adjusted as models see it.")
    probability: float | None
    decision: Literal["predict", "abstain"]
    source: Literal["served", "computed"] = Field(
        description="`served`: it was answered before the outcome was known. `computed`: nobody asked then; the model "
        "of today says it now, and may have learnt from what followed."
    )
    model: str
    version: str
    forward_return: float | None = Field(description="What followed, by the labels of training; null while open.")
    outcome: bool | None = Field(description="Whether the question was answered with yes; null while open or a tie.")
    known_at: dt.datetime | None
    feedback: list[bool] = Field(description="What clients said became of it, the first ones.")


class HistoryAnswer(BaseModel):
    """The last bars of an instrument, the newest first."""

    instrument: str
    market: str
    horizon_bars: int
    simulated: bool
    store: Literal["read", "absent", "unavailable"] = Field(description="Whether what was served could be looked up.")
    bars: list[PastBar]
    request_id: str


class FigureAnswer(BaseModel):
    """One figure of a score-card."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    promised: float | None = Field(description="What was found when the version was promoted; null if not known.")


class CountsAnswer(BaseModel):
    """What became of what was said."""

    said: int
    abstained: int
    matured: int
    waiting: int
    ties: int
    known_before: int = Field(description="Its outcome was known when it was said; it counts for nothing.")
    days: int


class FeedbackCountsAnswer(BaseModel):
    """What clients say, beside what the data say."""

    given: int
    agreeing: int
    conflicting: int
    open: int


class CardAnswer(BaseModel):
    """How right one version of a model was."""

    market: str
    model: str
    version: str
    arm: str
    horizon: int
    first_bar: dt.datetime
    last_bar: dt.datetime
    counts: CountsAnswer
    figures: list[FigureAnswer]
    feedback: FeedbackCountsAnswer
    note: str = Field(description="Why figures are missing; empty where none is.")


class ScoreCardAnswer(BaseModel):
    """How right the service was, as it was found last."""

    made_at: dt.datetime | None = Field(description="Null before the first time.")
    cards: list[CardAnswer]
    request_id: str
