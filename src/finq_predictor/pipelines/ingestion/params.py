"""Parameters of the ingestion pipeline."""

from __future__ import annotations

import pandas as pd
from pydantic import BaseModel, ConfigDict, field_validator

from finq_predictor.domain.ingestion.rules import CleaningRules, GateLimits, ReadingRules, Rules
from finq_predictor.domain.ingestion.times import as_moment
from finq_predictor.domain.market.markets import Market


class IngestionParams(BaseModel):
    """How deliveries are read, cleaned and judged.

    Attributes:
        reading: How files are read.
        cleaning: What makes a row unusable.
        gates: When a delivery stops the run.
        as_of: Time of a live run, ISO 8601; None takes the last bar.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    reading: ReadingRules = ReadingRules()
    cleaning: CleaningRules = CleaningRules()
    gates: GateLimits = GateLimits()
    as_of: str | None = None

    @field_validator("as_of")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        if value is not None:
            pd.Timestamp(value)
        return value

    def rules(self, market: Market) -> Rules:
        """What the domain needs to read and clean the deliveries of a market."""
        return Rules(market, self.reading, self.cleaning, as_moment(self.as_of, "as_of"))
