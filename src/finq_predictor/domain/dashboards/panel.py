"""What stands on a dashboard, before anybody draws it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from finq_predictor.domain.alarms.metrics import require_known
from finq_predictor.domain.errors import ConfigurationError

COLUMNS = 24
"""Columns of a dashboard."""


class Shape(StrEnum):
    """How the answers to the questions of a panel are shown: bars begin with the longest, steps keep their order."""

    LINES = "lines"
    NUMBERS = "numbers"
    BARS = "bars"
    STEPS = "steps"


class Unit(StrEnum):
    """What a value counts; an axis and a number are written accordingly."""

    NUMBER = "number"
    SHARE = "share"
    SECONDS = "seconds"
    HOURS = "hours"
    BYTES = "bytes"
    PER_SECOND = "per second"
    PER_HOUR = "per hour"
    BASIS_POINTS = "basis points"
    DOLLARS = "US dollars"
    CELSIUS = "degrees Celsius"
    YES = "yes or no"


@dataclass(frozen=True)
class Query:
    """A question to Prometheus.

    Attributes:
        promql: The question.
        legend: Name of each answer, with labels as ``{{market}}``.
    """

    promql: str
    legend: str

    def __post_init__(self) -> None:
        require_known(self.promql)


@dataclass(frozen=True)
class Panel:
    """One picture.

    Attributes:
        title: What is seen.
        text: What to make of it: what is good, and what to do where it is not.
        queries: What is asked.
        unit: What the values count.
        shape: How they are shown.
        width: Columns, 1 to 24.
        limit: A value beyond which something is wrong; None where there is none.
    """

    title: str
    text: str
    queries: tuple[Query, ...]
    unit: Unit = Unit.NUMBER
    shape: Shape = Shape.LINES
    width: int = 8
    limit: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.width <= COLUMNS:
            raise ConfigurationError(f"The panel {self.title!r} is {self.width} columns wide; give it 1 to {COLUMNS}.")
        if not self.queries:
            raise ConfigurationError(f"The panel {self.title!r} asks nothing; give it a query.")


@dataclass(frozen=True)
class Dashboard:
    """Several panels about one thing.

    Attributes:
        name: As its file and its address are called, small letters and hyphens.
        title: What it is about.
        panels: From the left to the right, row after row.
    """

    name: str
    title: str
    panels: tuple[Panel, ...]

    def placed(self) -> Iterator[tuple[Panel, int, int]]:
        """Each panel with its column and its row; a row ends where the next panel does not fit any more."""
        column = row = 0
        for panel in self.panels:
            if column + panel.width > COLUMNS:
                column, row = 0, row + 1
            yield panel, column, row
            column += panel.width
