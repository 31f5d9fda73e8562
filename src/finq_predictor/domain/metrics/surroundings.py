"""What is measured of the machine, of certificates and of the score-cards, and what others say of us.

Of a GPU there is a figure only where there is one.
"""

from __future__ import annotations

from finq_predictor.domain.metrics.base import Kind, Metric

_MOMENT = "seconds since 1970"
DISK_FREE = Metric("finq_disk_free_ratio", Kind.GAUGE, "Share of the disk below a folder that is free.", ("place",))
CERTIFICATE = Metric(
    "finq_certificate_expires_timestamp_seconds",
    Kind.GAUGE,
    "When a certificate ends.",
    ("place",),
    _MOMENT,
)
_CARD = ("market", "model", "version", "arm", "horizon", "figure")
REALISED = Metric("finq_realised_figure", Kind.GAUGE, "A figure of a score-card.", _CARD)
REALISED_HIGH = Metric("finq_realised_high", Kind.GAUGE, "Upper end of the interval of such a figure.", _CARD)
PROMISED = Metric("finq_realised_promised", Kind.GAUGE, "What was promised of it at the promotion.", _CARD)
_GPU = ("gpu", "name")
GPU_BUSY = Metric("finq_gpu_utilisation_ratio", Kind.GAUGE, "Share of the last moment in which a GPU computed.", _GPU)
GPU_MEMORY_USED = Metric("finq_gpu_memory_used_bytes", Kind.GAUGE, "Memory of a GPU that is in use.", _GPU, "bytes")
GPU_MEMORY_TOTAL = Metric("finq_gpu_memory_size_bytes", Kind.GAUGE, "Memory that a GPU has.", _GPU, "bytes")
GPU_TEMPERATURE = Metric("finq_gpu_temperature_celsius", Kind.GAUGE, "How hot a GPU is.", _GPU, "degrees Celsius")
BACKUP_MADE = Metric(
    "finq_backup_made_timestamp_seconds", Kind.GAUGE, "When the last good backup was begun.", ("kind",), _MOMENT
)
BACKUP_DUE = Metric(
    "finq_backup_due_timestamp_seconds", Kind.GAUGE, "When the next backup is due, by the last one.", ("kind",), _MOMENT
)
BACKUP_SIZE = Metric("finq_backup_size_bytes", Kind.GAUGE, "Size of the last good backup.", ("kind",), "bytes")
DRILL_MADE = Metric(
    "finq_restore_drill_timestamp_seconds", Kind.GAUGE, "When a backup was last restored to try it.", (), _MOMENT
)
DRILL_SECONDS = Metric(
    "finq_restore_drill_duration_seconds", Kind.GAUGE, "How long that took, prediction included.", (), "seconds"
)
OF_BACKUPS = (BACKUP_MADE, BACKUP_DUE, BACKUP_SIZE, DRILL_MADE, DRILL_SECONDS)
OF_SURROUNDINGS = (
    *(DISK_FREE, CERTIFICATE, REALISED, REALISED_HIGH, PROMISED),
    *(GPU_BUSY, GPU_MEMORY_USED, GPU_MEMORY_TOTAL, GPU_TEMPERATURE, *OF_BACKUPS),
)

UP = Metric("up", Kind.GAUGE, "1 when the last scrape of a target worked.", ("job", "instance"), ours=False)
TEXT_FILE_WRITTEN = Metric(
    "node_textfile_mtime_seconds",
    Kind.GAUGE,
    "When a file of metrics was written.",
    ("file",),
    "seconds since 1970",
    ours=False,
)
REDIS_UP = Metric("redis_up", Kind.GAUGE, "1 while the exporter of Redis reaches it.", ("instance",), ours=False)
REDIS_MEMORY = Metric(
    "redis_memory_used_bytes", Kind.GAUGE, "Memory that Redis uses.", ("instance",), "bytes", ours=False
)
POSTGRES_UP = Metric("pg_up", Kind.GAUGE, "1 while the exporter of PostgreSQL reaches it.", ("instance",), ours=False)
POSTGRES_CONNECTIONS = Metric(
    "pg_stat_database_numbackends",
    Kind.GAUGE,
    "Connections to a database of PostgreSQL.",
    ("instance", "datname"),
    "connections",
    ours=False,
)
OF_OTHERS = (UP, TEXT_FILE_WRITTEN, REDIS_UP, REDIS_MEMORY, POSTGRES_UP, POSTGRES_CONNECTIONS)
