"""Which rules ring on what was measured: what Prometheus decides with the rules that it is given, decided here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from finq_predictor.domain.alarms.rule import Rule
from finq_predictor.domain.alarms.samples import History, Labels


@dataclass(frozen=True)
class Alarm:
    """A rule whose condition holds for some labels.

    Attributes:
        rule: Name of the rule.
        labels: Of what.
        value: The newest value.
        since: When the condition began to hold, in seconds since 1970.
    """

    rule: str
    labels: Labels
    value: float
    since: float

    @property
    def key(self) -> tuple[str, Labels]:
        """What makes it this one and no other."""
        return self.rule, self.labels


def holding(rules: Iterable[Rule], history: History, before: Iterable[Alarm] = ()) -> tuple[Alarm, ...]:
    """All conditions that hold now, whether they have lasted or not.

    Args:
        rules: The rules.
        history: What was measured, the newest last.
        before: What held the last time; whatever held then and does now has held since then.
    """
    since = {alarm.key: alarm.since for alarm in before}
    found = []
    for rule in rules:
        for labels, value in sorted(rule.measure.values(history).items()):
            if rule.is_alarm(value):
                found.append(Alarm(rule.name, labels, value, since.get((rule.name, labels), history.now.at)))
    return tuple(found)


def ringing(holds: Iterable[Alarm], rules: Mapping[str, Rule], now: float) -> tuple[Alarm, ...]:
    """Those that have lasted long enough.

    Args:
        holds: What holds, see `holding`.
        rules: The rules by name.
        now: Seconds since 1970.
    """
    return tuple(
        alarm for alarm in holds if alarm.rule in rules and now - alarm.since >= rules[alarm.rule].hold.total_seconds()
    )


def unexplained(rings: Sequence[Alarm], rules: Mapping[str, Rule]) -> tuple[Alarm, ...]:
    """Those that no other one explains: of a service that is down nobody has to hear that it is slow."""
    names = {alarm.rule for alarm in rings}
    return tuple(alarm for alarm in rings if names.isdisjoint(rules[alarm.rule].hushed_by))


def looks_back(rules: Iterable[Rule]) -> float:
    """Seconds that the rules look back at most."""
    return max((rule.measure.window.total_seconds() for rule in rules), default=0.0)
