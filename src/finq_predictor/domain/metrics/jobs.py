"""What the scheduler says of its jobs."""

from __future__ import annotations

from finq_predictor.domain.metrics.base import Kind, Metric

_MOMENT = "seconds since 1970"
LAST_SUCCESS = Metric(
    "finq_job_last_success_timestamp_seconds", Kind.GAUGE, "When a job last ended well.", ("job",), _MOMENT
)
LAST_DURATION = Metric(
    "finq_job_last_duration_seconds", Kind.GAUGE, "How long a job took the last time.", ("job",), "seconds"
)
FAILURES = Metric("finq_job_failures", Kind.COUNTER, "Runs of a job that failed.", ("job",))
NEXT_RUN = Metric(
    "finq_job_next_run_timestamp_seconds",
    Kind.GAUGE,
    "When a job is due next, or was, where it has not begun yet.",
    ("job",),
    _MOMENT,
)
HEARTBEAT = Metric(
    "finq_scheduler_heartbeat_timestamp_seconds", Kind.GAUGE, "When the scheduler was last alive.", (), _MOMENT
)
RUNS = Metric(
    "finq_job_runs",
    Kind.COUNTER,
    "Runs of a job by what became of them, and times that were missed.",
    ("job", "outcome"),
)
TRIES = Metric("finq_job_last_tries", Kind.GAUGE, "Tries that the last run of a job took.", ("job",))
FAILED = Metric(
    "finq_job_failed_status", Kind.GAUGE, "1 when the last run of a job failed after all its tries.", ("job",)
)
RUNNING = Metric("finq_job_running_status", Kind.GAUGE, "1 while a job runs.", ("job",))
OF_JOBS = (LAST_SUCCESS, LAST_DURATION, FAILURES, NEXT_RUN, HEARTBEAT, RUNS, TRIES, FAILED, RUNNING)
