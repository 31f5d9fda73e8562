"""The rules by which a delivery is read, cleaned and let through."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

import pandas as pd
from pydantic import Field

from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.ingestion.ticker_names import TickerName, check_names
from finq_predictor.domain.ingestion.times import as_moment
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
        names: What tickers meant from when to when, where one changed or was taken up by another company: rows of
            ``ticker``, ``instrument``, and the first and last session ``since`` and ``until``, either of which may be
            left out. A ticker that no row names on a date is its own instrument.
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
    names: tuple[TickerName, ...] = ()
    columns: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for table, time in self.release_times.items():
            if table not in _RELEASED:
                raise UnknownNameError("table with a time of release", table, _RELEASED)
            if not _TIME_OF_DAY.fullmatch(time):
                raise ConfigurationError(f"release_times.{table} is {time!r}; expected a time of day such as '08:30'.")
        check_names(self.names)

    @property
    def zone(self) -> str:
        """Zone of times without one."""
        return self.timezone or "UTC"


@dataclass(frozen=True)
class ComparisonRules:
    """When two providers differ about a bar.

    Attributes:
        max_difference: Relative difference of two closes that is nothing, where no spread is known.
        spreads: The same in spreads between bid and ask, where one of the two delivers them.
        max_volume_ratio: Volumes that many times apart are listed; nothing more follows, because each provider counts
            other venues.
        disbelief: Closes further apart than this are both in doubt: neither is used unless a third provider stands by
            it.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    max_difference: Annotated[float, Field(ge=0)] = 0.01
    spreads: Annotated[float, Field(ge=0)] = 5.0
    max_volume_ratio: Annotated[float, Field(gt=1)] = 10.0
    disbelief: Annotated[float, Field(gt=0)] = 0.05


@dataclass(frozen=True)
class CleaningRules:
    """What makes a delivered row unusable.

    Attributes:
        ohlc_tolerance: Relative excess of open or close over high, or under low, that is taken for rounding.
        max_jump: A price that many times the last one, or less than that part of it, is held back: only the bar after
            it can confirm it.
        wick_factor: High or low that many times beyond open and close is a wrong print.
        max_bad_share: An instrument with a greater share of unusable bars is rejected as a whole.
        comparison: When two providers differ about a bar.
        repair: Whether prices in a wrong unit, bars in which a split was forgotten and wrong dividends are looked for.
            What could be known by the decision of a bar is put right in it; what was known later is only listed. Needs
            prices that are read as ``split_adjusted``.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    ohlc_tolerance: Annotated[float, Field(ge=0)] = 1e-4
    max_jump: Annotated[float, Field(gt=1)] = 4.0
    wick_factor: Annotated[float, Field(gt=1)] = 5.0
    max_bad_share: Annotated[float, Field(gt=0, le=1)] = 0.25
    comparison: ComparisonRules = ComparisonRules()
    repair: bool = False


@dataclass(frozen=True)
class GateLimits:
    """Where the gates close, which stop a run before silver is touched; those of articles and macro only warn.

    Attributes:
        min_instruments: Fewest instruments to go on with.
        max_null_share: Largest share of missing values per column of a delivery.
        max_quarantine_share: Largest share of a delivery's rows in quarantine; duplicates do not count.
        max_provider_difference_share: Largest share of bars that two providers differ about, of those both delivered.
        max_bars_age: Most bars that the market made after the last one up to ``as_of``: sessions or, of hourly bars,
            open hours.
        max_clock_age: The same up to the clock, of runs that are meant to be up to date: beyond it a warning is given,
            whatever the age that stops a run. None asks nobody what time it is, as for files of the past.
        max_stale_share: Largest share of instruments that fell silent more bars ago than these and have not ended.
        min_bar_share: Smallest share of the bars that the calendar expects between an instrument's first and last one.
        max_revised_share: Largest share of the bars that one delivery spoke about whose prices it changed after they
            were decided on.
        revisions_accepted: Deliveries received up to this time, ISO 8601, may have changed whatever they did: a person
            has looked.
        max_article_days: A warning is given when the newest article is so many days older than ``as_of``.
        max_macro_days: The same of the newest macro release.
        max_misread_weeks: Most weeks whose bars fit the calendar only if their times are moved by whole or half hours,
            or by a day: they look read in the wrong zone.
        max_benchmark_age: Most sessions without benchmark up to ``as_of``.
        max_benchmark_gap: Most consecutive sessions without benchmark between the first and the last bar.
        max_leaving_share: Largest share of the members of an index that leaves it at one time; more is a list that was
            cut off.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    min_instruments: Annotated[int, Field(gt=0)] = 1
    max_null_share: _Share = 0.10
    max_quarantine_share: _Share = 0.05
    max_provider_difference_share: _Share = 0.10
    max_bars_age: Annotated[int, Field(ge=0)] = 2
    max_clock_age: Annotated[int, Field(ge=0)] | None = None
    max_stale_share: _Share = 0.2
    min_bar_share: _Share = 0.9
    max_revised_share: _Share = 0.2
    revisions_accepted: str | None = None
    max_article_days: Annotated[float, Field(gt=0)] = 7.0
    max_macro_days: Annotated[float, Field(gt=0)] = 45.0
    max_misread_weeks: Annotated[int, Field(ge=0)] = 0
    max_benchmark_age: Annotated[int, Field(ge=0)] = 2
    max_benchmark_gap: Annotated[int, Field(ge=0)] = 1
    max_leaving_share: _Share = 0.5

    def __post_init__(self) -> None:
        as_moment(self.revisions_accepted, "revisions_accepted")


@dataclass(frozen=True)
class Rules:
    """How a delivery for one market is read and cleaned.

    Attributes:
        market: The market, which says what the reading rules leave open.
        reading: How files are read.
        cleaning: What makes a row unusable.
        as_of: Time of a live run (UTC); None takes the last bar.

    Raises:
        ConfigurationError: If prices are to be repaired that cannot be: each split would look like a fault in prices
            that are not divided by splits.
    """

    market: Market
    reading: ReadingRules = ReadingRules()
    cleaning: CleaningRules = CleaningRules()
    as_of: pd.Timestamp | None = None

    def __post_init__(self) -> None:
        if self.cleaning.repair and not (self.market.has_actions and self.reading.prices == "split_adjusted"):
            raise ConfigurationError(
                f"cleaning.repair is on for {self.market.name}, whose prices are read as '{self.reading.prices}'; "
                "expected a market with splits and dividends, and `reading: {prices: split_adjusted}`. Say so, or turn "
                "repair off."
            )

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
