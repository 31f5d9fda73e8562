"""The rules by which a delivery is read, cleaned and let through."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

import pandas as pd
from pydantic import Field

from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.market.calendars import Calendar, get_calendar
from finq_predictor.domain.market.markets import Market

_DAY = 1440
_RELEASED = ("articles", "macro", "membership")
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class ReadingRules:
    """How the files of a delivery are read.

    Attributes:
        calendar: A code that ``get_calendar`` knows, such as ``XLON`` or ``inferred``; None takes the market's.
        bar_minutes: Length of a bar in minutes; None takes the market's.
        time_marks: Whether the time of an intraday bar is its ``open`` or its ``close``.
        timezone: Zone of times without one; None is UTC.
        close_time: Time of day at which a session closes, where ``calendar`` is ``inferred``.
        day_first: How 03/04/2020 is read; dates that allow one reading only are recognised.
        instrument: Name of the instrument of a file which has no such column; None takes it from the file's name.
        release_times: For each table, the time of day ``HH:MM`` in that zone at which what carries a date only is
            known; without one it is known when the day ends.
        prices: ``adjusted``: what comes as adjusted close is one, and without it closes are taken for it.
            ``split_adjusted``, as a provider delivers what is new: prices are divided by the splits up to their
            receipt, splits and dividends stand beside them, and the adjusted close is computed of both.
        columns: For each table, our name to the file's name of a column, where it is not recognised.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    calendar: str | None = None
    bar_minutes: Annotated[int, Field(gt=0)] | None = None
    time_marks: Literal["open", "close"] = "open"
    timezone: str | None = None
    close_time: str = "16:00"
    day_first: bool = False
    instrument: str | None = None
    release_times: dict[str, str] = field(default_factory=dict)
    prices: Literal["adjusted", "split_adjusted"] = "adjusted"
    columns: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for table, time in self.release_times.items():
            if table not in _RELEASED:
                raise UnknownNameError("table with a time of release", table, _RELEASED)
            if not _TIME_OF_DAY.fullmatch(time):
                raise ConfigurationError(f"release_times.{table} is {time!r}; expected a time of day such as '08:30'.")

    @property
    def zone(self) -> str:
        """Zone of times without one."""
        return self.timezone or "UTC"


@dataclass(frozen=True)
class CleaningRules:
    """What makes a delivered row unusable.

    Attributes:
        ohlc_tolerance: Relative excess of open or close over high, or under low, that is taken for rounding.
        max_jump: A price that many times the last one, or less than that part of it, is held back: only the bar after
            it can confirm it.
        wick_factor: High or low that many times beyond open and close is a wrong print.
        max_bad_share: An instrument with a greater share of unusable bars is rejected as a whole.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    ohlc_tolerance: Annotated[float, Field(ge=0)] = 1e-4
    max_jump: Annotated[float, Field(gt=1)] = 4.0
    wick_factor: Annotated[float, Field(gt=1)] = 5.0
    max_bad_share: Annotated[float, Field(gt=0, le=1)] = 0.25


@dataclass(frozen=True)
class GateLimits:
    """Where the gates close, which stop a run before silver is touched.

    Attributes:
        min_instruments: Fewest instruments to go on with.
        max_null_share: Largest share of missing values per column of a delivery.
        max_quarantine_share: Largest share of a delivery's rows in quarantine; duplicates do not count.
        max_benchmark_age: Most sessions without benchmark up to ``as_of``.
        max_benchmark_gap: Most consecutive sessions without benchmark between the first and the last bar.
        max_leaving_share: Largest share of the members of an index that leaves it at one time; more is a list that was
            cut off.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    min_instruments: Annotated[int, Field(gt=0)] = 1
    max_null_share: _Share = 0.10
    max_quarantine_share: _Share = 0.05
    max_benchmark_age: Annotated[int, Field(ge=0)] = 2
    max_benchmark_gap: Annotated[int, Field(ge=0)] = 1
    max_leaving_share: _Share = 0.5


@dataclass(frozen=True)
class Rules:
    """How a delivery for one market is read and cleaned.

    Attributes:
        market: The market, which says what the reading rules leave open.
        reading: How files are read.
        cleaning: What makes a row unusable.
        as_of: Time of a live run (UTC); None takes the last bar.
    """

    market: Market
    reading: ReadingRules = ReadingRules()
    cleaning: CleaningRules = CleaningRules()
    as_of: pd.Timestamp | None = None

    @property
    def sessions(self) -> Calendar:
        """The calendar that holds."""
        code = self.reading.calendar or self.market.calendar
        return get_calendar(code, timezone=self.reading.zone, close_time=self.reading.close_time)

    @property
    def bar(self) -> pd.Timedelta:
        """Length of a bar."""
        return pd.Timedelta(minutes=self.reading.bar_minutes or self.market.bar_minutes)

    @property
    def daily(self) -> bool:
        """Whether a bar is a session of an exchange, whose date is enough to know its close."""
        return self.bar >= pd.Timedelta(minutes=_DAY) and self.sessions.dated
