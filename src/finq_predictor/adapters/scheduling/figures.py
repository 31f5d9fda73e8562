"""The figures of the scheduler for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import nan

from finq_predictor.adapters.scheduling.ledger import Ledger, RunState, Tally
from finq_predictor.domain.monitoring.gauges import Gauge
from finq_predictor.domain.scheduling.jobs import Schedule

FILE = "metrics.prom"


def schedule_gauges(schedule: Schedule, ledger: Ledger, now: datetime) -> list[Gauge]:
    """What became of the jobs and when they come again.

    Args:
        schedule: The jobs.
        ledger: Their past.
        now: The time.
    """
    tallies = {name: ledger.tally(name) for name in schedule}
    running = {run.job for run in ledger.open_runs() if run.state is RunState.RUNNING}

    def each(values: Mapping[str, float | None]) -> list[tuple[dict[str, str], float]]:
        return [({"job": name}, value) for name, value in values.items() if value is not None]

    ended = {name: tally.last for name, tally in tallies.items() if tally.last is not None}
    return [
        Gauge(
            "finq_scheduler_seen_seconds", "When the scheduler last looked, seconds since 1970", [({}, now.timestamp())]
        ),
        Gauge(
            "finq_job_duration_seconds",
            "Seconds that the last try of the last run took",
            each({name: _seconds(tally) for name, tally in tallies.items()}),
        ),
        Gauge(
            "finq_job_runs_count",
            "Runs of a job by what became of them, and times that were missed and skipped",
            [
                ({"job": name, "outcome": outcome}, float(count))
                for name, tally in tallies.items()
                for outcome, count in tally.counts.items()
            ],
        ),
        Gauge(
            "finq_job_failed_status",
            "1 when the last run failed with all its retries",
            each({name: float(run.state is RunState.FAILED) for name, run in ended.items()}),
        ),
        Gauge(
            "finq_job_tries_count",
            "Tries that the last run took",
            each({name: run.tried for name, run in ended.items()}),
        ),
        Gauge(
            "finq_job_last_success_seconds",
            "When the last success ended, seconds since 1970",
            each({name: _timestamp(tally.last_success) for name, tally in tallies.items()}),
        ),
        Gauge(
            "finq_job_next_run_seconds",
            "When the next run is due, seconds since 1970",
            each({name: job.times.after(now).timestamp() for name, job in schedule.items() if job.times}),
        ),
        Gauge(
            "finq_job_running_status", "1 while a job runs", each({name: float(name in running) for name in schedule})
        ),
    ]


def _timestamp(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _seconds(tally: Tally) -> float | None:
    if tally.last is None:
        return None
    started, ended = tally.last.started_at, tally.last.ended_at
    return nan if started is None or ended is None else (ended - started).total_seconds()
