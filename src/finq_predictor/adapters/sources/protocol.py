"""What a source can do: deliver a table whole, or what it has of a window of time."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import pandas as pd

from finq_predictor.domain.ingestion.provenance import SourceKind

EVER = pd.Timestamp(0, tz="UTC")
"""Begin of what a source answers that cannot be asked about the past: what it has now is all that it has of it."""


class Source(Protocol):
    """What every source is."""

    @property
    def source_id(self) -> str:
        """Names the delivery's origin: equal for equal origin and options."""

    @property
    def simulated(self) -> bool:
        """Whether the data are invented."""


@runtime_checkable
class WholeSource(Source, Protocol):
    """A source that has one table and delivers all of it, as a file does: a row that is gone from it is gone."""

    def read(self) -> pd.DataFrame:
        """The table as delivered; no rows where the source has no such table."""


@dataclass(frozen=True)
class Part:
    """What a source had of a window, or of a part of it.

    Attributes:
        frame: Rows as delivered; may be none.
        keys: The keys that this answers: these were asked for and need not be asked for again.
        since: Begin of what it answers, where that is not the window's.
        until: End of what it answers, where that is not the window's: what a source may still complete, or delivers in
            the next part, lies beyond it and is asked for again.
        source: Who answered, where that is not the source as a whole, such as one of several providers.
        identity: Columns that tell one row from another, where the source does not say it for all its parts.
    """

    frame: pd.DataFrame
    keys: tuple[str, ...]
    since: pd.Timestamp | None = None
    until: pd.Timestamp | None = None
    source: str = ""
    identity: tuple[str, ...] = ()


@runtime_checkable
class WindowSource(Source, Protocol):
    """A source that is asked for a window of time, instrument by instrument, and delivers what it has of it.

    Attributes:
        keys: What it delivers by itself: instruments, series, feeds.
        identity: Columns of what it delivers that tell one row from another.
    """

    @property
    def keys(self) -> Sequence[str]: ...  # noqa: D102 - see the attributes

    @property
    def identity(self) -> tuple[str, ...]: ...  # noqa: D102 - see the attributes

    def fetch(
        self, keys: Sequence[str], since: pd.Timestamp, until: pd.Timestamp, as_of: pd.Timestamp
    ) -> Iterator[Part]:
        """Ask for a window.

        Each part is kept as soon as it is there: what comes after it may fail.

        Args:
            keys: Some of :attr:`keys`.
            since: Begin of the window, UTC.
            until: Its end, which lies outside it; never after ``as_of``.
            as_of: The moment of the run, UTC. What is not complete by then is left out.

        Yields:
            What there is, in parts of any size that fits into memory.

        Raises:
            SourceError: If it cannot be had; what was yielded before stays.
        """


@runtime_checkable
class GrowingSource(Source, Protocol):
    """A source of parts that are delivered once each, as the files of a folder; what it has said it takes not back."""

    def parts(self, answered: Container[str]) -> Iterator[Part]:
        """Deliver what was not delivered before, part by part.

        Args:
            answered: Keys of parts that were.

        Yields:
            Parts that say by what their rows are known again, and whose keys say which they are; one of them may be
            shared by a part and its later versions.

        Raises:
            SourceError: If some of it cannot be had; what was yielded before stays.
        """


def lineage(source: Source, identity: str = "") -> str:
    """The value of ``_source``: kind of source and its identity, ``kind:id``.

    Args:
        source: The source.
        identity: Who answered, in place of the source's own identity.
    """
    kind = SourceKind.SIMULATED if source.simulated else SourceKind.OWN
    return f"{kind}:{identity or source.source_id}"
