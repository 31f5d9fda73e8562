"""What the scheduler remembers: runs that wait, run and ended, and up to which time each job was dealt with.

Every change is one transaction, so that a scheduler that is killed leaves the state before or after it. A change says
what it expects to find; of two who make the same one, one is told that it was theirs.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from finq_predictor.domain.scheduling.missed import Due

FILE = "ledger.db"
_WAIT_S = 30.0
_TABLES = """
CREATE TABLE IF NOT EXISTS jobs (job TEXT PRIMARY KEY, seen TEXT NOT NULL, skipped INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS runs (
    run_id TEXT PRIMARY KEY, job TEXT NOT NULL, cause TEXT NOT NULL, scheduled_for TEXT NOT NULL, state TEXT NOT NULL,
    tried INTEGER NOT NULL DEFAULT 0, due_at TEXT NOT NULL, started_at TEXT, ended_at TEXT, exit_code INTEGER,
    note TEXT NOT NULL DEFAULT '', UNIQUE (job, cause)
);
CREATE INDEX IF NOT EXISTS runs_by_state ON runs (state, job);
CREATE INDEX IF NOT EXISTS runs_by_end ON runs (job, state, ended_at);
"""


class RunState(StrEnum):
    """Where a run stands."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        """Whether something is still to come."""
        return self in (RunState.WAITING, RunState.RUNNING)


@dataclass(frozen=True)
class Run:
    """One run of a job, with all its tries.

    Attributes:
        run_id: Its name, handed on to what it starts.
        job: Name of the job.
        cause: Why it is run: ``time``, ``after``, ``request`` or ``hand``, a colon, and what exactly.
        scheduled_for: The time it is run for, UTC.
        state: Where it stands.
        tried: How many tries began.
        due_at: When the next try is due, UTC.
        started_at: When the last try began; None before the first.
        ended_at: When the last try ended; None while it runs.
        exit_code: Of the last try; None where it has none.
        note: What is known of the last end, in words.
    """

    run_id: str
    job: str
    cause: str
    scheduled_for: datetime
    state: RunState
    tried: int
    due_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    exit_code: int | None
    note: str


@dataclass(frozen=True)
class Tally:
    """The past of a job in figures.

    Attributes:
        counts: Runs by state, and missed times that were ``skipped``.
        last: Its run that ended last; None before the first.
        last_success: When its last success ended; None before the first.
    """

    counts: Mapping[str, int]
    last: Run | None
    last_success: datetime | None


class Ledger:
    """The ledger below one folder.

    Args:
        folder: Where it lies; made if need be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(folder / FILE, timeout=_WAIT_S, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def seen(self, job: str, now: datetime) -> datetime:
        """Up to which time a job was dealt with; of one that was never met, up to now."""
        asked = "SELECT seen FROM jobs WHERE job = ?", (job,)
        found = self._database.execute(*asked).fetchone()
        if found is None:
            with self._change() as database:
                database.execute("INSERT OR IGNORE INTO jobs (job, seen) VALUES (?, ?)", (job, _text(now)))
            found = self._database.execute(*asked).fetchone()
        return datetime.fromisoformat(found[0])

    def enrol(self, job: str, due: Due, now: datetime) -> list[Run]:
        """Remember what became due: runs that wait, and how many times were skipped.

        Returns:
            The runs that were not known before.
        """
        if due.newest is None:
            return []
        with self._change() as database:
            database.execute(
                "UPDATE jobs SET seen = max(seen, ?), skipped = skipped + ? WHERE job = ? AND seen < ?",
                (_text(due.newest), len(due.skipped), job, _text(due.newest)),
            )
            added = [_add(database, job, f"time:{_text(moment)}", moment, now) for moment in due.run]
        return self._those(added)

    def add(self, job: str, cause: str, now: datetime, scheduled_for: datetime | None = None) -> Run | None:
        """Remember a run that is due now; None where the same job ran, or waits, for the same cause."""
        with self._change() as database:
            added = _add(database, job, cause, scheduled_for or now, now)
        return next(iter(self._those([added])), None)

    def begin(self, run: Run, now: datetime) -> Run | None:
        """Begin the next try of a run that waits; None where somebody else did."""
        return self._changed(
            run,
            "UPDATE runs SET state = ?, tried = tried + 1, started_at = ?, ended_at = NULL, exit_code = NULL, note = ''"
            " WHERE run_id = ? AND state = ? AND tried = ?",
            (RunState.RUNNING, _text(now), run.run_id, RunState.WAITING, run.tried),
        )

    def end(
        self, run: Run, state: RunState, now: datetime, exit_code: int | None, note: str, then: Sequence[str] = ()
    ) -> tuple[Run | None, list[Run]]:
        """End a run for good, and in the same step remember the runs that it leads to.

        Args:
            run: As it was when it ran.
            state: How it ended.
            now: The time.
            exit_code: Of the last try.
            note: What is known of the end.
            then: Jobs to run after it.

        Returns:
            The run, or None where somebody else ended it; and the runs that were added.
        """
        with self._change() as database:
            done = database.execute(
                "UPDATE runs SET state = ?, ended_at = ?, exit_code = ?, note = ?"
                " WHERE run_id = ? AND state = ? AND tried = ?",
                (state, _text(now), exit_code, note, run.run_id, RunState.RUNNING, run.tried),
            ).rowcount
            if not done:
                return None, []
            added = [_add(database, job, f"after:{run.run_id}", run.scheduled_for, now) for job in then]
        return self._those([run.run_id])[0], self._those(added)

    def wait_again(
        self, run: Run, now: datetime, due_at: datetime, exit_code: int | None, note: str, *, counted: bool = True
    ) -> Run | None:
        """Let a run wait for another try.

        Args:
            run: As it was when it ran.
            now: The time.
            due_at: When the next try is due.
            exit_code: Of the last try.
            note: Why there has to be another.
            counted: Whether the last try counts against the number of retries.
        """
        return self._changed(
            run,
            "UPDATE runs SET state = ?, due_at = ?, ended_at = ?, exit_code = ?, note = ?, tried = ?"
            " WHERE run_id = ? AND state = ? AND tried = ?",
            (
                *(RunState.WAITING, _text(due_at), _text(now), exit_code, note, run.tried - (not counted)),
                *(run.run_id, RunState.RUNNING, run.tried),
            ),
        )

    def open_runs(self, job: str | None = None) -> list[Run]:
        """The runs that wait or run, in the order in which they came."""
        which, given = ("AND job = ?", [job]) if job is not None else ("", [])
        return self._read(
            f"SELECT * FROM runs WHERE state IN (?, ?) {which} ORDER BY scheduled_for, rowid",
            [RunState.WAITING, RunState.RUNNING, *given],
        )

    def run(self, run_id: str) -> Run | None:
        """A run by its name."""
        return next(iter(self._those([run_id])), None)

    def last_runs(self, count: int, job: str | None = None) -> list[Run]:
        """The runs that came last, the newest first."""
        which, given = ("WHERE job = ?", [job]) if job is not None else ("", [])
        return self._read(f"SELECT * FROM runs {which} ORDER BY rowid DESC LIMIT ?", [*given, count])

    def tally(self, job: str) -> Tally:
        """The past of a job in figures."""
        counted = self._database.execute("SELECT state, count(*) FROM runs WHERE job = ? GROUP BY state", (job,))
        counts = dict(counted.fetchall())
        skipped = self._database.execute("SELECT skipped FROM jobs WHERE job = ?", (job,)).fetchone()
        # State by state, so that each is one step in an index: the past of years is asked at every beat.
        newest = "SELECT * FROM runs WHERE job = ? AND state = ? ORDER BY ended_at DESC LIMIT 1"
        ended = {
            state: run for state in (RunState.SUCCEEDED, RunState.FAILED) for run in self._read(newest, [job, state])
        }
        success = ended.get(RunState.SUCCEEDED)
        return Tally(
            {state.value: counts.get(state, 0) for state in RunState} | {"skipped": skipped[0] if skipped else 0},
            max(ended.values(), key=lambda run: run.ended_at or run.due_at, default=None),
            success.ended_at if success else None,
        )

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield self._database
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def _changed(self, run: Run, statement: str, values: tuple[object, ...]) -> Run | None:
        with self._change() as database:
            done = database.execute(statement, values).rowcount
        return self.run(run.run_id) if done else None

    def _those(self, run_ids: Iterable[str | None]) -> list[Run]:
        names = [name for name in run_ids if name is not None]
        marks = ", ".join("?" * len(names))
        return self._read(f"SELECT * FROM runs WHERE run_id IN ({marks}) ORDER BY rowid", names)

    def _read(self, statement: str, values: Sequence[object]) -> list[Run]:
        rows = self._database.execute(statement, tuple(values)).fetchall()
        return [
            Run(
                run_id, job, cause, datetime.fromisoformat(scheduled_for), RunState(state), tried,
                datetime.fromisoformat(due_at), _moment(started_at), _moment(ended_at), exit_code, note,
            )
            for (
                run_id, job, cause, scheduled_for, state, tried, due_at, started_at, ended_at, exit_code, note,
            ) in rows
        ]  # fmt: skip


def _add(database: sqlite3.Connection, job: str, cause: str, scheduled_for: datetime, now: datetime) -> str | None:
    """Add a run that waits; None where its cause is known already."""
    run_id = f"{job}-{scheduled_for.astimezone(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
    added = database.execute(
        "INSERT OR IGNORE INTO runs (run_id, job, cause, scheduled_for, state, due_at) VALUES (?, ?, ?, ?, ?, ?)",
        (run_id, job, cause, _text(scheduled_for), RunState.WAITING, _text(now)),
    )
    return run_id if added.rowcount else None


def _text(moment: datetime) -> str:
    """A moment so written that texts are in the order of time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
