"""Does everything run, how quick is it, and what waits?"""

from __future__ import annotations

from finq_predictor.domain.dashboards.panel import Dashboard, Panel, Query, Shape, Unit
from finq_predictor.domain.metrics.jobs import (
    FAILED,
    FAILURES,
    HEARTBEAT,
    LAST_DURATION,
    LAST_SUCCESS,
    NEXT_RUN,
    RUNS,
)
from finq_predictor.domain.metrics.service import (
    BEHIND,
    DURATION,
    ERRORS,
    FEATURE_LOOKUPS,
    LOOKUPS,
    READY,
    REQUESTS,
    RETRIEVAL,
    SPOOL_BYTES,
    UNRECORDED,
    WAITING,
    WATCH_AGE,
)
from finq_predictor.domain.metrics.surroundings import (
    DISK_FREE,
    GPU_BUSY,
    GPU_MEMORY_TOTAL,
    GPU_MEMORY_USED,
    GPU_TEMPERATURE,
    POSTGRES_CONNECTIONS,
    POSTGRES_UP,
    REDIS_MEMORY,
    REDIS_UP,
    UP,
)

_LOOKED, _FEATURES = LOOKUPS.samples[0], FEATURE_LOOKUPS.samples[0]
_BUCKET = f"{DURATION.name}_bucket"


def _quantile(share: float, bucket: str, window: str = "5m") -> str:
    return f"histogram_quantile({share:g}, sum by (le) (rate({bucket}[{window}])))"


