"""Parameters of the ingestion pipeline."""

from __future__ import annotations

from typing import Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator

from finq_predictor.domain.ingestion.gates import Limits
from finq_predictor.domain.ingestion.parsing import Rules
from finq_predictor.domain.market.markets import get_market


class IngestionParams(BaseModel):
    """How deliveries are read, cleaned and judged.

    Attributes:
        market: Market whose rules hold.
        calendar: A code that ``get_calendar`` knows, such as ``XLON`` or ``inferred``; None takes the market's.
        bar_minutes: Length of a bar in minutes; None takes the market's.
        time_marks: Whether the time of an intraday bar is its ``open`` or its ``close``.
        timezone: Zone of times without one; None is UTC.
        day_first: How 03/04/2020 is read; dates that allow one reading only are recognised.
        instrument: Name of the instrument of a file which has no such column; None takes it from the file's name.
        columns: For each table, our name to the file's name of a column, where it is not recognised.
        close_time: Time of day at which a session closes, where ``calendar`` is ``inferred``.
        as_of: Time of a live run, ISO 8601; None takes the last bar.
        correction_tolerance_hours: A correction that became known later than this after its bar is not used.
        ohlc_tolerance: Relative excess of open or close over high, or under low, that is taken for rounding.
        jump_factor: A close that many times its neighbours', and back on the next bar, is a wrong print.
        jump_revert_tolerance: Difference of the neighbours' logarithms up to which the jump counts as reverted.
        wick_factor: High or low that many times beyond open and close is a wrong print.
        max_bad_share: An instrument with a greater share of unusable bars is rejected as a whole.
        min_instruments: Fewest instruments to go on with.
        max_null_share: Largest share of missing values per column of a delivery.
        max_quarantine_share: Largest share of a delivery's rows in quarantine; duplicates do not count.
        max_benchmark_age: Most sessions without benchmark up to ``as_of``.
        max_benchmark_gap: Most consecutive sessions without benchmark between the first and the last bar.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    market: str
    calendar: str | None = None
    bar_minutes: int | None = Field(default=None, gt=0)
    time_marks: Literal["open", "close"] = "open"
    timezone: str | None = None
    day_first: bool = False
    instrument: str | None = None
    columns: dict[str, dict[str, str]] = Field(default_factory=dict)
    close_time: str = "16:00"
    as_of: str | None = None
    correction_tolerance_hours: float = Field(default=0.0, ge=0)
    ohlc_tolerance: float = Field(default=1e-4, ge=0)
    jump_factor: float = Field(default=1.8, gt=1)
    jump_revert_tolerance: float = Field(default=0.05, gt=0)
    wick_factor: float = Field(default=5.0, gt=1)
    max_bad_share: float = Field(default=0.25, gt=0, le=1)
    min_instruments: int = Field(default=1, gt=0)
    max_null_share: float = Field(default=0.10, ge=0, le=1)
    max_quarantine_share: float = Field(default=0.05, ge=0, le=1)
    max_benchmark_age: int = Field(default=2, ge=0)
    max_benchmark_gap: int = Field(default=1, ge=0)

    @field_validator("as_of")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        if value is not None:
            pd.Timestamp(value)
        return value

    def rules(self) -> Rules:
        """What the domain needs to read and clean."""
        as_of = None
        if self.as_of is not None:
            moment = pd.Timestamp(self.as_of)
            as_of = moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")
        return Rules(
            market=get_market(self.market),
            calendar=self.calendar,
            bar_minutes=self.bar_minutes,
            time_marks=self.time_marks,
            timezone=self.timezone,
            close_time=self.close_time,
            day_first=self.day_first,
            instrument=self.instrument,
            columns=self.columns,
            as_of=as_of,
            correction_tolerance_hours=self.correction_tolerance_hours,
            ohlc_tolerance=self.ohlc_tolerance,
            jump_factor=self.jump_factor,
            jump_revert_tolerance=self.jump_revert_tolerance,
            wick_factor=self.wick_factor,
            max_bad_share=self.max_bad_share,
        )

    def limits(self) -> Limits:
        """Where the gates close."""
        return Limits(
            min_instruments=self.min_instruments,
            max_null_share=self.max_null_share,
            max_quarantine_share=self.max_quarantine_share,
            max_benchmark_age=self.max_benchmark_age,
            max_benchmark_gap=self.max_benchmark_gap,
        )
