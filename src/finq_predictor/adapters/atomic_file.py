"""Write a file so that a reader, or a killed run, meets either the old content or the new one, never a part."""

from __future__ import annotations

import os
import platform
import re
import stat
from collections.abc import Callable
from pathlib import Path

from finq_predictor.adapters.living import is_alive

_HOST = re.sub(r"[^A-Za-z0-9]", "", platform.node()) or "host"
_TEMPORARY = re.compile(r"\..+\.([A-Za-z0-9]+-\d+)\.tmp(\.[^.]*)?")


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` make a file under a temporary name beside ``path``, then put it in place in one step.

    The temporary name keeps the suffix, because many writers choose their format by it, and begins with a dot.
    What killed processes of this machine left behind in the folder is removed. Where the path is a link, the file that
    it points to is replaced; who may read and write a file stays as it was.

    Args:
        path: Where the content shall be; the folder is made if need be.
        write: Writes the whole content to the path it is given.
    """
    if path.is_symlink():
        path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    temporary = path.with_name(f".{path.name}.{own_name()}.tmp{path.suffix}")
    try:
        write(temporary)
        if path.exists():
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
        flush(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    flush(path.parent)


def write_text_atomically(path: Path, text: str) -> None:
    """Like :func:`write_atomically`, for a text."""

    def write(temporary: Path) -> None:
        temporary.write_text(text, encoding="utf-8")

    write_atomically(path, write)


def flush(path: Path) -> None:
    """Ask the system to put a file, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def own_name() -> str:
    """This machine and process, as they are part of names of files."""
    return f"{_HOST}-{os.getpid()}"


def is_of_the_dead(name: str) -> bool:
    """Whether an :func:`own_name` is that of a process of this machine that is dead; others are not ours to judge."""
    host, _, process = name.rpartition("-")
    return host == _HOST and process.isdigit() and not is_alive(int(process))


def _sweep(folder: Path) -> None:
    """Remove temporary files of dead processes, of whatever file: one named by its content may never come again."""
    for left in folder.glob(".*"):
        match = _TEMPORARY.fullmatch(left.name)
        if match and is_of_the_dead(match.group(1)):
            left.unlink(missing_ok=True)
