"""The ledger of trials in one file that only ever grows."""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from kedro.io import AbstractDataset

from finq_predictor.adapters.atomic_file import flush
from finq_predictor.adapters.typed_json import from_json, plain
from finq_predictor.domain.errors import DataError, StoreError
from finq_predictor.domain.evaluation.data_sketch import DataSketch
from finq_predictor.domain.evaluation.trial_ledger import LedgerEntry, TrialLedger

_ADVICE = (
    "The ledger is only added to: restore the file and the .lock beside it from a backup, or the trials it counted are "
    "lost."
)

logger = logging.getLogger(__name__)


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
        self._lock = self._path.with_name(f"{self._path.name}.lock")
        self.metadata = metadata

    def load(self) -> TrialLedger:
        """Read the ledger; it is empty where there is no file.

        A last line that a killed process left torn is not read; the next save removes it.

        Raises:
            StoreError: If a line was edited, removed or moved; names the file, the line and what to do.
        """
        # Who only reads makes no files.
        if not self._lock.exists():
            return self._read("").ledger
        with self._locked(fcntl.LOCK_SH) as lock:
            return self._read(_head(lock)).ledger

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
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked(fcntl.LOCK_EX) as lock:
            stored = self._read(_head(lock))
            ledger, _ = stored.ledger.add(data.entries)
            added = ledger.entries[len(stored.ledger.entries) :]
            if added:
                # All lines are made before the first is written: an entry that cannot be said leaves no half of a run.
                lines = list(_lines(added, {entry.data.identity for entry in stored.ledger.entries}))
                self._append(stored, lines)
                # Only now: a process killed before leaves the hash of an earlier line, which is in the chain as well.
                os.pwrite(lock, ledger.head.encode(), 0)
                os.fsync(lock)

    def _append(self, stored: _Stored, lines: list[str]) -> None:
        new = not self._path.exists()
        with self._path.open("ab") as file:
            if stored.torn:
                logger.warning(
                    "The last line of %s was torn by a process that was killed while it wrote; its %d bytes are "
                    "removed. Run again what was killed.",
                    self._path,
                    stored.torn,
                )
                file.truncate(stored.whole)
            if stored.unended:
                _write(file, "\n")
            for line in lines:
                _write(file, line)
        if new:
            flush(self._path.parent)

    def _read(self, head: str) -> _Stored:
        """Read what is on the disk and check it against the hash of a line that was the last one once."""
        content = self._path.read_bytes() if self._path.exists() else b""
        whole, _, rest = content.rpartition(b"\n")
        lines = whole.split(b"\n") if whole else []
        reader = _Reader(self._path)
        entries = [reader.read(line, number) for number, line in enumerate(lines, start=1)]
        unended = False
        if rest:
            # Only the end of the line may be missing, as where an editor removed it: then nothing of it is lost.
            try:
                entries.append(reader.read(rest, len(lines) + 1))
                unended = True
            except DataError:
                pass
        ledger = TrialLedger(tuple(entries))
        try:
            ledger.verify(head)
        except StoreError as error:
            raise StoreError(f"{self._path}: {error} {_ADVICE}") from error
        return _Stored(ledger, len(content) - len(rest), 0 if unended else len(rest), unended)

    @contextmanager
    def _locked(self, how: int) -> Iterator[int]:
        """Hold the lock file, which is never replaced: whoever waits for it waits for the same file."""
        writes = how == fcntl.LOCK_EX
        lock = os.open(self._lock, os.O_RDWR | os.O_CREAT if writes else os.O_RDONLY, 0o666)
        try:
            fcntl.flock(lock, how)
            yield lock
        finally:
            os.close(lock)

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._path.as_posix()}


@dataclass(frozen=True)
class _Stored:
    """What is on the disk: the ledger, bytes of whole lines and of a torn one, whether the last only lacks its end."""

    ledger: TrialLedger
    whole: int
    torn: int
    unended: bool


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
        yield json.dumps(said, allow_nan=False, separators=(",", ":")) + "\n"


def _write(file: BinaryIO, text: str) -> None:
    """Write and see it on the disk before the next one, so that a killed process tears one line at most."""
    file.write(text.encode())
    file.flush()
    os.fsync(file.fileno())


def _head(lock: int) -> str:
    return os.pread(lock, 64, 0).decode("ascii", "replace")
