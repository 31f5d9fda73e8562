"""What became of signals, as plain values: how right they were, what they would have earned, and where that came from.

A signal is a statement that was to be acted upon.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from finq_predictor.domain.errors import ConfigurationError


class Figure(StrEnum):
    """What can be read of signals."""

    ACCURACY = "accuracy"
    BRIER = "brier"
    HIT_RATE = "hit_rate"
    OUTCOMES = "outcomes"
    PER_HOUR = "per_hour"
    SILENT_DAYS = "silent_days"
    PNL = "pnl"
    SHARPE = "sharpe"
    DRAWDOWN = "drawdown"
    DAYS = "days"
    ATTRIBUTION = "attribution"


class Dimension(StrEnum):
    """By what the profit of a paper book is divided; the parts of each add up to it."""

    INSTRUMENT = "instrument"
    SECTOR = "sector"
    SIDE = "side"
    HOURS = "hours"


@dataclass(frozen=True)
class Reading:
    """One number.

    Attributes:
        figure: What it is.
        value: The number; always finite.
        window: Over which time, a key of ``WINDOWS``; empty where it is about no time.
        part: Of what part it is told; empty where it is of the whole.
        dimension: By what was divided, where it is a part of a profit.

    Raises:
        ConfigurationError: If the value is no finite number; what is not known has no reading.
    """

    figure: Figure
    value: float
    window: str = ""
    part: str = ""
    dimension: str = ""

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ConfigurationError(f"A reading of {self.figure} is {self.value}; leave out what is not known.")


@dataclass(frozen=True)
class SignalRecord:
    """What became of the signals of one market.

    Attributes:
        market: Name of the market.
        source: Who said them: ``batch`` or ``served``.
        as_of: The newest bar, at which every window ends, ISO 8601.
        strategy: How they were traded on paper; empty where they were not.
        capital_usd: The capital of the paper book.
        readings: The numbers.
    """

    market: str
    source: str
    as_of: str
    strategy: str
    capital_usd: float
    readings: tuple[Reading, ...]

    def of(self, figure: Figure) -> Iterator[Reading]:
        """The readings of one figure."""
        return (reading for reading in self.readings if reading.figure is figure)


@dataclass(frozen=True)
class SignalRecords:
    """Those of all markets that one program keeps.

    Attributes:
        made_at: When, ISO 8601.
        records: One for each market and source.
    """

    made_at: str
    records: tuple[SignalRecord, ...]
