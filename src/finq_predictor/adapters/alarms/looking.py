"""One look: measure, judge, tell, remember. For where no Prometheus runs, by the same rules."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finq_predictor.adapters.alarms.settings import AlarmSettings
from finq_predictor.adapters.alarms.standing import (
    ChannelStanding,
    Kept,
    Remembered,
    finite,
    read_remembered,
    write_remembered,
)
from finq_predictor.domain.alarms.evaluation import Alarm, holding, looks_back, ringing, unexplained
from finq_predictor.domain.alarms.policy import Message, Standing, after, due, tidied
from finq_predictor.domain.alarms.rule import Rule
from finq_predictor.domain.alarms.samples import History, Scrape
from finq_predictor.domain.alarms.wording import wording
from finq_predictor.domain.errors import FinqError, NotificationError

# More are not kept, however often somebody looks.
_MOST_SCRAPES = 400


@dataclass(frozen=True)
class Look:
    """What one look found and did.

    Attributes:
        rings: What rings, explained or not.
        waits: What holds and has not lasted long enough.
        told: Title of each message that was taken, with the channel.
        failed: What went wrong with channels, and with what is remembered.
    """

    rings: tuple[Alarm, ...]
    waits: tuple[Alarm, ...]
    told: tuple[tuple[str, str], ...]
    failed: tuple[str, ...]


def look(file: Path, settings: AlarmSettings, now: Scrape, **made_of: Any) -> Look:
    """Judge what was measured, and tell whom it concerns.

    What a channel does not take is told again at the next look; the others are told all the same.

    Args:
        file: Where it is remembered; held by `standing.alone`.
        settings: Who is told.
        now: What was measured now.
        made_of: What else channels are made of, see `Given`.

    """
    rules = settings.rules
    before, damage = read_remembered(file)
    history = History((*(kept.scrape() for kept in before.scrapes if kept.at < now.at), now))
    holds = finite(holding(rules.values(), history, before.holds))
    rings = ringing(holds, rules, now.at)
    concerns = unexplained(rings, rules)
    remembered = Remembered(holds, (), _kept(history, rules))
    told: list[tuple[str, str]] = []
    failed = [damage] if damage else []
    for name in settings.channels:
        audiences = settings.audiences_of(name)
        theirs = [alarm for alarm in concerns if rules[alarm.rule].audience in audiences]
        standing = before.standing(name)
        for message in due(theirs, standing, settings.policy, now.at):
            try:
                tell(name, settings, message, made_of)
            except FinqError as error:
                failed.append(str(error))
                break
            told.append((name, wording(message, rules, settings.runbooks).title))
            standing = after(standing, message, settings.policy)
            # As soon as it is told: nobody hears twice of it because the next channel hangs and somebody kills us.
            remembered = _with(remembered, before, settings, name, standing)
            write_remembered(file, remembered)
        remembered = _with(remembered, before, settings, name, tidied(standing, theirs, settings.policy, now.at))
    if problem := write_remembered(file, remembered):
        failed.append(problem)
    return Look(rings, tuple(one for one in holds if one not in rings), tuple(told), tuple(failed))


def tell(name: str, settings: AlarmSettings, message: Message, made_of: Mapping[str, Any]) -> None:
    """Send a message by a channel.

    Raises:
        FinqError: If it is not taken, whatever went wrong.
    """
    channel = settings.channel(name, **made_of)
    try:
        channel.send(wording(message, settings.rules, settings.runbooks))
    except (FinqError, AssertionError):
        raise
    except Exception as error:
        # A library that stumbles over an answer must not keep the other channels from theirs.
        raise NotificationError(
            f"The channel {name} failed with {type(error).__name__}; look at its options."
        ) from error


def _with(
    remembered: Remembered, before: Remembered, settings: AlarmSettings, name: str, standing: Standing
) -> Remembered:
    """The same with what a channel was told; of those that were not asked yet, what they were told before."""
    known = {one.name: one for one in (*before.channels, *remembered.channels) if one.name in settings.channels}
    return replace(remembered, channels=tuple({**known, name: ChannelStanding(name, standing)}.values()))


def _kept(history: History, rules: Mapping[str, Rule]) -> tuple[Kept, ...]:
    """Of each metric that a rule looks back at, its samples of that time."""
    windows: dict[str, float] = {}
    for rule in rules.values():
        for metric in rule.measure.metrics:
            for sample in metric.samples:
                windows[sample] = max(windows.get(sample, 0.0), rule.measure.window.total_seconds())
    longest = looks_back(rules.values())
    kept = []
    for scrape in history.within(longest)[-_MOST_SCRAPES:]:
        age = history.now.at - scrape.at
        names = [name for name, window in windows.items() if window > 0 and age <= window]
        kept.append(Kept.of(_finite(scrape.only(names))))
    return tuple(kept)


def _finite(scrape: Scrape) -> Scrape:
    return Scrape(
        scrape.at,
        {
            name: {labels: value for labels, value in of.items() if math.isfinite(value)}
            for name, of in scrape.samples.items()
        },
    )


def titles(alarms: Iterable[Alarm], rules: Mapping[str, Rule]) -> list[str]:
    """One line for each alarm."""
    return [f"{alarm.rule}: {rules[alarm.rule].said(alarm.labels)} ({alarm.value:.4g})" for alarm in alarms]
