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
NEXT_RUN = Metric("finq_job_next_run_timestamp_seconds", Kind.GAUGE, "When a job is due next.", ("job",), _MOMENT)
HEARTBEAT = Metric(
    "finq_scheduler_heartbeat_timestamp_seconds", Kind.GAUGE, "When the scheduler was last alive.", (), _MOMENT
)
OF_JOBS = (LAST_SUCCESS, LAST_DURATION, FAILURES, NEXT_RUN, HEARTBEAT)
