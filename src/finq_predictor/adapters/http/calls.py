"""What was asked of whom, and what came: one row for every attempt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from threading import Lock

import pandas as pd


class Outcome(StrEnum):
    """How an attempt ended."""

    OK = "ok"
    MOVED = "moved"
    """The answer names another address."""
    REFUSED = "refused"
    """The provider understood and said no: another status from 400 to 499."""
    THROTTLED = "throttled"
    """The provider asks for fewer requests."""
    FAILED = "failed"
    """The provider says that something is broken on its side."""
    TIMED_OUT = "timed out"
    UNREACHABLE = "unreachable"
    """No connection, or one that ended before an answer began."""
    CUT_OFF = "cut off"
    """The answer began and did not end as it said it would."""
    UNREADABLE = "unreadable"
    """The answer is complete, and not what was asked for."""
    NOT_SENT = "not sent"
    """Our own rules let no request out."""


@dataclass(frozen=True)
class Call:
    """One attempt to ask a provider for something.

    Args:
        source: The provider's name in this project.
        method: HTTP method.
        url: What was asked, without anything secret.
        status: HTTP status; None where no answer began.
        started_at: When the request went out (UTC).
        seconds: From then to the end of the answer or of the attempt.
        size: Bytes of the answer as they came over the line; those of errors count as far as they were read.
        attempt: 1 for the first.
        outcome: How it ended.
        wait_seconds: Pause before the next attempt; None after the last one.
    """

    source: str
    method: str
    url: str
    status: int | None
    started_at: datetime
    seconds: float
    size: int
    attempt: int
    outcome: Outcome
    wait_seconds: float | None = None


Record = Callable[[Call], None]
"""Whoever wants to know of every attempt; it may be called from several threads at a time."""


def no_record(call: Call) -> None:
    """Forget a call."""


class CallLog:
    """Keeps calls in memory: counts for metrics, a table for lineage. Several threads may write to one log."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._calls: list[Call] = []

    def __call__(self, call: Call) -> None:
        """Keep a call; this makes the log a `Record`."""
        with self._lock:
            self._calls.append(call)

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def calls(self) -> tuple[Call, ...]:
        """All calls so far, in the order in which they ended."""
        with self._lock:
            return tuple(self._calls)

    def taken(self) -> tuple[Call, ...]:
        """All calls so far, which the log then forgets."""
        with self._lock:
            calls, self._calls = tuple(self._calls), []
        return calls

    def counts(self) -> dict[tuple[str, str, str], int]:
        """Calls by source, outcome and status; the status is empty where no answer began."""
        return dict(Counter((call.source, str(call.outcome), str(call.status or "")) for call in self.calls))

    def frame(self) -> pd.DataFrame:
        """One row a call, with the fields of `Call` as columns; `status` and `wait_seconds` may be missing."""
        rows = [{field.name: getattr(call, field.name) for field in fields(Call)} for call in self.calls]
        frame = pd.DataFrame(rows, columns=[field.name for field in fields(Call)])
        types = {"source": "str", "method": "str", "url": "str", "status": "Int16", "outcome": "str"}
        types |= {"seconds": "float64", "size": "int64", "attempt": "int16", "wait_seconds": "float64"}
        frame["started_at"] = pd.to_datetime(frame["started_at"], utc=True)
        return frame.astype(types)
