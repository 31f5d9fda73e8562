"""What a message says, in words that every channel can carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from finq_predictor.domain.alarms.evaluation import Alarm
from finq_predictor.domain.alarms.policy import Message, News
from finq_predictor.domain.alarms.rule import Rule, Severity

_MOST_LINES = 20
DECISIONS = "champion-rollback"
"""The runbook for whoever does not like a decision."""


@dataclass(frozen=True)
class Wording:
    """A message in words.

    Attributes:
        key: The same for everything that is said of one rule, so that a receiver can put it together.
        message: The message itself.
        severity: How much it matters.
        title: One line.
        lines: One for each alarm, then what to do.
        runbooks: Addresses of the pages that say what to do.
    """

    key: str
    message: Message
    severity: Severity
    title: str
    lines: tuple[str, ...]
    runbooks: tuple[str, ...]

    @property
    def news(self) -> News:
        """What it is about."""
        return self.message.news

    @property
    def text(self) -> str:
        """All of it below the title."""
        return "\n".join([*self.lines, *(f"Runbook: {page}" for page in self.runbooks)])


def wording(message: Message, rules: Mapping[str, Rule], runbooks: str) -> Wording:
    """Put a message into words.

    Args:
        message: The message.
        rules: The rules by name; one that is gone is named only.
        runbooks: Where the runbooks lie, such as ``"docs/runbooks"`` or an address.
    """
    if message.news is News.TEST:
        title = "Test of this channel"
        return Wording("test", message, Severity.WARNING, title, ("Nothing is wrong. You would hear of it here.",), ())
    if message.news is News.DECISION:
        title, *more = message.said
        page = f"{runbooks.rstrip('/')}/{DECISIONS}.md"
        return Wording(f"decision-{message.about}", message, Severity.WARNING, title, tuple(more), (page,))
    names = list(dict.fromkeys(alarm.rule for alarm in (*message.rings, *message.resolved)))
    known = [rules[name] for name in names if name in rules]
    severity = min((rule.severity for rule in known), key=list(Severity).index, default=Severity.WARNING)
    lines = [*_shortened([_said(alarm, rules) for alarm in message.rings])]
    lines += _shortened([f"Over: {_said(alarm, rules)}" for alarm in message.resolved])
    if message.rings and message.news is News.RINGS:
        lines += [rule.description for rule in known]
    pages = tuple(dict.fromkeys(f"{runbooks.rstrip('/')}/{rule.runbook}.md" for rule in known)) if message.rings else ()
    return Wording(
        "digest" if message.news is News.DIGEST else names[0],
        message,
        severity,
        _title(message, names, rules, severity),
        tuple(lines),
        pages,
    )


def _title(message: Message, names: Sequence[str], rules: Mapping[str, Rule], severity: Severity) -> str:
    if message.news is News.DIGEST:
        counts = [(len(message.rings), "ring"), (len(message.resolved), "are over")]
        said = " and ".join(f"{count} {what}" for count, what in counts if count)
        return f"Alarms of {len(names)} rules: {said}"
    title = rules[names[0]].title if names[0] in rules else names[0]
    if message.news is News.RESOLVED:
        return f"Over: {title}"
    return f"{severity.value.capitalize()}: {title}"


def _said(alarm: Alarm, rules: Mapping[str, Rule]) -> str:
    if alarm.rule not in rules:
        return f"{alarm.rule}: this rule is gone."
    rule = rules[alarm.rule]
    unit = f" {rule.unit}" if rule.unit else ""
    return f"{rule.said(alarm.labels)} ({alarm.value:.4g}{unit}; limit {rule.sense} {rule.limit:.4g})"


def _shortened(lines: list[str]) -> list[str]:
    if len(lines) <= _MOST_LINES:
        return lines
    return [*lines[:_MOST_LINES], f"... and {len(lines) - _MOST_LINES} more."]
