"""The ledger of trials in one file that only ever grows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from finq_predictor.adapters.chained_file import ChainedFile, Content
from finq_predictor.adapters.typed_json import from_json, plain
from finq_predictor.domain.errors import DataError, StoreError
from finq_predictor.domain.evaluation.data_sketch import DataSketch
from finq_predictor.domain.evaluation.trial_ledger import LedgerEntry, TrialLedger

_ADVICE = (
    "The ledger is only added to: restore the file and the .lock beside it from a backup, or the trials it counted are "
    "lost."
)


class TrialLedgerDataset(AbstractDataset[TrialLedger, TrialLedger]):
    """A file of JSON lines, one an entry, that several processes may add to at the same time.

    Saving adds what the file does not tell yet and rewrites nothing. A line holds the hash of the one before it, and
    the lock file beside it that of the last one, so that an edited or removed line is an error of the next load. The
    sketch of an entry's rows is written out where it comes first and named by its hash after that, because one run logs
    many trials on the same rows.

    Args:
        filepath: The file. It may be absent: nothing was tried yet.
        metadata: For other tools, such as kedro-viz.
    """

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self._file = ChainedFile(self._path)
        self._lock = self._file.lock
        self.metadata = metadata

    def load(self) -> TrialLedger:
        """Read the ledger; it is empty where there is no file.

        A last line that a killed process left torn is not read; the next save removes it.

        Raises:
            StoreError: If a line was edited, removed or moved; names the file, the line and what to do.
        """
        return self._read(self._file.read()).ledger

    def save(self, data: TrialLedger) -> None:
        """Add the entries that the file does not tell yet, after those that others added meanwhile.

        Raises:
            StoreError: If it is no ledger, or what is on the disk was edited.
        """
        if not isinstance(data, TrialLedger):
            raise StoreError(
                f"{self._path} keeps a TrialLedger, not {type(data).__name__}; let the node return one, or correct the "
                "catalog."
            )
        with self._file.writing() as writing:
            stored = self._read(writing.content)
            ledger, _ = stored.ledger.add(data.entries)
            added = ledger.entries[len(stored.ledger.entries) :]
            if added:
                # All lines are made before the first is written: an entry that cannot be said leaves no half of a run.
                lines = list(_lines(added, {entry.data.identity for entry in stored.ledger.entries}))
                writing.append(lines, ledger.head, torn=stored.torn)

    def _read(self, content: Content) -> _Stored:
        """Read what is on the disk and check it against the hash of a line that was the last one once."""
        reader = _Reader(self._path)
        entries = [reader.read(line, number) for number, line in enumerate(content.lines, start=1)]
        torn = bool(content.rest)
        if content.rest:
            # Only the end of the line may be missing, as where an editor removed it: then nothing of it is lost.
            try:
                entries.append(reader.read(content.rest, len(content.lines) + 1))
                torn = False
            except DataError:
                pass
        ledger = TrialLedger(tuple(entries))
        try:
            ledger.verify(content.head)
        except StoreError as error:
            raise StoreError(f"{self._path}: {error} {_ADVICE}") from error
        return _Stored(ledger, torn)

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._path.as_posix()}


@dataclass(frozen=True)
class _Stored:
    """What is on the disk: the ledger, and whether something torn follows it."""

    ledger: TrialLedger
    torn: bool


class _Reader:
    """Makes entries of lines, in their order, and remembers the rows that were written out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sketches: dict[str, DataSketch] = {}

    def read(self, line: bytes, number: int) -> LedgerEntry:
        place = f"Line {number} of {self._path}"
        try:
            said = json.loads(line)
        except ValueError as error:
            raise StoreError(f"{place} is no JSON: {error}. {_ADVICE}") from error
        if isinstance(said, dict) and isinstance(name := said.get("data"), str):
            if name not in self._sketches:
                raise StoreError(
                    f"{place} names rows that no line before it holds: {name!r}; it was edited or moved, or the "
                    f"line that held them was. {_ADVICE}"
                )
            said["data"] = plain(self._sketches[name])
        try:
            entry = from_json(LedgerEntry, json.dumps(said), place, _ADVICE)
        except StoreError:
            raise
        except DataError as error:
            raise StoreError(f"{place} holds what no entry holds: {error} {_ADVICE}") from error
        # All entries on the same rows share one sketch, however many there are.
        return replace(entry, data=self._sketches.setdefault(entry.data.identity, entry.data))


def _lines(entries: tuple[LedgerEntry, ...], known: set[str]) -> Iterator[str]:
    for entry in entries:
        said = plain(entry)
        if entry.data.identity in known:
            said["data"] = entry.data.identity
        known.add(entry.data.identity)
        yield json.dumps(said, allow_nan=False, separators=(",", ":"))
