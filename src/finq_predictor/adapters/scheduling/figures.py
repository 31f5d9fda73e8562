"""The figures of the scheduler for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import nan

from finq_predictor.adapters.scheduling.ledger import Ledger, RunState, Tally
from finq_predictor.domain.metrics.jobs import (
    FAILED,
    FAILURES,
    HEARTBEAT,
    LAST_DURATION,
    LAST_SUCCESS,
    NEXT_RUN,
    RUNNING,
    RUNS,
    TRIES,
)
from finq_predictor.domain.monitoring.gauges import Gauge
from finq_predictor.domain.scheduling.jobs import Job, Schedule

FILE = "metrics.prom"


def schedule_gauges(schedule: Schedule, ledger: Ledger, now: datetime) -> list[Gauge]:
    """What became of the jobs and when they come again.

    Args:
        schedule: The jobs.
        ledger: Their past.
        now: The time.
    """
    tallies = {name: ledger.tally(name) for name in schedule}
    opened = ledger.open_runs()
    running = {run.job for run in opened if run.state is RunState.RUNNING}
    waiting: dict[str, datetime] = {}
    for run in opened:
        # One that was tried already waits for its next try, and is not late.
        if run.state is RunState.WAITING and run.started_at is None:
            waiting.setdefault(run.job, run.scheduled_for)

    def each(values: Mapping[str, float | None]) -> list[tuple[dict[str, str], float]]:
        return [({"job": name}, value) for name, value in values.items() if value is not None]

    def due(name: str, job: Job) -> float | None:
        if name in waiting:
            return waiting[name].timestamp()
        return job.times.after(now).timestamp() if job.times else None

    ended = {name: tally.last for name, tally in tallies.items() if tally.last is not None}
    outcomes = [
        ({"job": name, "outcome": outcome}, float(count))
        for name, tally in tallies.items()
        for outcome, count in tally.counts.items()
    ]
    failed = {name: float(tally.counts.get(RunState.FAILED, 0)) for name, tally in tallies.items()}
    return [
        Gauge.of(HEARTBEAT, [({}, now.timestamp())]),
        Gauge.of(LAST_DURATION, each({name: _seconds(tally) for name, tally in tallies.items()})),
        Gauge.of(RUNS, outcomes),
        Gauge.of(FAILURES, each(failed)),
        Gauge.of(FAILED, each({name: float(run.state is RunState.FAILED) for name, run in ended.items()})),
        Gauge.of(TRIES, each({name: run.tried for name, run in ended.items()})),
        Gauge.of(LAST_SUCCESS, each({name: _timestamp(tally.last_success) for name, tally in tallies.items()})),
        Gauge.of(NEXT_RUN, each({name: due(name, job) for name, job in schedule.items()})),
        Gauge.of(RUNNING, each({name: float(name in running) for name in schedule})),
    ]


def _timestamp(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _seconds(tally: Tally) -> float | None:
    if tally.last is None:
        return None
    started, ended = tally.last.started_at, tally.last.ended_at
    return nan if started is None or ended is None else (ended - started).total_seconds()
