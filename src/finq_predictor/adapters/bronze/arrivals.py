"""When the source of a table of bronze last answered, whether it had anything new or not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from finq_predictor.adapters.atomic_file import write_text_atomically
from finq_predictor.adapters.bronze.call_notes import read_outages
from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.domain.errors import StoreError

ARRIVED = "arrived_at"
_PREFIX = "bronze_"


def note_arrival(folder: Path, now: datetime) -> None:
    """Note that a delivery was taken, unless a part of it could not be had.

    Args:
        folder: Where the deliveries of the table lie.
        now: The time.
    """
    if not read_outages(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_text_atomically(folder / ARRIVED, now.astimezone(UTC).isoformat(timespec="seconds") + "\n")


def arrived_at(folder: Path) -> datetime | None:
    """When the source last answered; None where that is not known.

    Raises:
        StoreError: If what was noted is no time.
    """
    try:
        text = (folder / ARRIVED).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise StoreError(
            f"{folder / ARRIVED} holds {text!r}, which is no time with a zone; remove it, it is noted anew with "
            "the next delivery."
        )
    return moment


def not_fresh(root: Path, datasets: Iterable[str], within: timedelta, now: datetime) -> list[str]:
    """What keeps a job waiting: a sentence for each table of bronze that did not come of late, or is not in silver yet.

    Jobs begin with silver, which is published when all gates have passed what came; so one that is under way, or was
    stopped by a gate, is waited for.

    Args:
        root: Folder of the data.
        datasets: Tables as the catalog names them, such as ``fx.bronze_bars``.
        within: What is older is not fresh.
        now: The time.

    Raises:
        UnknownNameError: If there is no such table.
        StoreError: If what was noted of one is no time.
    """
    found = []
    for dataset in datasets:
        market, _, name = dataset.partition(".")
        folder = Layout(root).place(market, name)
        moment = arrived_at(folder)
        if moment is None:
            found.append(f"{dataset} was never delivered")
        elif now - moment > within:
            found.append(f"{dataset} was delivered {(now - moment).total_seconds() / 60:,.0f} min ago")
        elif not _is_published(root, market, name, BronzeStore(folder).current()):
            found.append(f"{dataset} came and is not in silver yet; where no ingestion is under way, a gate stopped it")
    return found


def _is_published(root: Path, market: str, name: str, content: str) -> bool:
    """Whether the silver that readers see was made of what came last."""
    entries = SnapshotStore(root, market).newest().manifest.entries
    silver = entries.get(f"silver_{name.removeprefix(_PREFIX)}")
    return silver is not None and silver.parents.get(name) == content
