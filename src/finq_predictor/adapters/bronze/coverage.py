"""Which windows of time were already asked of a source, instrument by instrument."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from finq_predictor.adapters.atomic_file import write_text_atomically
from finq_predictor.domain.errors import StoreError

COVERAGE = "coverage.json"

Window = tuple[pd.Timestamp, pd.Timestamp]
"""From a moment on, up to a moment that lies outside; UTC."""


class Coverage:
    """Windows by key; a key is whatever a source delivers by itself: an instrument, a series, a feed.

    It says what was asked and answered, not what the answer held: a holiday has no bars, and is not asked about again.
    It can only grow. Losing it costs requests and loses nothing, because rows that are held are not stored twice.

    Args:
        windows: Disjoint windows by key, in order.
    """

    def __init__(self, windows: Mapping[str, Iterable[Window]] | None = None) -> None:
        self._windows = {key: _joined(given) for key, given in (windows or {}).items()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Coverage) and self._windows == other._windows

    def __hash__(self) -> int:
        return hash(tuple(sorted(self._windows)))

    def of(self, key: str) -> list[Window]:
        """Windows of a key, in order; none where it was never asked for."""
        return list(self._windows.get(key, []))

    def keys(self) -> frozenset[str]:
        """Whatever was asked for."""
        return frozenset(self._windows)

    def with_window(self, keys: Iterable[str], since: pd.Timestamp, until: pd.Timestamp) -> Coverage:
        """The same, and a window that was answered for some keys."""
        added = {key: [*self.of(key), (since, until)] for key in keys} if since < until else {}
        return Coverage({**self._windows, **added})

    def joined(self, other: Coverage) -> Coverage:
        """What either covers."""
        keys = dict.fromkeys((*self._windows, *other._windows))
        return Coverage({key: [*self.of(key), *other.of(key)] for key in keys})

    def missing(self, key: str, since: pd.Timestamp, until: pd.Timestamp) -> list[Window]:
        """Parts of a window that were never asked for, in order."""
        gaps, start = [], since
        for begin, end in self.of(key):
            if begin >= until:
                break
            if begin > start:
                gaps.append((start, begin))
            start = max(start, end)
        return [*gaps, (start, until)] if start < until else gaps

    @classmethod
    def read(cls, folder: Path) -> Coverage:
        """What is noted in a folder of deliveries; nothing where there is no note.

        Raises:
            StoreError: If the note is damaged.
        """
        file = folder / COVERAGE
        if not file.exists():
            return cls()
        try:
            noted = json.loads(file.read_text(encoding="utf-8"))
            return cls(
                {key: [(pd.Timestamp(a), pd.Timestamp(b)) for a, b in windows] for key, windows in noted.items()}
            )
        except (AttributeError, TypeError, ValueError) as error:
            raise StoreError(
                f"The note {file} of what was asked already is damaged ({error}). Remove it: everything is asked "
                "again, and nothing is stored twice."
            ) from error

    def write(self, folder: Path) -> None:
        """Note it in a folder of deliveries, in one step."""
        noted = {key: [[a.isoformat(), b.isoformat()] for a, b in windows] for key, windows in self._windows.items()}
        write_text_atomically(folder / COVERAGE, json.dumps(noted, sort_keys=True))


def _joined(windows: Iterable[Window]) -> list[Window]:
    joined: list[Window] = []
    for begin, end in sorted(windows):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined
