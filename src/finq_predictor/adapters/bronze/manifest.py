"""What came when: one line for each delivery, in the order of receipt."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import pandas as pd

from finq_predictor.adapters.atomic_file import write_text_atomically
from finq_predictor.adapters.bronze.asked import Asked
from finq_predictor.domain.errors import StoreError

MANIFEST = "manifest.jsonl"


@dataclass(frozen=True)
class Entry:
    """One delivery.

    Attributes:
        hash: Hash of its content.
        source: Kind and identity of the source, as in the rows.
        received_at: When it came first, ISO 8601 in UTC.
        rows: Number of rows.
        file: The file that holds it, alone or with others.
        checksum: SHA-256 of that file.
        offset: Its first row in the file.
        keys: The instruments, series or feeds that were asked for; none where a whole table was delivered.
        since: Begin of the window that was asked for, ISO 8601 in UTC; empty where a whole table was delivered.
        until: End of that window, which lies outside it.
        again_at: When the same content came again after something else.
    """

    hash: str
    source: str
    received_at: str
    rows: int
    file: str
    checksum: str
    offset: int = 0
    keys: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    again_at: str = ""

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read one line; what a later version has added is left out."""
        given: dict[str, Any] = json.loads(line)
        given["keys"] = tuple(given.get("keys", ()))
        return cls(**{name: given[name] for name in (one.name for one in fields(cls)) if name in given})

    def line(self) -> str:
        """As it stands in the manifest, without what says nothing."""
        return json.dumps({name: value for name, value in asdict(self).items() if name in _SAID or value})

    @property
    def noted_at(self) -> pd.Timestamp:
        """When this line was written: the receipt, or when the content came again."""
        return pd.Timestamp(self.again_at or self.received_at).as_unit("us")

    def may_hold(self, asked: Asked) -> bool:
        """Whether it may hold rows of what was asked; what was delivered whole may hold any."""
        if not self.until:
            return True
        apart = pd.Timestamp(self.until) <= asked.since or asked.until <= pd.Timestamp(self.since)
        return not apart and not set(self.keys).isdisjoint(asked.keys)

    def moved(self, file: str, checksum: str, offset: int) -> Entry:
        """The same delivery in another file."""
        return replace(self, file=file, checksum=checksum, offset=offset)


_SAID = ("hash", "source", "received_at", "rows", "file", "checksum")


def read_manifest(folder: Path) -> list[Entry]:
    """Every line, oldest first; none before the first delivery.

    Raises:
        StoreError: If the manifest is damaged.
    """
    manifest = folder / MANIFEST
    if not manifest.exists():
        return []
    try:
        return [Entry.parse(line) for line in manifest.read_text(encoding="utf-8").splitlines() if line]
    except (json.JSONDecodeError, TypeError, AttributeError) as error:
        raise StoreError(f"The manifest {manifest} is damaged ({error}). Restore it from a backup.") from error


def write_manifest(folder: Path, entries: Iterable[Entry]) -> None:
    """Replace the manifest in one step."""
    write_text_atomically(folder / MANIFEST, "".join(entry.line() + "\n" for entry in entries))
