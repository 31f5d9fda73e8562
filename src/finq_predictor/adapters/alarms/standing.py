"""What rings and who was told, kept from one look to the next below the folder of the data."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from filelock import FileLock, Timeout

from finq_predictor.adapters.atomic_file import write_text_atomically
from finq_predictor.adapters.typed_json import from_json, to_json
from finq_predictor.domain.alarms.evaluation import Alarm
from finq_predictor.domain.alarms.policy import Standing
from finq_predictor.domain.alarms.samples import Labels, Scrape
from finq_predictor.domain.errors import ConfigurationError, StoreError

_LONGEST_WAIT_S = 60.0


@dataclass(frozen=True)
class Series:
    """One sample that a later look needs.

    Attributes:
        name: Name of the sample.
        labels: Its labels.
        value: Its value.
    """

    name: str
    labels: Labels
    value: float


@dataclass(frozen=True)
class Kept:
    """The samples of one moment.

    Attributes:
        at: Seconds since 1970.
        series: The samples.
    """

    at: float
    series: tuple[Series, ...]

    @classmethod
    def of(cls, scrape: Scrape) -> Kept:
        """What is kept of a scrape."""
        series = (
            Series(name, labels, value) for name, of in scrape.samples.items() for labels, value in sorted(of.items())
        )
        return cls(scrape.at, tuple(series))

    def scrape(self) -> Scrape:
        """The scrape that it was."""
        samples: dict[str, dict[Labels, float]] = {}
        for one in self.series:
            samples.setdefault(one.name, {})[one.labels] = one.value
        return Scrape(self.at, samples)


@dataclass(frozen=True)
class ChannelStanding:
    """What a channel was told.

    Attributes:
        name: Name of the channel.
        standing: What it was told.
    """

    name: str
    standing: Standing


@dataclass(frozen=True)
class Remembered:
    """All that one look leaves for the next.

    Attributes:
        holds: Conditions that held.
        channels: What each channel was told.
        scrapes: What was measured before, as far back as the rules look, by time.
    """

    holds: tuple[Alarm, ...] = ()
    channels: tuple[ChannelStanding, ...] = ()
    scrapes: tuple[Kept, ...] = field(default=())

    def standing(self, channel: str) -> Standing:
        """What a channel was told."""
        return next((one.standing for one in self.channels if one.name == channel), Standing())


def read_remembered(file: Path) -> tuple[Remembered, str | None]:
    """What the last look left, and what was wrong with that.

    A file that is damaged is set aside: to tell once more is better than to tell nobody.

    Returns:
        What is remembered, nothing where nothing was; and a problem, None where there is none.
    """
    place = _newer(file, _spare(file))
    try:
        text = place.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Remembered(), None
    except (OSError, UnicodeDecodeError) as error:
        return Remembered(), f"{place} cannot be read: {error}. Everybody is told once more of what rings."
    try:
        return from_json(Remembered, text, place, "It was set aside; everybody is told once more of what rings."), None
    except StoreError as error:
        with suppress(OSError):
            place.replace(place.with_suffix(".damaged"))
        return Remembered(), str(error)


def write_remembered(file: Path, remembered: Remembered) -> str | None:
    """Keep it for the next look; where the disk takes nothing, in the folder for temporary files.

    Returns:
        What is wrong, where it could be kept nowhere.
    """
    problem = ""
    for place in (file, _spare(file)):
        try:
            write_text_atomically(place, to_json(remembered) + "\n")
        except OSError as error:
            problem = f"{place}: {error.strerror}"
        else:
            return None
    return f"Who was told cannot be remembered, so that they are told again at each look: {problem}. Free the disk."


def _spare(file: Path) -> Path:
    """A place on another disk, as a rule, in a folder that nobody else can look into or has made."""
    folder = Path(tempfile.gettempdir()) / f"finq-alarms-{os.getuid()}"
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
            return folder / f"{sha256(str(file.resolve()).encode()).hexdigest()[:16]}.json"
    return file


def _newer(one: Path, other: Path) -> Path:
    def written(place: Path) -> float:
        try:
            return place.stat().st_mtime_ns
        except OSError:
            return -1

    return max(one, other, key=written)


def finite(alarms: Iterable[Alarm]) -> tuple[Alarm, ...]:
    """Alarms whose values JSON can say: one beyond all numbers is the largest of them."""
    largest = 1.7e308
    return tuple(Alarm(one.rule, one.labels, min(max(one.value, -largest), largest), one.since) for one in alarms)


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Let one process at a time look and tell, so that nobody is told twice.

    Raises:
        ConfigurationError: If another one does not come to its end.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file.with_suffix(".lock"), timeout=_LONGEST_WAIT_S)
    try:
        lock.acquire()
    except Timeout:
        raise ConfigurationError(
            f"Another look at the alarms holds {lock.lock_file} for more than {_LONGEST_WAIT_S:.0f} s. Look which "
            "process that is; looks need not be more frequent than once a minute."
        ) from None
    try:
        yield
    finally:
        lock.release()
