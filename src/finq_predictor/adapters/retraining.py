"""The log of requests for training: who asked when and why, which run took it, and what came of it.

One file of JSON lines per market that only ever grows. A request is open until a run that took it has trained; a run
that failed, or whose process was killed, gives it back.
"""

from __future__ import annotations

import fcntl
import json
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from finq_predictor.adapters.atomic_file import flush, is_of_the_dead, own_name
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.typed_json import from_json, plain
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.monitoring.retraining import Reason

_ADVICE = "Restore it from a backup, or move it away: what was asked for in it is then forgotten."


class RetrainEvent(StrEnum):
    """What happened to a request."""

    ASKED = "asked"
    BEGAN = "began"
    TRAINED = "trained"
    GIVEN_BACK = "given back"


@dataclass(frozen=True)
class RetrainEntry:
    """One line of the log.

    Attributes:
        event: What happened.
        request: Id of the request; empty where a training began that nobody had asked for.
        at: When, ISO 8601 in UTC.
        by: Who: a person, monitoring, or the run of a scheduler.
        process: Machine and process that wrote it.
        reasons: Why, where it was asked for.
        note: What else is to be known.
    """

    event: RetrainEvent
    request: str
    at: str
    by: str
    process: str
    reasons: tuple[Reason, ...] = ()
    note: str = ""

    @property
    def why(self) -> str:
        """The reasons in one sentence."""
        return "; ".join(
            reason.text + (f" (limit {reason.limit:g})" if reason.limit is not None else "") for reason in self.reasons
        )


class RetrainLog:
    """The log of one market.

    Args:
        root: Folder of the data.
        market: Name of the market.
    """

    def __init__(self, root: Path, market: str) -> None:
        self.path, self.market = Layout(root).retraining(market), market

    def entries(self) -> list[RetrainEntry]:
        """All lines, in order; a last one that a killed process left torn is none.

        Raises:
            StoreError: If a line is none of this log.
        """
        content = self.path.read_bytes() if self.path.exists() else b""
        lines = content.rpartition(b"\n")[0].splitlines()
        return [
            from_json(RetrainEntry, line, f"Line {number} of {self.path}", _ADVICE)
            for number, line in enumerate(lines, start=1)
        ]

    def open_request(self) -> RetrainEntry | None:
        """The request that waits for a training; None where none does."""
        return _open(self.entries())

    def ask(
        self, reasons: Sequence[Reason], by: str, *, now: datetime, pause: timedelta | None = None
    ) -> RetrainEntry | None:
        """Ask for another training.

        Args:
            reasons: Why.
            by: Who asks.
            now: The time.
            pause: Ask for nothing where a training began more recently than this; None asks in any case.

        Returns:
            The request; None where one is open, or a training began too recently.
        """
        with self._alone() as known:
            if _open(known) is not None or _is_taken(known) or _is_recent(known, now, pause):
                return None
            request = f"{self.market}-{now.astimezone(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"
            return self._append(_entry(RetrainEvent.ASKED, request, now, by, tuple(reasons)))

    def begin(self, by: str, *, now: datetime) -> RetrainEntry | None:
        """Note that a training begins, and let it take the open request.

        Returns:
            The request that this training took, and no other one does; None where none was open.
        """
        if not self.path.exists():
            return None
        with self._alone() as known:
            taken = _open(known)
            self._append(_entry(RetrainEvent.BEGAN, taken.request if taken else "", now, by))
            return taken

    def finish(self, request: str, by: str, *, now: datetime, failure: str = "") -> None:
        """Note what came of a training that took a request.

        Args:
            request: Id of the request.
            by: Which run.
            now: The time.
            failure: Why it failed, after which the request is open again; empty where it trained.
        """
        event = RetrainEvent.GIVEN_BACK if failure else RetrainEvent.TRAINED
        with self._alone():
            self._append(_entry(event, request, now, by, note=failure))

    def last_reason(self) -> str:
        """Why the last training was made, where it was asked for; empty where it was not."""
        known = self.entries()
        began = next((entry for entry in reversed(known) if entry.event is RetrainEvent.BEGAN), None)
        if began is None or not began.request:
            return ""
        asked = next(entry for entry in known if entry.request == began.request)
        return f"{asked.why} (asked for by {asked.by} at {asked.at}, request {asked.request})"

    @contextmanager
    def _alone(self) -> Iterator[list[RetrainEntry]]:
        """Be the only one who writes; what a killed process left torn is removed first."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            content = self.path.read_bytes() if self.path.exists() else b""
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                os.truncate(self.path, whole)
            yield self.entries()
        finally:
            os.close(lock)

    def _append(self, entry: RetrainEntry) -> RetrainEntry:
        new = not self.path.exists()
        with self.path.open("ab") as file:
            file.write(json.dumps(plain(entry), allow_nan=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if new:
            flush(self.path.parent)
        return entry


def open_requests(root: Path) -> dict[str, str]:
    """The open request of each market that has one: name of the market -> id of the request."""
    found: dict[str, str] = {}
    for market in MARKETS:
        if Layout(root).retraining(market).exists() and (waiting := RetrainLog(root, market).open_request()):
            found[market] = waiting.request
    return found


def own_reason(why: str) -> str:
    """The words of a person who asks, without the spaces around them.

    Raises:
        StoreError: If there are none.
    """
    if not why.strip():
        raise StoreError('A request says why; give --why "in your own words".')
    return why.strip()


def _entry(
    event: RetrainEvent, request: str, now: datetime, by: str, reasons: tuple[Reason, ...] = (), note: str = ""
) -> RetrainEntry:
    return RetrainEntry(
        event, request, now.astimezone(UTC).isoformat(timespec="seconds"), by, own_name(), reasons, note
    )


def _last(known: list[RetrainEntry]) -> tuple[RetrainEntry, RetrainEntry] | None:
    """The request that was asked for last, and what happened to it last."""
    asked = next((entry for entry in reversed(known) if entry.event is RetrainEvent.ASKED), None)
    if asked is None:
        return None
    return asked, next(entry for entry in reversed(known) if entry.request == asked.request)


def _open(known: list[RetrainEntry]) -> RetrainEntry | None:
    match _last(known):
        case (asked, last) if last.event in (RetrainEvent.ASKED, RetrainEvent.GIVEN_BACK):
            return asked
        case (asked, last) if last.event is RetrainEvent.BEGAN and is_of_the_dead(last.process):
            return asked
    return None


def _is_taken(known: list[RetrainEntry]) -> bool:
    found = _last(known)
    return found is not None and found[1].event is RetrainEvent.BEGAN and not is_of_the_dead(found[1].process)


def _is_recent(known: list[RetrainEntry], now: datetime, pause: timedelta | None) -> bool:
    began = next((entry for entry in reversed(known) if entry.event is RetrainEvent.BEGAN), None)
    return pause is not None and began is not None and now - datetime.fromisoformat(began.at) < pause
