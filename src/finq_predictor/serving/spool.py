"""Where a worker puts what it has answered: a file of its own, appended to by one system call for each answer.

What :meth:`Spool.record` has returned True for lies with the operating system and survives ``kill -9`` of the worker.
A power cut may take the last moments, unless each line is forced to the disk (``fsync``), which takes milliseconds.

A worker holds the lock of its file for as long as it writes into it, so that whoever gets the lock knows that nothing
more will come. A full file is left and the next one begun. How the lines come into the store: ``keeper``.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
import time
from itertools import count
from pathlib import Path
from secrets import token_hex

logger = logging.getLogger(__name__)
FOLDER = "spool"
SUFFIX = ".jsonl"
PART = 8 * 2**20
"""Bytes after which a file is full."""


class Spool:
    """The spool of one process.

    Args:
        folder: Where the files of all workers lie; it is made if need be.
        limit: Bytes that the files of all workers together may have; beyond, nothing is recorded.
        part: Bytes after which the next file is begun.
        fsync: Whether each line is forced to the disk before it counts as recorded.
    """

    def __init__(self, folder: Path, limit: int, part: int = PART, *, fsync: bool = False) -> None:
        self.folder, self.refused = folder, 0
        self._limit, self._part, self._fsync = limit, part, fsync
        self._lock = threading.Lock()
        self._prefix = token_hex(8)
        self._numbers, self._files = count(1), count(1)
        self._path: Path | None = None
        self._trouble: str | None = None
        self._descriptor, self._size, self._left, self._closed = -1, 0, 0, False
        self.look()

    def new_id(self) -> bytes:
        """An id that no other prediction has, of any process."""
        return b"%b-%x" % (self._prefix.encode(), next(self._numbers))

    def record(self, lines: bytes) -> bool:
        """Keep whole lines, each with its line feed; any thread may do so.

        Returns:
            False when there is no room, or the disk refuses; nothing of the lines is kept then.
        """
        size = len(lines)
        with self._lock:
            if size > self._left or not self._written(lines, size):
                self.refused += 1
                return False
            self._size += size
            self._left -= size
            if self._size >= self._part:
                self._begin()
        return True

    def look(self) -> int:
        """Find out how much room there is, and begin a file where there is none; to be called every second or so.

        Returns:
            Bytes that lie in the files of all workers.
        """
        used = used_by(self.folder)
        with self._lock:
            if not self._closed and (self._descriptor < 0 or not self._is_there()):
                self._begin()
            self._left = self._limit - used
        return used

    @property
    def has_room(self) -> bool:
        """Whether the next line would be kept, as far as that is known."""
        return self._descriptor >= 0 and self._left > 0

    def close(self) -> None:
        """End; the keeper takes over what was written."""
        with self._lock:
            self._closed, self._left = True, 0
            self._leave()

    def _written(self, lines: bytes, size: int) -> bool:
        if self._descriptor < 0:
            return False
        try:
            done = os.write(self._descriptor, lines)
            if done == size:
                if self._fsync:
                    os.fdatasync(self._descriptor)
                return True
            problem = "the disk is full"
        except OSError as error:
            problem = str(error.strerror)
        logger.error("An answer could not be recorded in %s: %s.", self.folder.name, problem)
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            # What lies there now ends in half a line, and half a line is ignored at the end of a file only.
            self._begin()
        return False

    def _is_there(self) -> bool:
        """Whether the file that is written to still has its name: nobody reads one that was removed."""
        with contextlib.suppress(OSError):
            there, ours = os.stat(self._path or ""), os.fstat(self._descriptor)
            return (there.st_ino, there.st_dev) == (ours.st_ino, ours.st_dev)
        return False

    def _begin(self) -> None:
        """Leave the file and begin the next one; it gets its name when it is locked, lest the keeper take it away."""
        self._leave()
        name = f"{time.time_ns() // 1000:016d}-{self._prefix}-{next(self._files)}{SUFFIX}"
        path, hidden = self.folder / name, self.folder / f".{name}"
        descriptor = -1
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(hidden, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.rename(hidden, path)
        except OSError as error:
            if descriptor >= 0:
                os.close(descriptor)
            if self._trouble != error.strerror:
                # Once, not with each look.
                logger.error("No answer can be recorded below %s: %s.", self.folder, error.strerror)
            self._trouble = error.strerror
            return
        self._path, self._descriptor, self._size, self._trouble = path, descriptor, 0, None

    def _leave(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._path, self._descriptor = None, -1


def files_in(folder: Path) -> list[Path]:
    """The files of all workers, the oldest first."""
    return sorted(path for path in folder.glob(f"[0-9]*{SUFFIX}"))


def used_by(folder: Path) -> int:
    """Bytes that lie in the files of all workers."""
    used = 0
    for path in files_in(folder):
        with contextlib.suppress(FileNotFoundError):
            used += path.stat().st_size
    return used


def is_left(descriptor: int) -> bool:
    """Whether nobody writes any more into an open file; if so, it is ours until it is closed."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
