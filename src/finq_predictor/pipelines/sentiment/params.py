"""Parameters of the sentiment pipeline."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class SentimentParams(BaseModel):
    """How articles become a tone per bar.

    Attributes:
        scorers: Names of scorers, best first; where one cannot answer, the next does.
        scorer_options: Keyword arguments per scorer name, such as ``{"transformer": {"path": "models/finbert"}}``.
        max_text_length: Characters of title and body that are read.
        max_silence_hours: Longest time without an article about any instrument of the market; after it, articles
            seem to come in no more, and the tone of a bar is missing, not zero.
        max_wait_hours: An article that waits longer than this for its instrument's next bar is stale and left out.
        count_repeats: Whether an article that tells a story again in nearly the same words counts like the first one.
        weigh_by_quality: Whether an article counts by its quality, see ``silver_articles``, in place of fully.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scorers: tuple[str, ...] = Field(default=("lexicon",), min_length=1)
    scorer_options: dict[str, dict[str, Any]] = Field(default_factory=dict)
    max_text_length: int = Field(default=600, gt=0)
    max_silence_hours: float = Field(default=336.0, gt=0)
    max_wait_hours: float = Field(default=120.0, gt=0)
    count_repeats: bool = False
    weigh_by_quality: bool = False
