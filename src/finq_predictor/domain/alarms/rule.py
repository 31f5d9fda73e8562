"""What a rule is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

from finq_predictor.domain.alarms.expressions import Expression
from finq_predictor.domain.alarms.samples import Labels
from finq_predictor.domain.errors import ConfigurationError

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class Severity(StrEnum):
    """How much it matters."""

    CRITICAL = "critical"
    """Somebody has to act now, at night too."""
    WARNING = "warning"
    """Somebody has to act in working hours."""


class Audience(StrEnum):
    """Who is told; the configuration says by which channels."""

    ON_CALL = "on_call"
    TEAM = "team"


class Sense(StrEnum):
    """On which side of its limit a value is an alarm."""

    ABOVE = ">"
    BELOW = "<"


@dataclass(frozen=True)
class Example:
    """Samples on which a rule has to ring, or has to stay silent.

    Attributes:
        series: Values of each series, one per ``interval``, in the notation of Prometheus's unit tests: ``0+1x10``.
        at: When the rule is asked.
        rings: Labels of each alarm that has to ring then; none where it has to stay silent.
        interval: Time between two values.
    """

    series: dict[str, str]
    at: timedelta
    rings: tuple[dict[str, str], ...] = ()
    interval: timedelta = timedelta(minutes=1)


@dataclass(frozen=True)
class Rule:
    """When somebody has to be told what.

    Attributes:
        name: In messages, files and the configuration, such as ``"api-slow"``.
        title: In a few words.
        severity: How much it matters.
        audience: Who is told.
        measure: What is measured.
        sense: On which side of the limit it is an alarm.
        limit: The limit; the configuration may say another one.
        unit: What one of the limit is, such as ``"seconds"``; empty for a plain number.
        hold: How long it has to last before it is an alarm.
        cool_down: How long nobody is told again of the same alarm while it lasts.
        runbook: Page in ``docs/runbooks``, without its ending.
        summary: What is wrong, one sentence; ``{market}`` stands for a label.
        description: What to do, one sentence or two.
        rings: Examples on which it rings.
        silent: Examples on which it does not.
        hushed_by: Rules that explain this one: while one of them rings, it stays silent.
    """

    name: str
    title: str
    severity: Severity
    audience: Audience
    measure: Expression
    sense: Sense
    limit: float
    hold: timedelta
    cool_down: timedelta
    runbook: str
    summary: str
    description: str
    rings: tuple[Example, ...]
    silent: tuple[Example, ...]
    unit: str = ""
    hushed_by: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigurationError(
                f"A rule is called {self.name!r}; expected small letters with dashes, as api-slow."
            )
        if self.cool_down <= timedelta(0) or self.hold < timedelta(0):
            raise ConfigurationError(f"The rule {self.name} has no cool-down, or a time below 0; give it one of both.")
        if not any(one.rings for one in self.rings) or any(one.rings for one in self.silent) or not self.silent:
            raise ConfigurationError(f"The rule {self.name} needs an example on which it rings and one without.")

    def is_alarm(self, value: float) -> bool:
        """Whether a value is on the wrong side of the limit; NaN is not."""
        return value > self.limit if self.sense is Sense.ABOVE else value < self.limit

    def with_limit(self, limit: float | None) -> Rule:
        """The same rule with another limit; None leaves it."""
        return self if limit is None else replace(self, limit=limit)

    def promql(self) -> str:
        """The condition, as Prometheus reads it."""
        return f"{self.measure.promql()} {self.sense} {self.limit:.10g}"

    def said(self, labels: Labels) -> str:
        """What is wrong, with the values of labels."""
        return _filled(self.summary, dict(labels))


def _filled(text: str, labels: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: labels.get(found[1], found[0]), text)