INFRASTRUCTURE = Dashboard(
    "infrastructure",
    "Service, schedule and machine",
    (
        Panel(
            "Targets that answer",
            "1 where the last look of Prometheus worked.",
            (Query(UP.name, "{{job}} {{instance}}"),),
            Unit.YES,
            Shape.NUMBERS,
            width=8,
        ),
        Panel(
            "Ready",
            "1 when requests can be answered, by every worker.",
            (Query(READY.name, "ready"),),
            Unit.YES,
            Shape.NUMBERS,
            width=4,
        ),
        Panel(
            "Free space",
            "Share of the disk below each folder that is written into.",
            (Query(DISK_FREE.name, "{{place}}"),),
            Unit.SHARE,
            Shape.NUMBERS,
            width=6,
        ),
        Panel(
            "Not recorded",
            "Answers and feedback that are in no store; none should be.",
            (Query(UNRECORDED.samples[0], "answers"),),
            shape=Shape.NUMBERS,
            width=6,
            limit=0.5,
        ),
        Panel(
            "Requests",
            "By the status of the answer.",
            (Query(f"sum by (status) (rate({REQUESTS.samples[0]}[5m]))", "{{status}}"),),
            Unit.PER_SECOND,
            width=12,
        ),
        Panel(
            "How long an answer takes",
            "Half of all, 95 and 99 of a hundred.",
            tuple(Query(_quantile(share, _BUCKET), f"{share:.0%}") for share in (0.5, 0.95, 0.99)),
            Unit.SECONDS,
            width=12,
            limit=1.0,
        ),
        Panel(
            "Errors",
            "Requests that got one, by its type.",
            (Query(f"sum by (type) (rate({ERRORS.samples[0]}[5m]))", "{{type}}"),),
            Unit.PER_SECOND,
            width=12,
            limit=0.1,
        ),
        Panel(
            "Features of a bar that nobody had asked for",
            "95 of a hundred.",
            (Query(_quantile(0.95, f"{RETRIEVAL.name}_bucket", "1h"), "95%"),),
            Unit.SECONDS,
            width=12,
            limit=0.5,
        ),
        Panel(
            "Answers that were found",
            "Share of looks for the answers of a bar that found them remembered, or shared in Redis.",
            (
                Query(
                    f'sum by (market) (rate({_LOOKED}{{found!="computed"}}[15m]))'
                    f" / sum by (market) (rate({_LOOKED}[15m]))",
                    "{{market}}",
                ),
            ),
            Unit.SHARE,
            width=6,
        ),
        Panel(
            "Features that were at hand",
            "Share of looks for the features of a bar that found them remembered, or in the feature store.",
            (
                Query(
                    f'sum by (market) (rate({_FEATURES}{{found!="computed"}}[15m]))'
                    f" / sum by (market) (rate({_FEATURES}[15m]))",
                    "{{market}}",
                ),
            ),
            Unit.SHARE,
            width=6,
        ),
        Panel(
            "Stores that are reached",
            "By their exporters, where these are scraped.",
            (Query(REDIS_UP.name, "Redis"), Query(POSTGRES_UP.name, "PostgreSQL")),
            Unit.YES,
            Shape.NUMBERS,
            width=6,
        ),
        Panel(
            "What the stores hold",
            "Connections to PostgreSQL, and memory of Redis in megabytes.",
            (
                Query(f"sum({POSTGRES_CONNECTIONS.name})", "PostgreSQL, connections"),
                Query(f"{REDIS_MEMORY.name} / 1e6", "Redis, megabytes"),
            ),
            shape=Shape.NUMBERS,
            width=6,
        ),
        Panel(
            "Waits to be stored",
            "Lines in the spool; they grow while the store is away.",
            (Query(WAITING.name, "lines"), Query(SPOOL_BYTES.name, "bytes")),
            width=8,
        ),
        Panel(
            "Behind",
            "Age of the moment until which all is stored, and of the last look for new files.",
            (Query(BEHIND.name, "stored"), Query(WATCH_AGE.name, "looked")),
            Unit.SECONDS,
            width=8,
        ),
        Panel(
            "Heartbeat of the schedule",
            "Seconds since it was last alive.",
            (Query(f"time() - {HEARTBEAT.name}", "scheduler"),),
            Unit.SECONDS,
            width=8,
        ),
        Panel(
            "What became of jobs",
            "Runs by their outcome, since the schedule was begun.",
            (Query(f"sum by (job, outcome) ({RUNS.samples[0]}) > 0", "{{job}} {{outcome}}"),),
            shape=Shape.BARS,
            width=16,
        ),
        Panel(
            "Jobs whose last run failed",
            "None should; the ones that runs told a push gateway of are among them.",
            (Query(f"sum({FAILED.name})", "jobs"),),
            shape=Shape.NUMBERS,
            width=8,
            limit=0.5,
        ),
        Panel(
            "How long jobs took",
            "Each the last time.",
            (Query(LAST_DURATION.name, "{{job}}"),),
            Unit.SECONDS,
            Shape.BARS,
            width=6,
        ),
        Panel(
            "Since jobs ended well",
            "Each; a job that is late has a rule of its own.",
            (Query(f"time() - {LAST_SUCCESS.name}", "{{job}}"),),
            Unit.SECONDS,
            Shape.BARS,
            width=6,
        ),
        Panel(
            "Failures of jobs",
            "Since the schedule was begun, after all their tries.",
            (Query(FAILURES.samples[0], "{{job}}"),),
            shape=Shape.BARS,
            width=6,
            limit=0.5,
        ),
        Panel(
            "Until jobs are due",
            "Below zero where one is late.",
            (Query(f"{NEXT_RUN.name} - time()", "{{job}}"),),
            Unit.SECONDS,
            Shape.BARS,
            width=6,
        ),
        Panel(
            "How busy GPUs are",
            "Empty where there is none.",
            (Query(GPU_BUSY.name, "{{gpu}} {{name}}"),),
            Unit.SHARE,
            width=8,
        ),
        Panel(
            "Memory of GPUs",
            "Share that is in use.",
            (Query(f"{GPU_MEMORY_USED.name} / {GPU_MEMORY_TOTAL.name}", "{{gpu}} {{name}}"),),
            Unit.SHARE,
            width=8,
            limit=0.95,
        ),
        Panel(
            "How hot GPUs are",
            "They slow themselves down somewhere above 85 degrees.",
            (Query(GPU_TEMPERATURE.name, "{{gpu}} {{name}}"),),
            Unit.CELSIUS,
            width=8,
            limit=85.0,
        ),
    ),
)
