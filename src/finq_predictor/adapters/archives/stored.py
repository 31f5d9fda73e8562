"""Backups by schedule in an object store: each a version of its own, whose files are shared by their content."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from finq_predictor.adapters.archives.archive import archive_name, is_name
from finq_predictor.adapters.backup import INVENTORY, Inventory
from finq_predictor.adapters.object_store.backups import (
    INVENTORIES,
    fetch_stored,
    folder_beside,
    inventory_name,
    read_stored,
    store_backup,
)
from finq_predictor.adapters.object_store.contents import OBJECTS, Progress, silent
from finq_predictor.adapters.object_store.prune import prune
from finq_predictor.adapters.object_store.store import ObjectStore
from finq_predictor.adapters.typed_json import to_json
from finq_predictor.domain.errors import StoreError


class Version(NamedTuple):
    """A stored backup.

    Attributes:
        name: Its name.
        inventory: What it holds.
    """

    name: str
    inventory: Inventory

    @property
    def made_at(self) -> datetime:
        """When it was begun."""
        return datetime.fromisoformat(self.inventory.made_at)


def store_version(
    root: Path,
    store: ObjectStore,
    moment: datetime,
    gather: Callable[[Path], Inventory],
    progress: Progress = silent,
) -> Version:
    """Store everything as it is now.

    Args:
        root: Folder of the data, beside which it is copied first.
        store: The object store; files that are there already are not sent again.
        moment: When it is begun, which names it.
        gather: Copies all that it shall hold into a folder that it makes.
        progress: What is shown of the sending.

    Raises:
        StoreError: If what arrived is not what was sent.
    """
    name = archive_name(moment)
    made = Version(name, store_backup(root, store, name, progress, make=gather))
    if absent := _absent(store, made):
        raise StoreError(
            f"{len(absent):,} files of the backup {name} at {store.address} are not there; store it again."
        )
    return made


def versions_in(store: ObjectStore) -> list[Version]:
    """The backups by schedule, the oldest first; those that somebody named himself are none of them."""
    names = [each.name.removeprefix(INVENTORIES).removesuffix(".json") for each in list(store.names(INVENTORIES))]
    found = [Version(name, read_stored(store, inventory_name(name))) for name in names if is_name(name)]
    return sorted(found, key=lambda one: one.made_at)


def newest_good_version(store: ObjectStore) -> Version:
    """The newest whose files are all there.

    Raises:
        StoreError: If there is none.
    """
    for one in reversed(versions_in(store)):
        if not _absent(store, one):
            return one
    raise StoreError(f"There is no good backup at {store.address}.")


@contextmanager
def fetched(store: ObjectStore, inventory: Inventory, beside: Path, progress: Progress = silent) -> Iterator[Path]:
    """All that is in a stored backup, in a folder beside another one for as long as it takes.

    Raises:
        StoreError: If a file is not there, or is damaged.
    """
    with folder_beside(beside) as folder:
        fetch_stored(store, inventory, folder, progress)
        (folder / INVENTORY).write_text(to_json(inventory), encoding="utf-8")
        yield folder


def clear_old_versions(store: ObjectStore, keep: timedelta, now: datetime) -> list[str]:
    """Remove versions that are too old, and files that nothing needs any more; never the newest good one.

    Args:
        store: The object store.
        keep: How long they are kept.
        now: The time.

    Returns:
        Names of those that were removed.
    """
    every = versions_in(store)
    good = next((one for one in reversed(every) if not _absent(store, one)), None)
    old = [] if good is None else [one.name for one in every if one.made_at < min(now - keep, good.made_at)]
    if old:
        store.remove(inventory_name(name) for name in old)
        # Snapshots that others push are not ours to clear away.
        prune(store, sys.maxsize)
    return old


def _absent(store: ObjectStore, version: Version) -> list[str]:
    """Contents that are not there, or have another size."""
    there = {each.name.removeprefix(OBJECTS): each.size for each in store.names(OBJECTS)}
    return [kept.content for kept in version.inventory.files.values() if there.get(kept.content) != kept.size]
