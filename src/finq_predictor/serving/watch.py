"""A value read from files, read again when the files change, and kept when the new ones cannot be read."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, TypeVar

from finq_predictor.domain.errors import FinqError

logger = logging.getLogger(__name__)
V = TypeVar("V")
_FIRST_RETRY_S = 0.5
LAST_RETRY_S = 30.0
# Reading a new champion takes its time, and is no trouble.
_SHORTEST_TROUBLE_S = 5.0


def fingerprint(paths: Iterable[Path]) -> str:
    """A hash of the names, sizes, inodes and modification times of files and of all files in folders."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            try:
                stat = file.stat()
            except FileNotFoundError:
                continue
            digest.update(f"{file}|{stat.st_size}|{stat.st_ino}|{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


_NOTHING = fingerprint(())


def back_off(failures: int, longest: float) -> float:
    """Seconds to wait after so many failures in a row: twice as long each time, up to the longest."""
    return min(_FIRST_RETRY_S * 2.0 ** min(failures - 1, 30), longest)


def _in_words(error: BaseException) -> str:
    said = " ".join(str(error).split())
    return said if said and isinstance(error, FinqError | OSError) else f"{type(error).__name__}: {said}"


class Watched(Generic[V]):
    """A value that follows its files.

    One thread calls :meth:`refresh`; any number of threads read ``value``, which is replaced in one step.

    Args:
        name: What the value is, for the log.
        paths: Files and folders the value is read from.
        load: Reads the value; raises when the files are absent, damaged or do not fit this code.
        longest_retry: Longest pause in seconds before files that could not be read are tried again.
        clock: Tells seconds that only grow.

    Attributes:
        value: The last value that could be read; None until there is one.
        problem: Why the files as they are now could not be read; None when they could.
        absent: Whether there was none of the files at the last look.
    """

    def __init__(
        self,
        name: str,
        paths: Iterable[Path],
        load: Callable[[], V],
        longest_retry: float = LAST_RETRY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.value: V | None = None
        self.problem: str | None = None
        self.absent = False
        self._paths = tuple(paths)
        self._load = load
        self._longest_retry = longest_retry
        self._clock = clock
        self._seen: str | None = None
        self._failures = 0
        self._again = 0.0

    def refresh(self) -> bool:
        """Read the value again if its files changed, or could not be read; say whether a new value took its place.

        Never raises for what it finds: a failure is remembered in ``problem`` and the old value stays. Files that
        changed while they were read are read again at the next call. What could not be read is tried again after a
        pause even if no file changes, because the reason may lie elsewhere: in the disk, in memory, in a limit.
        """
        before: str | None = None
        try:
            before = fingerprint(self._paths)
            self.absent = before == _NOTHING
            if before == self._seen and (self.problem is None or self._clock() < self._again):
                return False
            value = self._load()
            if fingerprint(self._paths) != before:
                return False
        except Exception as error:
            self._failed(error, before)
            return False
        if self.problem is not None:
            logger.info("%s can be read", self.name)
        self.value, self.problem, self._failures, self._seen = value, None, 0, before
        return True

    def forget(self) -> None:
        """Read the value again at the next look, whether or not its files changed."""
        self._seen = None

    def _failed(self, error: Exception, before: str | None) -> None:
        former, self.problem, self._seen = self.problem, _in_words(error), before
        self._failures += 1
        self._again = self._clock() + back_off(self._failures, self._longest_retry)
        if self.problem != former:
            kept = "the former one stays" if self.value is not None else "nothing is served"
            expected = isinstance(error, FinqError | OSError)
            logger.error("%s cannot be read, %s: %s", self.name, kept, self.problem, exc_info=not expected)


class Watcher:
    """Looks for changes again and again in a daemon thread, whatever a look meets.

    Args:
        look: Looks once.
        pause: Seconds between two looks.
        polls: After so many pauses, and 5 seconds, without a look that came to its end, the watcher is in trouble.
        longest_retry: Longest pause in seconds after looks that failed.
    """

    def __init__(
        self, look: Callable[[], None], pause: float, polls: int = 10, longest_retry: float = LAST_RETRY_S
    ) -> None:
        self._look = look
        self._pause = pause
        self._polls = polls
        self._longest_retry = longest_retry
        self._stop = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._completed = time.monotonic()
        self._problem: str | None = None

    def start(self) -> None:
        """Start to look, or start again if the thread ended; returns at once and never raises."""
        with self._starting:
            if self._stop.is_set() or (self._thread is not None and self._thread.is_alive()):
                return
            if self._thread is None:
                self._completed = time.monotonic()
            else:
                logger.error("The thread that looks for new files ended; it is started again.")
            thread = threading.Thread(target=self._follow, name="finq-store", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                self._note(error)
            else:
                self._thread = thread

    def stop(self) -> None:
        """Stop to look."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5.0)

    @property
    def age(self) -> float:
        """Seconds since a look came to its end, or since the start where none did."""
        return time.monotonic() - self._completed

    @property
    def trouble(self) -> str | None:
        """Why new files are not seen; None while they are."""
        age = self.age
        if age <= max(self._polls * self._pause, _SHORTEST_TROUBLE_S):
            return None
        cause = f"the last one failed: {self._problem}" if self._problem else "one has not come to its end"
        return f"No look for new files was completed for {age:.0f} s; {cause}. What was read before is served."

    def _follow(self) -> None:
        failures = 0
        while True:
            try:
                self._look()
            except Exception as error:
                failures += 1
                self._note(error)
            else:
                failures, self._problem, self._completed = 0, None, time.monotonic()
            pause = max(self._pause, back_off(failures, self._longest_retry)) if failures else self._pause
            if self._stop.wait(pause):
                return

    def _note(self, error: BaseException) -> None:
        former, self._problem = self._problem, _in_words(error)
        if self._problem != former:
            logger.error("Looking for new files failed, it is tried again: %s", self._problem, exc_info=error)
