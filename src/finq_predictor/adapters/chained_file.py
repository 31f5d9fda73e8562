"""A file of lines that only ever grows, each line bound to the one before it by its hash, for several writers at once.

Beside the file lies a lock file that is never replaced. It holds the hash of the last line, written after that line is
on the disk: a process that is killed leaves the hash of an earlier line, which is in the chain as well, and one torn
line at most. So a line that was cut off later is missed, and one that was never finished is told apart from it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from finq_predictor.adapters.atomic_file import flush

SUFFIX = ".lock"
_HASH = 64

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Content:
    """What is on the disk.

    Attributes:
        lines: The whole lines, without their ends.
        rest: What follows the last end of a line: nothing, a torn line, or one that only lacks its end.
        head: Hash of a line that was the last one once; empty where none is known.
    """

    lines: tuple[bytes, ...]
    rest: bytes
    head: str

    @property
    def size(self) -> int:
        """Bytes of the whole lines with their ends."""
        return sum(len(line) + 1 for line in self.lines)


class ChainedFile:
    """The file and its lock.

    Args:
        path: The file. It may be absent: nothing was written yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = lock_of(path)

    def read(self) -> Content:
        """Read it while nobody writes; who only reads makes no files."""
        if not self.lock.exists():
            return self._content("")
        with self._locked(fcntl.LOCK_SH) as lock:
            return self._content(_head(lock))

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Be the only one who writes, and see what others have written."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked(fcntl.LOCK_EX) as lock:
            yield Writing(self.path, lock, self._content(_head(lock)))

    def _content(self, head: str) -> Content:
        content = self.path.read_bytes() if self.path.exists() else b""
        whole, _, rest = content.rpartition(b"\n")
        return Content(tuple(whole.split(b"\n")) if whole or content.startswith(b"\n") else (), rest, head)

    @contextmanager
    def _locked(self, how: int) -> Iterator[int]:
        """Hold the lock file, which is never replaced: whoever waits for it waits for the same file."""
        writes = how == fcntl.LOCK_EX
        lock = os.open(self.lock, os.O_RDWR | os.O_CREAT if writes else os.O_RDONLY, 0o666)
        try:
            fcntl.flock(lock, how)
            yield lock
        finally:
            os.close(lock)


@dataclass(frozen=True)
class Writing:
    """The file while nobody else writes to it.

    Attributes:
        path: The file.
        lock: Descriptor of the lock file.
        content: What is on the disk.
    """

    path: Path
    lock: int
    content: Content

    def append(self, lines: Sequence[str], head: str, *, torn: bool) -> None:
        """Add lines, then note the hash of the last one.

        Args:
            lines: Without their ends.
            head: Hash of the last of them.
            torn: Whether what follows the last whole line was torn by a killed process, and is removed; else it only
                lacks its end and gets it.
        """
        new = not self.path.exists()
        rest = self.content.rest
        with self.path.open("ab") as file:
            if rest and torn:
                logger.warning(
                    "The last line of %s was torn by a process that was killed while it wrote; its %d bytes are "
                    "removed. Run again what was killed.",
                    self.path,
                    len(rest),
                )
                file.truncate(self.content.size)
            elif rest:
                _write(file, "\n")
            for line in lines:
                _write(file, f"{line}\n")
        if new:
            flush(self.path.parent)
        # Only now: a process killed before leaves the hash of an earlier line, which is in the chain as well.
        self.note(head)

    def note(self, head: str) -> None:
        """Note the hash of the last line."""
        os.pwrite(self.lock, head.encode(), 0)
        os.fsync(self.lock)


def lock_of(path: Path) -> Path:
    """The lock file beside a file of lines."""
    return path.with_name(f"{path.name}{SUFFIX}")


def copy_chained(source: Path, target: Path) -> None:
    """Copy the file and the hash of its last line, which belong together, while nobody writes."""
    lock = lock_of(source)
    if not lock.exists():
        shutil.copy2(source, target)
        return
    descriptor = os.open(lock, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        shutil.copy2(lock, lock_of(target))
        shutil.copy2(source, target)
    finally:
        os.close(descriptor)


def _write(file: BinaryIO, text: str) -> None:
    """Write and see it on the disk before the next one, so that a killed process tears one line at most."""
    file.write(text.encode())
    file.flush()
    os.fsync(file.fileno())


def _head(lock: int) -> str:
    return os.pread(lock, _HASH, 0).decode("ascii", "replace")
