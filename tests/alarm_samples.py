"""Series of Prometheus's unit tests as scrapes of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping

from finq_predictor.domain.alarms.evaluation import Alarm, holding, ringing
from finq_predictor.domain.alarms.rule import Rule
from finq_predictor.domain.alarms.samples import History, Labels, Scrape, labels_of

_STEP = re.compile(r"(?P<start>[+-]?[\d.e]+)(?:(?P<step>[+-][\d.e]+))?(?:x(?P<times>\d+))?")


def expanded(values: str) -> list[float | None]:
    """``0+1x3 _ 7`` as 0, 1, 2, 3, nothing, 7; ``0x2`` as 0, 0, 0."""
    found: list[float | None] = []
    for word in values.split():
        if word in ("_", "stale"):
            found.append(None)
            continue
        step = _STEP.fullmatch(word)
        assert step, word
        start, by = float(step["start"]), float(step["step"] or 0)
        found += [start + by * n for n in range(int(step["times"] or 0) + 1)]
    return found


def series_of(text: str) -> tuple[str, Labels]:
    name, _, rest = text.partition("{")
    return name, labels_of(dict(re.findall(r'(\w+)="([^"]*)"', rest)))


def scrapes(series: Mapping[str, str], interval: float) -> list[Scrape]:
    """A scrape for each value, the first at 0."""
    columns = {series_of(name): expanded(values) for name, values in series.items()}
    made = []
    for number in range(max(map(len, columns.values()))):
        samples: dict[str, dict[Labels, float]] = {}
        for (name, labels), values in columns.items():
            value = values[number] if number < len(values) else None
            if value is not None:
                samples.setdefault(name, {})[labels] = value
        made.append(Scrape(number * interval, samples))
    return made


def rings_at(rule: Rule, series: Mapping[str, str], at: float, interval: float = 60.0) -> tuple[Alarm, ...]:
    """What rings at a time, looked at with every scrape until then."""
    seen: list[Scrape] = []
    holds: tuple[Alarm, ...] = ()
    for scrape in scrapes(series, interval):
        if scrape.at > at:
            break
        seen.append(scrape)
        holds = holding([rule], History(tuple(seen)), holds)
    assert seen[-1].at == at, "no scrape at that time"
    return ringing(holds, {rule.name: rule}, at)


def values_at(rule: Rule, series: Mapping[str, str], at: float, interval: float = 60.0) -> dict[Labels, float]:
    """What a rule measures at a time."""
    seen = [scrape for scrape in scrapes(series, interval) if scrape.at <= at]
    return rule.measure.values(History(tuple(seen)))
