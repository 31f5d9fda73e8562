"""One scheduler at a time below one folder; who comes second is told who has it, and who asks whether it is well."""

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
from finq_predictor.adapters.living import is_alive
from finq_predictor.adapters.scheduling.figures import FILE
from finq_predictor.domain.alarms.rules.scheduler_down import RULE as DOWN
from finq_predictor.domain.errors import DataError, StoreError
from finq_predictor.domain.metrics.jobs import HEARTBEAT

_NOTE = "scheduler.json"
_START = "Start it with: finq schedule"


@contextmanager
def only_scheduler(folder: Path) -> Iterator[None]:
    """Be the scheduler below a folder; the system lets another one in when this process is gone, however it went.

    Raises:
        StoreError: If there is one; names its process and machine.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock, note = FileLock(folder / "scheduler.lock"), folder / _NOTE
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


def require_well(folder: Path, now: datetime) -> str:
    """Say that the scheduler below a folder is well, where it is; nothing is locked and nothing changed.

    It is well when its process is there, as far as that can be seen from this machine, and when its figures show a
    sign of life that is younger than what the alarm ``scheduler-down`` allows.

    Args:
        folder: Where it remembers.
        now: The time.

    Returns:
        One sentence about it.

    Raises:
        StoreError: If there is none, or if it is not well; says what to do.
    """
    note = folder / _NOTE
    try:
        holder = json.loads(note.read_bytes())
        process, machine = int(holder["process"]), str(holder["machine"])
    except FileNotFoundError:
        raise StoreError(f"No scheduler works below {folder}. {_START}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{note} does not say who is the scheduler ({error}). {_START}") from None
    if machine == platform.node() and not is_alive(process):
        raise StoreError(f"The scheduler below {folder} is gone: it was process {process}. {_START}")
    seconds = now.timestamp() - _heartbeat(folder / FILE)
    if seconds > DOWN.limit:
        raise StoreError(
            f"The scheduler below {folder}, process {process} on {machine}, gave its last sign of life "
            f"{seconds:.0f} s ago; expected one within {DOWN.limit:.0f} s. See docs/runbooks/{DOWN.runbook}.md"
        )
    return f"The scheduler works: {_holder(note)}, last sign of life {max(seconds, 0.0):.0f} s ago."


def _heartbeat(file: Path) -> float:
    from finq_predictor.adapters.alarms.reading import parsed

    try:
        found = [value for name, _, value in parsed(file.read_text(encoding="utf-8"), file) if name == HEARTBEAT.name]
    except (OSError, UnicodeDecodeError, DataError) as error:
        raise StoreError(f"The figures of the scheduler cannot be read: {error}. {_START}") from None
    if not found:
        raise StoreError(f"{file} holds no sign of life ({HEARTBEAT.name}). {_START}")
    return found[0]


def _holder(note: Path) -> str:
    try:
        holder = json.loads(note.read_bytes())
        return f"process {holder['process']} on {holder['machine']} since {holder['since']}"
    except (OSError, ValueError, KeyError):
        return "another process"
