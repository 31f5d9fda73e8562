"""What runs have stored and not yet published, written down so that nobody clears it away."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from finq_predictor.adapters.atomic_file import is_of_the_dead, own_name, write_text_atomically


def note_work(folder: Path, files: Iterable[str]) -> None:
    """Write down which files this process needs.

    Args:
        folder: Folder of the market's snapshots.
        files: Below the root of the data.
    """
    text = json.dumps(sorted(files))
    write_text_atomically(_note(folder), text)


def forget_work(folder: Path) -> None:
    """This process needs nothing any more."""
    _note(folder).unlink(missing_ok=True)


@contextmanager
def where_it_may() -> Iterator[None]:
    """Leave out what would be written below data that may only be read, as in a container.

    Whoever publishes there may then clear away an old file that is being read, an hour after it was stored; who reads
    it is told that it is gone, and reads the newest.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise


def files_at_work(folder: Path) -> set[str]:
    """The files that processes which may be alive need; notes of this machine's dead ones are removed."""
    found: set[str] = set()
    for note in folder.glob("work-*.json"):
        if is_of_the_dead(note.stem.removeprefix("work-")):
            note.unlink(missing_ok=True)
            continue
        try:
            found |= set(json.loads(note.read_bytes()))
        except (OSError, ValueError):
            continue
    return found


def _note(folder: Path) -> Path:
    return folder / f"work-{own_name()}.json"
