"""What backups say of themselves in files of metrics, which are written when one is good and at no other time."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from finq_predictor.adapters.atomic_file import write_text_atomically
from finq_predictor.adapters.prometheus_text import prometheus_text
from finq_predictor.domain.metrics.surroundings import BACKUP_DUE, BACKUP_MADE, BACKUP_SIZE, DRILL_MADE, DRILL_SECONDS
from finq_predictor.domain.monitoring.gauges import Gauge


class Kind(StrEnum):
    """How often a backup is made."""

    DAILY = "daily"
    WEEKLY = "weekly"


_EVERY = {Kind.DAILY: timedelta(days=1), Kind.WEEKLY: timedelta(days=7)}


def tell_backup(folder: Path, kind: Kind, made_at: datetime, size: int) -> Path:
    """Say when a good backup was begun, and how large it is.

    Args:
        folder: Where the files of metrics lie.
        kind: How often it is made.
        made_at: When it was begun.
        size: In bytes.
    """
    about = {"kind": kind.value}
    gauges = [
        Gauge.of(BACKUP_MADE, [(about, made_at.timestamp())]),
        Gauge.of(BACKUP_DUE, [(about, (made_at + _EVERY[kind]).timestamp())]),
        Gauge.of(BACKUP_SIZE, [(about, float(size))]),
    ]
    return _write(folder / f"finq_backup_{kind}.prom", gauges)


def tell_drill(folder: Path, ended_at: datetime, seconds: float) -> Path:
    """Say when a backup was restored to try it, and how long that took."""
    gauges = [Gauge.of(DRILL_MADE, [({}, ended_at.timestamp())]), Gauge.of(DRILL_SECONDS, [({}, seconds)])]
    return _write(folder / "finq_restore_drill.prom", gauges)


def _write(file: Path, gauges: list[Gauge]) -> Path:
    write_text_atomically(file, prometheus_text(gauges))
    return file
