"""One scheduler at a time below one folder; who comes second is told who has it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from finq_predictor.adapters.atomic_file import write_text_atomically
from finq_predictor.domain.errors import StoreError


@contextmanager
def only_scheduler(folder: Path) -> Iterator[None]:
    """Be the scheduler below a folder; the system lets another one in when this process is gone, however it went.

    Raises:
        StoreError: If there is one; names its process and machine.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock, note = FileLock(folder / "scheduler.lock"), folder / "scheduler.json"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise StoreError(
            f"A scheduler works below {folder} already: {_holder(note)}. Stop it first, or give this one another "
            "--root; `finq schedule --list` and `finq schedule --once JOB` work beside it."
        ) from None
    try:
        holder = {
            "process": os.getpid(),
            "machine": platform.node(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        write_text_atomically(note, json.dumps(holder))
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def _holder(note: Path) -> str:
    try:
        holder = json.loads(note.read_bytes())
        return f"process {holder['process']} on {holder['machine']} since {holder['since']}"
    except (OSError, ValueError, KeyError):
        return "another process"
