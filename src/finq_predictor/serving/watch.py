"""A value read from files, read again when the files change, and kept when the new ones cannot be read."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, TypeVar

from finq_predictor.domain.errors import FinqError

logger = logging.getLogger(__name__)
V = TypeVar("V")


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


class Watched(Generic[V]):
    """A value that follows its files.

    One thread calls :meth:`refresh`; any number of threads read ``value``, which is replaced in one step.

    Args:
        name: What the value is, for the log.
        paths: Files and folders the value is read from.
        load: Reads the value; raises when the files are absent, damaged or do not fit this code.

    Attributes:
        value: The last value that could be read; None until there is one.
        problem: Why the files as they are now could not be read; None when they could.
    """

    def __init__(self, name: str, paths: Iterable[Path], load: Callable[[], V]) -> None:
        self.name = name
        self.value: V | None = None
        self.problem: str | None = None
        self._paths = tuple(paths)
        self._load = load
        self._seen: str | None = None

    def refresh(self) -> bool:
        """Read the value again if its files changed; say whether a new value took its place.

        Never raises for what it finds: a failure is remembered in ``problem`` and the old value stays. Files that
        changed while they were read are read again at the next call.
        """
        before = fingerprint(self._paths)
        if before == self._seen:
            return False
        try:
            value = self._load()
        except Exception as error:
            self._failed(error)
        else:
            if fingerprint(self._paths) != before:
                return False
            self.value, self.problem = value, None
        self._seen = before
        return self.problem is None

    def _failed(self, error: Exception) -> None:
        expected = isinstance(error, FinqError | OSError)
        self.problem = str(error) if expected else f"{type(error).__name__}: {error}"
        kept = "the former one stays" if self.value is not None else "nothing is served"
        logger.error("%s cannot be read, %s: %s", self.name, kept, self.problem, exc_info=not expected)
