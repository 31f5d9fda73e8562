"""Whole folders of data in an object store: the files by their content first, the inventory last."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from finq_predictor.adapters.atomic_file import own_name
from finq_predictor.adapters.backup import Inventory, back_up, restore_files, sweep
from finq_predictor.adapters.object_store.address import Address
from finq_predictor.adapters.object_store.contents import (
    Progress,
    download_all,
    needing,
    safe_path,
    silent,
    upload_all,
)
from finq_predictor.adapters.object_store.store import ObjectStore
from finq_predictor.adapters.typed_json import from_json, to_json
from finq_predictor.domain.errors import StoreError

INVENTORIES = "backups/"
_ADVICE = "Take another backup."


def inventory_name(name: str) -> str:
    """Where the inventory of a backup lies."""
    return f"{INVENTORIES}{name}.json"


def store_backup(
    root: Path,
    store: ObjectStore,
    name: str,
    progress: Progress = silent,
    *,
    secrets: bool = False,
    make: Callable[[Path], Inventory] | None = None,
) -> Inventory:
    """Back a folder of data up into an object store, as one state, while it is in use.

    The state is copied beside the folder first, which needs as much room again, and sent from there.

    Args:
        root: Folder of the data.
        store: The object store; files that a snapshot or another backup has stored there are not sent again.
        name: Name of the backup; it must not be there yet.
        progress: What is shown of the sending.
        secrets: Whether keys come along, see :func:`~finq_predictor.adapters.backup.back_up`.
        make: Copies what is stored into a folder, in place of that.

    Raises:
        StoreError: If there is nothing to back up, or a backup of this name.
    """
    file = inventory_name(name)
    if store.read(file) is not None:
        raise StoreError(f"There is a backup {name} at {store.address} already; give another name.")
    with folder_beside(root) as folder:
        copy = folder / "backup"
        inventory = make(copy) if make is not None else back_up(root, copy, secrets=secrets)
        with needing(store, (kept.content for kept in inventory.files.values())):
            upload_all(store, {copy / each: kept for each, kept in inventory.files.items()}, progress=progress)
            content = to_json(inventory).encode()
            if not store.put(file, content) and ((found := store.read(file)) is None or found.content != content):
                raise StoreError(f"Somebody made a backup {name} at {store.address} meanwhile; give another name.")
    return inventory


@contextmanager
def folder_beside(root: Path) -> Iterator[Path]:
    """A folder on the same disk for as long as it takes; what killed processes left of theirs is removed."""
    parent = root.resolve().parent
    sweep(parent)
    folder = parent / f".finq-backup.{own_name()}.tmp"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fetch_stored(store: ObjectStore, inventory: Inventory, folder: Path, progress: Progress = silent) -> None:
    """Write every file of a stored backup below a folder, each compared with its content."""
    told = progress(inventory.size)
    download_all(store, {folder / safe_path(each): kept for each, kept in inventory.files.items()}, told)


def read_stored(store: ObjectStore, file: str) -> Inventory:
    """What a stored backup says it holds.

    Raises:
        StoreError: If there is none, or it cannot be read.
    """
    found = store.read(file)
    if found is None:
        there = ", ".join(
            each.name.removeprefix(INVENTORIES).removesuffix(".json") for each in store.names(INVENTORIES)
        )
        raise StoreError(f"There is no {file} at {store.address}; backups there: {there or 'none'}.")
    return from_json(Inventory, found.content, f"{store.address}/{file}", _ADVICE)


def restore_stored(store: ObjectStore, name: str, root: Path, progress: Progress = silent) -> Inventory:
    """Make a folder of data of a stored backup.

    Args:
        store: The object store.
        name: Name of the backup.
        root: Folder of the data; it must not be there yet, or be empty.
        progress: What is shown.

    Raises:
        StoreError: If there is no such backup, it is damaged, or there is something at the place.
    """
    inventory = read_stored(store, inventory_name(name))
    restore_files(inventory, lambda work: fetch_stored(store, inventory, work, progress), root)
    return inventory


def store_and_name(url: str) -> tuple[Address, str]:
    """The place and the name of a backup, from ``s3://bucket/prefix/NAME``."""
    return Address.parse(url).split()
