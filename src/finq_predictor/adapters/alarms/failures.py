"""Jobs that failed elsewhere, as in Airflow: told to those whom the rule of failed jobs concerns, by its limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finq_predictor.adapters.alarms.looking import tell
from finq_predictor.adapters.alarms.settings import AlarmSettings
from finq_predictor.adapters.alarms.standing import ChannelStanding, Remembered, read_remembered, write_remembered
from finq_predictor.domain.alarms.evaluation import Alarm
from finq_predictor.domain.alarms.policy import after, due, tidied
from finq_predictor.domain.alarms.rules import ALARM_RULES
from finq_predictor.domain.alarms.wording import wording
from finq_predictor.domain.errors import FinqError

RULE = "failed-schedule"


@dataclass(frozen=True)
class Told:
    """What became of failures.

    Attributes:
        told: Title of each message that was taken, with the channel.
        failed: What went wrong with channels, and with what is remembered.
        held: Failures that some channel still has to be told of: it is quiet hours, or it did not take the message.
    """

    told: tuple[tuple[str, str], ...]
    failed: tuple[str, ...]
    held: tuple[str, ...]


def tell_failures(file: Path, settings: AlarmSettings, jobs: Sequence[str], now: float, **made_of: Any) -> Told:
    """Tell of jobs that failed, and of those that could not be told of before.

    Nobody is told that it is over: whoever failed elsewhere does not say so.

    Args:
        file: Where it is remembered; held by `standing.alone`.
        settings: Who is told.
        jobs: The jobs that failed now; may be none.
        now: Seconds since 1970.
        made_of: What else channels are made of, see `Given`.
    """
    before, damage = read_remembered(file)
    failed = [damage] if damage else []
    if RULE not in settings.rules:
        return Told((), tuple(failed), ())
    policy = replace(settings.policy, resolved=False)
    fresh = [Alarm(RULE, (("job", job),), 1.0, now) for job in jobs]
    waits = {alarm.key: alarm for alarm in (*before.holds, *fresh)}
    held: dict[tuple[str, Any], Alarm] = {}
    told: list[tuple[str, str]] = []
    remembered = Remembered(tuple(waits.values()), before.channels)
    for name in settings.channels:
        if ALARM_RULES[RULE].audience not in settings.audiences_of(name):
            continue
        standing = remembered.standing(name)
        for message in due(waits.values(), standing, policy, now):
            try:
                tell(name, settings, message, made_of)
            except FinqError as error:
                failed.append(str(error))
                break
            told.append((name, wording(message, settings.rules, settings.runbooks).title))
            standing = after(standing, message, policy)
        known = {one.alarm.key: one.at for one in standing.told}
        cool = ALARM_RULES[RULE].cool_down.total_seconds()
        held |= {key: alarm for key, alarm in waits.items() if key not in known or now - known[key] >= cool}
        standing = tidied(standing, held.values(), policy, now)
        others = tuple(one for one in remembered.channels if one.name != name)
        remembered = replace(remembered, channels=(*others, ChannelStanding(name, standing)))
        write_remembered(file, remembered)
    if problem := write_remembered(file, replace(remembered, holds=tuple(held.values()))):
        failed.append(problem)
    return Told(tuple(told), tuple(failed), tuple(dict(alarm.labels)["job"] for alarm in held.values()))
