"""The calls that were made for what is kept: whom, when, with what answer."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from finq_predictor.adapters.atomic_file import write_text_atomically

if TYPE_CHECKING:
    from finq_predictor.adapters.http.calls import CallLog

CALLS, OUTAGES = "calls.jsonl", "outages.json"
MOST_BYTES = 8 << 20
"""Beyond this size the older half is dropped: it is there to look into what happened, not for ever."""


def note_calls(folder: Path, log: CallLog | None) -> None:
    """Append what a log holds to the notes of a folder of deliveries.

    Args:
        folder: Where the deliveries lie.
        log: The calls, without what is secret; None where a source makes none.
    """
    calls = log.taken() if log is not None else ()
    if not calls:
        return
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / CALLS
    text = "".join(json.dumps(_line(call)) + "\n" for call in calls)
    # One write at the end of the file: two runs that note at once do not tear each other's lines.
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
    if file.stat().st_size > MOST_BYTES:
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        write_text_atomically(file, "".join(lines[len(lines) // 2 :]))


def read_calls(folder: Path) -> pd.DataFrame:
    """What is noted, oldest first; a line that a kill cut off is left out."""
    file = folder / CALLS
    rows = []
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return pd.DataFrame(rows, columns=_COLUMNS)


def note_outages(folder: Path, outages: list[str]) -> None:
    """Note what could not be had the last time; nothing where everything could."""
    file = folder / OUTAGES
    if outages:
        write_text_atomically(file, json.dumps(outages))
    else:
        file.unlink(missing_ok=True)


def read_outages(folder: Path) -> tuple[str, ...]:
    """What could not be had the last time, one sentence each."""
    file = folder / OUTAGES
    return tuple(map(str, json.loads(file.read_text(encoding="utf-8")))) if file.exists() else ()


_COLUMNS = ["source", "method", "url", "status", "started_at", "seconds", "size", "attempt", "outcome", "wait_seconds"]


def _line(call: Any) -> dict[str, Any]:
    noted = {name: getattr(call, name) for name in _COLUMNS}
    return {**noted, "started_at": call.started_at.isoformat(), "outcome": str(call.outcome)}
