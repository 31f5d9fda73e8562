"""Who is told what of the alarms that ring, and when: once, not too often, and at night only what matters.

Each channel has a standing of its own, so that one that does not work takes nothing from the others. Time is a
parameter; nothing here waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from enum import StrEnum
from itertools import groupby
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from finq_predictor.domain.alarms.evaluation import Alarm
from finq_predictor.domain.alarms.rule import Rule, Severity
from finq_predictor.domain.errors import ConfigurationError

HOUR = 3600.0


class News(StrEnum):
    """What a message is about."""

    RINGS = "firing"
    RESOLVED = "resolved"
    DIGEST = "digest"
    TEST = "test"
    DECISION = "decision"


@dataclass(frozen=True)
class Message:
    """What is told at once.

    Attributes:
        news: What it is about.
        at: When, in seconds since 1970.
        rings: Alarms that ring.
        resolved: Alarms that do no longer.
        about: Market that a decision is about; empty for everything else.
        said: What a decision says: a title, then lines.
    """

    news: News
    at: float
    rings: tuple[Alarm, ...] = ()
    resolved: tuple[Alarm, ...] = ()
    about: str = ""
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Told:
    """What a channel was last told of an alarm.

    Attributes:
        alarm: The alarm.
        at: When it was told that it rings, in seconds since 1970.
        open: Whether it still has to be told that it ended.
    """

    alarm: Alarm
    at: float
    open: bool = True


@dataclass(frozen=True)
class Standing:
    """What a channel was told.

    Attributes:
        told: Of each alarm that rings, or did within its cool-down.
        sent: When messages that count were sent within the last hour, in seconds since 1970.
    """

    told: tuple[Told, ...] = ()
    sent: tuple[float, ...] = ()


@dataclass(frozen=True)
class QuietHours:
    """Hours in which only what is critical is told; the rest is told when they end, if it still holds.

    Attributes:
        start: When they begin.
        end: When they end; earlier than the start for a night.
        zone: Name of the time zone, such as ``Europe/Berlin``.

    Raises:
        ConfigurationError: If there is no such zone, or they would never end.
    """

    start: time
    end: time
    zone: str = "UTC"

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ConfigurationError(
                f"There is no time zone {self.zone!r}; give one such as Europe/Berlin or UTC."
            ) from None
        if self.start == self.end:
            raise ConfigurationError(f"The quiet hours begin and end at {self.start:%H:%M}; give two times.")

    def cover(self, moment: float) -> bool:
        """Whether a moment, in seconds since 1970, is within them."""
        clock = datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(self.zone)).time()
        if self.start < self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end


@dataclass(frozen=True)
class Policy:
    """How much a channel takes.

    Attributes:
        per_hour: Messages in any hour; what is critical is told all the same.
        digest_above: More messages than this at once become one.
        quiet: Hours in which only what is critical is told.
        resolved: Whether the end of an alarm is told.
        rules: The rules by name.
    """

    per_hour: int = 12
    digest_above: int = 4
    quiet: QuietHours | None = None
    resolved: bool = True
    rules: Mapping[str, Rule] = field(default_factory=dict)

    def critical(self, alarm: Alarm) -> bool:
        """Whether an alarm is told at any time; one whose rule is gone is not."""
        return alarm.rule in self.rules and self.rules[alarm.rule].severity is Severity.CRITICAL

    def cool_down(self, alarm: Alarm) -> float:
        """Seconds for which nobody is told again of an alarm."""
        return self.rules[alarm.rule].cool_down.total_seconds() if alarm.rule in self.rules else 0.0


def due(rings: Iterable[Alarm], standing: Standing, policy: Policy, now: float) -> list[Message]:
    """What a channel has to be told now.

    Args:
        rings: The alarms that ring and are for this channel.
        standing: What it was told.
        policy: How much it takes.
        now: Seconds since 1970.

    Returns:
        Messages, the most urgent first; what is held back is due again the next time, as long as it holds.
    """
    rings = tuple(rings)
    told = {one.alarm.key: one for one in standing.told}
    new = [alarm for alarm in rings if _may_be_told(told.get(alarm.key), policy.cool_down(alarm), now)]
    over = _ended(rings, standing) if policy.resolved else []
    urgent = _messages(filter(policy.critical, new), filter(policy.critical, over), now)
    urgent = _digested(urgent, policy.digest_above, now)
    if policy.quiet is not None and policy.quiet.cover(now):
        return urgent
    others = _messages(
        (one for one in new if not policy.critical(one)), (one for one in over if not policy.critical(one)), now
    )
    room = policy.per_hour - len(_within_the_hour(standing.sent, now))
    if room <= 0:
        return urgent
    return urgent + _digested(others, min(room, max(policy.digest_above - len(urgent), 1)), now)


def after(standing: Standing, message: Message, policy: Policy) -> Standing:
    """The standing of a channel that took a message."""
    told = {one.alarm.key: one for one in standing.told}
    for alarm in message.rings:
        told[alarm.key] = Told(alarm, message.at)
    for alarm in message.resolved:
        told[alarm.key] = replace(told[alarm.key], open=False)
    counts = not all(map(policy.critical, (*message.rings, *message.resolved)))
    sent = (*standing.sent, message.at) if counts else standing.sent
    return Standing(tuple(told.values()), _within_the_hour(sent, message.at))


def tidied(standing: Standing, rings: Iterable[Alarm], policy: Policy, now: float) -> Standing:
    """A standing without what can no longer matter: alarms that ended, were told so and have cooled down."""
    still = {alarm.key for alarm in rings}

    def matters(one: Told) -> bool:
        waits = one.open and policy.resolved
        return one.alarm.key in still or waits or now - one.at < policy.cool_down(one.alarm)

    return Standing(tuple(filter(matters, standing.told)), _within_the_hour(standing.sent, now))


def _may_be_told(told: Told | None, cool_down: float, now: float) -> bool:
    return told is None or now - told.at >= cool_down


def _ended(rings: Sequence[Alarm], standing: Standing) -> list[Alarm]:
    still = {alarm.key for alarm in rings}
    return [one.alarm for one in standing.told if one.open and one.alarm.key not in still]


def _messages(rings: Iterable[Alarm], ended: Iterable[Alarm], now: float) -> list[Message]:
    """One message for each rule that begins to ring, and one for each that ends to."""
    messages = [Message(News.RINGS, now, rings=each) for each in _by_rule(rings)]
    return messages + [Message(News.RESOLVED, now, resolved=each) for each in _by_rule(ended)]


def _by_rule(alarms: Iterable[Alarm]) -> list[tuple[Alarm, ...]]:
    ordered = sorted(alarms, key=lambda alarm: alarm.key)
    return [tuple(each) for _, each in groupby(ordered, key=lambda alarm: alarm.rule)]


def _digested(messages: list[Message], most: int, now: float) -> list[Message]:
    if len(messages) <= most:
        return messages
    rings = tuple(alarm for message in messages for alarm in message.rings)
    resolved = tuple(alarm for message in messages for alarm in message.resolved)
    return [Message(News.DIGEST, now, rings, resolved)]


def _within_the_hour(sent: Iterable[float], now: float) -> tuple[float, ...]:
    return tuple(at for at in sent if now - HOUR < at)


__all__ = ["Message", "News", "Policy", "QuietHours", "Standing", "Told", "after", "due", "tidied"]
