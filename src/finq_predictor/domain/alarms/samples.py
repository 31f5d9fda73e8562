"""What was measured at some moments, as the expressions of rules look at it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

Labels = tuple[tuple[str, str], ...]
"""Names and values of labels, sorted by name."""


def labels_of(given: Mapping[str, str]) -> Labels:
    """Labels in their one order."""
    return tuple(sorted(given.items()))


@dataclass(frozen=True)
class Scrape:
    """What was measured at one moment.

    Attributes:
        at: Seconds since 1970.
        samples: Values by name of the sample and labels.
    """

    at: float
    samples: Mapping[str, Mapping[Labels, float]]

    def of(self, name: str) -> Mapping[Labels, float]:
        """The samples of a name; none where nothing was measured."""
        return self.samples.get(name, {})

    def only(self, names: Iterable[str]) -> Scrape:
        """The part of it that has some names."""
        return Scrape(self.at, {name: dict(self.samples[name]) for name in names if name in self.samples})


# Windows: what was measured longer ago says nothing of now.
_FURTHEST = 12


@dataclass(frozen=True)
class History:
    """Scrapes, the newest one last.

    Attributes:
        scrapes: One at least, by time.
    """

    scrapes: tuple[Scrape, ...]

    @property
    def now(self) -> Scrape:
        """The newest one."""
        return self.scrapes[-1]

    def within(self, seconds: float) -> tuple[Scrape, ...]:
        """The scrapes of the last seconds, both ends included."""
        since = self.now.at - seconds
        return tuple(one for one in self.scrapes if one.at >= since)

    def series(self, name: str, seconds: float) -> Iterator[tuple[Labels, list[tuple[float, float]]]]:
        """Times and values of each series of a name within the last seconds, one at least."""
        points: dict[Labels, list[tuple[float, float]]] = {}
        for one in self.within(seconds):
            for labels, value in one.of(name).items():
                points.setdefault(labels, []).append((one.at, value))
        yield from points.items()

    def before(self, name: str, labels: Labels, seconds: float) -> tuple[float, float] | None:
        """Time and value of the newest sample of a series that is older than so many seconds, and not far older."""
        newest, oldest = self.now.at - seconds, self.now.at - _FURTHEST * seconds
        for one in reversed(self.scrapes):
            if oldest <= one.at < newest and labels in one.of(name):
                return one.at, one.of(name)[labels]
        return None
