"""The scheduler: looks what is due, starts it, follows it to its end, and starts what it leads to."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from finq_predictor.adapters.atomic_file import write_text_atomically
from finq_predictor.adapters.scheduling.figures import FILE, schedule_gauges
from finq_predictor.adapters.scheduling.journal import (
    JOB,
    RUN_ID,
    SCHEDULED_FOR,
    FailureListener,
    JobFailure,
    Journal,
    JsonLines,
)
from finq_predictor.adapters.scheduling.ledger import Ledger, Run, RunState
from finq_predictor.adapters.scheduling.processes import Tries
from finq_predictor.adapters.scheduling.pushing import UNTOLD
from finq_predictor.domain.errors import FinqError
from finq_predictor.domain.scheduling.jobs import Job, Schedule
from finq_predictor.domain.scheduling.missed import due

_FAST_S, _SLOW_S, _FIGURES_S, _LAST_S = 0.2, 5.0, 15.0, 5.0

logger = logging.getLogger(__name__)
Requests = Callable[[], Mapping[str, str]]
"""Gives the open requests for training: market -> id of the request."""
Waits = Callable[[Job, datetime], Sequence[str]]
"""Gives what keeps a job waiting now, in words; nothing where it may begin."""


def log_failure(failure: JobFailure) -> None:
    """Say in the log that a job failed."""
    logger.error("%s failed after %d tries: %s; see %s", failure.job, failure.tried, failure.reason, failure.output)


def _nothing(job: Job, now: datetime) -> Sequence[str]:  # noqa: ARG001 - the signature is that of `Waits`
    return ()


@dataclass(frozen=True)
class Means:
    """What the scheduler works with.

    Attributes:
        commands: Words of what each job runs.
        place: Working directory of what runs.
        journal: Is told every event.
        failures: Are told of jobs that failed for good.
        told: Variables that every job gets, such as the overlay of the configuration.
        requests: Gives the open requests for training.
        waits: Gives what keeps a job waiting.
        metrics: More files for the figures than the one beside the ledger.
        kill_after_s: So long after it was asked to end, a try is killed.
        clock: Gives the time.
    """

    commands: Mapping[str, Sequence[str]]
    place: Path
    journal: Journal = field(default_factory=JsonLines)
    failures: tuple[FailureListener, ...] = (log_failure,)
    requests: Requests = dict
    waits: Waits = _nothing
    metrics: tuple[Path, ...] = ()
    kill_after_s: float = 10.0
    told: Mapping[str, str] = field(default_factory=dict)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


class Scheduler:
    """Keeps a schedule.

    Args:
        schedule: The jobs.
        folder: Where it remembers; several may look at one, but see ``only_scheduler``.
        means: What it works with.
    """

    def __init__(self, schedule: Schedule, folder: Path, means: Means) -> None:
        self.schedule, self.folder, self.means = schedule, folder, means
        self.ledger, self.tries = Ledger(folder), Tries(folder)
        # Try -> when it is out of time, and when it is killed, by the clock that nobody sets.
        self._limits: dict[str, float] = {}
        self._ending: dict[str, float] = {}
        self._figures_at = float("-inf")
        self._unreadable = ""
        self._told_to_wait: set[str] = set()

    def work(self, stop: threading.Event, grace_s: float) -> None:
        """Keep the schedule until asked to stop; then let what runs end, and end what does not within the grace."""
        self.means.journal("scheduler_started", process=os.getpid(), jobs=list(self.schedule), folder=self.folder)
        try:
            while not stop.is_set():
                self.look()
                stop.wait(self._pause())
        finally:
            self.wind_up(grace_s)
            self.means.journal("scheduler_stopped", process=os.getpid())

    def work_once(self, job: str, stop: threading.Event, grace_s: float) -> list[Run]:
        """Run one job now, and what its success leads to, with retries and time-outs.

        Args:
            job: Name of the job.
            stop: Set to end early.
            grace_s: Seconds that what runs then has left.

        Returns:
            The runs as they ended.

        Raises:
            UnknownNameError: If there is no such job.
        """
        allowed, now = self.schedule.following(job), self.means.clock()
        _ = self.schedule[job]
        before = [run.run_id for run in self.ledger.open_runs(job)]
        first = self.ledger.add(job, f"hand:{now.isoformat()}", now)
        if before:
            self.means.journal("run_waits", job=job, behind=before)
        mine = {first.run_id} if first is not None else set()
        try:
            while not stop.is_set():
                self._follow(allowed)
                self._start_waiting(allowed)
                runs = [run for run in map(self.ledger.run, sorted(mine)) if run is not None]
                mine |= {run.run_id for run in self.ledger.open_runs() if run.cause.removeprefix("after:") in mine}
                if not any(run.state.is_open for run in runs) and len(runs) == len(mine):
                    return runs
                stop.wait(_FAST_S)
        finally:
            self.wind_up(grace_s if stop.is_set() else 0.0, of=frozenset(mine))
        return [run for run in map(self.ledger.run, sorted(mine)) if run is not None]

    def look(self) -> None:
        """Do all that is to be done at this moment."""
        every = frozenset(self.schedule)
        self._follow(every)
        self._enrol()
        self._start_waiting(every)
        self._write_figures()

    def wind_up(self, grace_s: float, of: frozenset[str] | None = None) -> None:
        """Follow what this process started until it ends, or end it when the grace is over.

        What was ended waits for the next scheduler, and the try does not count; what cannot even be killed is left to
        it as it is. What somebody runs by hand is theirs.

        Args:
            grace_s: Seconds that are left.
            of: Only these runs.
        """
        jobs, until, asked = frozenset(self.schedule), time.monotonic() + grace_s, False

        def is_mine(run: Run) -> bool:
            return run.run_id in of if of is not None else not run.cause.startswith("hand:")

        while mine := list(filter(is_mine, self._running(jobs))):
            if not asked and time.monotonic() >= until:
                asked = True
                for run in mine:
                    self.means.journal("run_ended_early", **_about(run), reason="the scheduler stops")
                    self._ask_to_end(run)
            elif time.monotonic() >= until + self.means.kill_after_s + _LAST_S:
                for run in mine:
                    self.means.journal("run_left_behind", **_about(run), reason="it cannot be killed")
                break
            self._follow(jobs)
            time.sleep(_FAST_S / 4)
        self._write_figures(force=True)

    def close(self) -> None:
        """Close the ledger."""
        self.ledger.close()

    # What runs ----------------------------------------------------------------------------------------------------

    def _running(self, jobs: frozenset[str]) -> list[Run]:
        return [run for run in self.ledger.open_runs() if run.state is RunState.RUNNING and run.job in jobs]

    def _follow(self, jobs: frozenset[str]) -> None:
        for run in self._running(jobs):
            if self.tries.is_running(run.job):
                self._mind_the_time(run)
            else:
                self._settle(run)

    def _mind_the_time(self, run: Run) -> None:
        name, now = _try_of(run), time.monotonic()
        limit = self.schedule[run.job].timeout.total_seconds()
        if name not in self._limits:
            started = run.started_at or self.means.clock()
            passed = (self.means.clock() - started).total_seconds()
            self._limits[name] = now + limit - max(passed, 0.0)
            self.means.journal("run_met_again", **_about(run), seconds=round(passed, 1))
        if name in self._ending:
            if now >= self._ending[name]:
                self.tries.signal(name, signal.SIGKILL)
        elif now >= self._limits[name]:
            self.means.journal("run_timed_out", **_about(run), limit_seconds=limit)
            self._ask_to_end(run)

    def _ask_to_end(self, run: Run) -> None:
        name = _try_of(run)
        self._ending.setdefault(name, time.monotonic() + self.means.kill_after_s)
        self.tries.signal(name, signal.SIGTERM)

    def _settle(self, run: Run) -> None:
        """A try is over: write down what became of it, and what comes next."""
        job, name, now = self.schedule[run.job], _try_of(run), self.means.clock()
        code, was_ended = self.tries.exit_code(name), name in self._ending
        late = was_ended and time.monotonic() >= self._limits.get(name, float("inf"))
        self._limits.pop(name, None)
        self._ending.pop(name, None)
        if code == 0:
            ended, added = self.ledger.end(run, RunState.SUCCEEDED, now, code, "", self.schedule.triggered_by(run.job))
            if ended is not None:
                self._tell("run_succeeded", ended, now)
            for each in added:
                self.means.journal("run_due", **_about(each), cause=each.cause)
            return
        if was_ended and not late:
            self._tell("run_interrupted", self.ledger.wait_again(
                run, now, now, code, "ended with its scheduler", counted=False
            ), now)  # fmt: skip
            return
        reason = (
            f"it took longer than {job.timeout_minutes:g} min" if late
            else "its processes were killed" if code is None
            else f"exit code {code}"
        )  # fmt: skip
        if run.tried > job.retries:
            self._fail(run, now, code, reason)
            return
        # What was killed with its scheduler is not to blame, and need not wait.
        wait = timedelta(0) if code is None and not late else job.retry_delay(run.tried)
        again = self.ledger.wait_again(run, now, now + wait, code, reason)
        self._tell("run_retries", again, now, due_at=now + wait)

    def _fail(self, run: Run, now: datetime, code: int | None, reason: str) -> None:
        failed, _ = self.ledger.end(run, RunState.FAILED, now, code, reason)
        if failed is None:
            return
        self._tell("run_failed", failed, now)
        output = self.tries.output(_try_of(run))
        failure = JobFailure(
            run.job, run.run_id, run.scheduled_for, run.tried, reason, output, self.schedule[run.job].owner
        )
        for listener in self.means.failures:
            try:
                listener(failure)
            except Exception as error:
                self.means.journal("listener_failed", **_about(run), reason=f"{type(error).__name__}: {error}")

    def _tell(self, event: str, run: Run | None, now: datetime, **more: object) -> None:
        """Tell of a run that this process changed; another process tells of what it changed."""
        if run is None:
            return
        seconds = round((now - run.started_at).total_seconds(), 3) if run.started_at else None
        output = self.tries.output(f"{run.run_id}/{max(run.tried, 1)}")
        self.means.journal(
            event,
            **_about(run),
            seconds=seconds,
            exit_code=run.exit_code,
            reason=run.note or None,
            output=output,
            **more,
        )

    # What is due --------------------------------------------------------------------------------------------------

    def _enrol(self) -> None:
        requests = self._requests()
        busy = {run.job for run in self.ledger.open_runs()}
        for name, job in self.schedule.items():
            now = self.means.clock()
            seen = self.ledger.seen(name, now)
            # What becomes due while a run of the job is open waits for its end, and then is missed like any other.
            if name in busy:
                continue
            found = due(job, seen, now)
            added = self.ledger.enrol(name, found, now)
            request = requests.get(job.retrains) if job.retrains is not None else None
            if request is not None and (early := self.ledger.add(name, f"request:{request}", now)) is not None:
                added.append(early)
            for run in added:
                self.means.journal("run_due", **_about(run), cause=run.cause)
            if found.skipped:
                first, last = found.skipped[0], found.skipped[-1]
                self.means.journal("times_skipped", job=name, count=len(found.skipped), first=first, last=last)

    def _requests(self) -> Mapping[str, str]:
        """The open requests; a log that cannot be read is told, and stops no other job."""
        try:
            found, self._unreadable = self.means.requests(), ""
        except FinqError as error:
            found = {}
            if str(error) != self._unreadable:
                self._unreadable = str(error)
                self.means.journal("requests_unreadable", reason=error)
        return found

    def _start_waiting(self, jobs: frozenset[str]) -> None:
        opened = self.ledger.open_runs()
        busy = {run.job for run in opened if run.state is RunState.RUNNING}
        taken = Counter(self.schedule[job].pool for job in busy if job in self.schedule)
        for run in opened:
            if run.job not in jobs or run.job in busy:
                continue
            busy.add(run.job)
            pool = self.schedule[run.job].pool
            if run.due_at > self.means.clock() or self._waits(run):
                continue
            if pool is None or taken[pool] < self.schedule.pools[pool]:
                taken[pool] += 1
                self._start(run)

    def _waits(self, run: Run) -> bool:
        """Whether what a run needs has to come first; one that waited too long has failed."""
        job, now = self.schedule[run.job], self.means.clock()
        if run.tried or not job.waits_for:
            return False
        try:
            missing = list(self.means.waits(job, now))
        except FinqError as error:
            missing = [str(error)]
        if not missing:
            return False
        why = "; ".join(missing)
        if now - run.due_at < job.longest_wait:
            if run.run_id not in self._told_to_wait:
                self._told_to_wait.add(run.run_id)
                self.means.journal("run_waits", **_about(run), reason=why)
            return True
        begun = self.ledger.begin(run, now)
        if begun is not None:
            self._fail(begun, now, None, f"it waited {job.wait_minutes:g} min in vain: {why}")
        return True

    def _start(self, run: Run) -> None:
        with self.tries.turn(run.job) as lock:
            if lock is None:
                return
            name = f"{run.run_id}/{run.tried + 1}"
            self.tries.prepare(name)
            begun = self.ledger.begin(run, self.means.clock())
            if begun is None:
                return
            told = {**self.means.told, RUN_ID: run.run_id, JOB: run.job, SCHEDULED_FOR: run.scheduled_for.isoformat()}
            started = self.tries.start(name, self.means.commands[run.job], told | UNTOLD, self.means.place, lock)
        self._limits[name] = time.monotonic() + self.schedule[run.job].timeout.total_seconds()
        self.means.journal("run_started", **_about(begun), process=started.pid, cause=begun.cause)

    def _pause(self) -> float:
        """Seconds until there may be something to do."""
        opened, now = self.ledger.open_runs(), self.means.clock()
        if any(run.state is RunState.RUNNING for run in opened):
            return _FAST_S
        # One that waits for its data, or for a place, is looked at again soon and not at once.
        coming = [max(run.due_at, now + timedelta(seconds=_FAST_S)) for run in opened]
        coming += [job.times.after(now) for job in self.schedule.values() if job.times is not None]
        seconds = min(((moment - now).total_seconds() for moment in coming), default=_SLOW_S)
        return min(max(seconds, 0.01), _SLOW_S)

    def _write_figures(self, force: bool = False) -> None:
        if not force and time.monotonic() < self._figures_at:
            return
        from finq_predictor.adapters.prometheus_text import prometheus_text

        self._figures_at = time.monotonic() + _FIGURES_S
        text = prometheus_text(schedule_gauges(self.schedule, self.ledger, self.means.clock()))
        for file in (self.folder / FILE, *self.means.metrics):
            write_text_atomically(file, text)
        self.tries.prune(frozenset(run.run_id for run in self.ledger.open_runs()))


def _try_of(run: Run) -> str:
    """The name of the last try that began."""
    return f"{run.run_id}/{run.tried}"


def _about(run: Run) -> dict[str, object]:
    return {"job": run.job, "run_id": run.run_id, "try": run.tried, "scheduled_for": run.scheduled_for}
