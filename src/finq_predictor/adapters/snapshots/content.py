"""Files that are named by what they hold: written whole, flushed, never changed."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from finq_predictor.adapters.atomic_file import flush, is_of_the_dead, own_name

NAMED = 20
_NAME = re.compile(rf"[0-9a-f]{{{NAMED}}}(\.[a-z]+)?")
_WRITING = ".writing-"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Kept:
    """One file as others can ask for it: its SHA-256 and its size in bytes."""

    content: str
    size: int


def keep(folder: Path, suffix: str, write: Callable[[Path], None]) -> tuple[Path, str]:
    """Let ``write`` make a file or a folder, and keep it under the hash of its content.

    What killed processes of this machine left half written in the folder is removed.

    Args:
        folder: Where it is kept, beside its other versions; made if need be.
        suffix: Ending of its name, such as ``.parquet``; empty for a folder.
        write: Writes the whole content to the path it is given.

    Returns:
        Where it lies and its hash; a version that was there already stays as it is, unless it was damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    work = Path(tempfile.mkdtemp(prefix=f"{_WRITING}{own_name()}-", dir=folder))
    try:
        fresh = work / f"content{suffix}"
        write(fresh)
        for path in _inside(fresh):
            flush(path)
        content = hash_of(fresh)
        place = folder / f"{content[:NAMED]}{suffix}"
        if _is_whole(place, content):
            # Whoever clears away what nobody needs must see that somebody needs it again.
            os.utime(place)
        else:
            _remove(place)
            fresh.rename(place)
            flush(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return place, content


def hash_of(path: Path) -> str:
    """SHA-256 of a file; of a folder, of the names and hashes of the files in it.

    Raises:
        OSError: If it cannot be read.
    """
    if not path.is_dir():
        return _hash_file(path)
    sums = {file.relative_to(path).as_posix(): _hash_file(file) for file in sorted(path.rglob("*")) if file.is_file()}
    return sha256(json.dumps(sums).encode()).hexdigest()


def versions_in(folder: Path) -> Iterator[Path]:
    """Everything below a folder that :func:`keep` has named, however deep, but not what lies in a kept folder."""
    for place, folders, files in os.walk(folder):
        yield from (Path(place, name) for name in (*folders, *files) if _NAME.fullmatch(name))
        folders[:] = [name for name in folders if not _NAME.fullmatch(name)]


def others_in(folder: Path) -> Iterator[Path]:
    """Every other file below a folder that is not hidden; what comes and goes meanwhile does not disturb."""
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not (name.startswith(".") or _NAME.fullmatch(name))]
        yield from (Path(place, name) for name in files if not (name.startswith(".") or _NAME.fullmatch(name)))


def _sweep(folder: Path) -> None:
    """Remove what killed processes of this machine were writing."""
    for left in folder.glob(f"{_WRITING}*"):
        if is_of_the_dead(left.name.removeprefix(_WRITING).rpartition("-")[0]):
            shutil.rmtree(left, ignore_errors=True)


def _is_whole(place: Path, content: str) -> bool:
    return place.exists() and hash_of(place) == content


def _hash_file(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _inside(path: Path) -> Iterator[Path]:
    """A file, or everything in a folder, the folder last."""
    if path.is_dir():
        yield from sorted(path.rglob("*"), reverse=True)
    yield path


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
