"""What the scheduler tells: a line of JSON for each event, and failures to whoever wants to be told."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TextIO

from finq_predictor.adapters.log_lines import RUN, fields, line_of

RUN_ID, JOB, SCHEDULED_FOR = RUN, "FINQ_SCHEDULE_JOB", "FINQ_SCHEDULED_FOR"
"""Variables that tell a job which run of which job it is, and for which time."""
LEVELS = {
    **dict.fromkeys(("run_failed", "listener_failed", "requests_unreadable", "run_left_behind"), "ERROR"),
    **dict.fromkeys(("run_retries", "run_timed_out", "run_interrupted", "run_ended_early", "times_skipped"), "WARNING"),
}
"""How bad an event is that is more than a remark."""
_NAME = "finq_predictor.schedule"
Journal = Callable[..., None]
"""Told an event by name, with its fields as keywords."""


@dataclass(frozen=True)
class JobFailure:
    """A job that failed and is not tried again.

    Attributes:
        job: Name of the job.
        run_id: Which run.
        scheduled_for: The time it was run for, UTC.
        tried: How often it was tried.
        reason: How the last try ended, in words.
        output: File with what the last try wrote.
        owner: Who answers for the job.
    """

    job: str
    run_id: str
    scheduled_for: datetime
    tried: int
    reason: str
    output: Path
    owner: str


class FailureListener(Protocol):
    """Whoever is told of jobs that failed, such as alarms."""

    def __call__(self, failure: JobFailure) -> None:
        """Take note; an error that is raised here is told in the journal and stops nothing."""


class JsonLines:
    """A journal of lines of JSON, see `log_lines`: time, level, event, run, then the fields that have a value.

    Args:
        stream: Where to; None is standard output.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def __call__(self, event: str, **told: object) -> None:
        """Write one line at once."""
        more = {name: _plain(value) for name, value in told.items() if value is not None}
        run = more.pop("run_id", None)
        line = {
            **fields(event, LEVELS.get(event, "INFO"), run=None if run is None else str(run)),
            "logger": _NAME,
            **more,
        }
        stream = self._stream or sys.stdout
        stream.write(line_of(line) + "\n")
        stream.flush()


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    return value if isinstance(value, str | int | float | list) else str(value)
