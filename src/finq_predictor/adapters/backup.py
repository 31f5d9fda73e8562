"""A whole folder of data, copied as one state while it is in use, and restored anywhere."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from finq_predictor.adapters.atomic_file import flush, is_of_the_dead, own_name
from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.adapters.chained_file import copy_chained, lock_of
from finq_predictor.adapters.layout import Folder, Layout
from finq_predictor.adapters.snapshots.content import Kept, hash_of, others_in
from finq_predictor.adapters.snapshots.manifest import Manifest
from finq_predictor.adapters.snapshots.store import FOLDER, POINTER, SnapshotStore
from finq_predictor.adapters.snapshots.work import forget_work, note_work
from finq_predictor.adapters.tracking_database import prepare
from finq_predictor.adapters.typed_json import from_json, to_json
from finq_predictor.domain.errors import StoreError, UnknownNameError
from finq_predictor.domain.market.markets import MARKETS

INVENTORY = "backup.json"
CHAINED = ("trials.jsonl", "promotions.jsonl")
"""Files whose last line is known by the lock file beside them."""
_UNFINISHED = re.compile(r"\..+\.([A-Za-z0-9]+-\d+)\.tmp")


@dataclass(frozen=True)
class Inventory:
    """What a backup holds.

    Attributes:
        made_at: When it was begun (ISO 8601, UTC).
        snapshots: Market -> id of the snapshot that is its newest.
        files: Path below the folder -> the file.
    """

    made_at: str
    snapshots: dict[str, str]
    files: dict[str, Kept]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files.values())


def secrets_of(root: Path) -> list[Path]:
    """The keys that lie in a folder of data: what signs tokens, and what divides callers among challengers.

    Whoever has the first can be anybody to the service; a backup holds them only where somebody says so.
    """
    layout = Layout(root)
    known = [layout.token_secret, *(layout.experiment_key(market) for market in sorted(MARKETS))]
    return [path for path in known if path.is_file()]


def back_up(
    root: Path, target: Path, done: Callable[[], object] = bool, *, secrets: bool = False, empty: bool = False
) -> Inventory:
    """Copy a folder of data as one state; runs and the service may use it meanwhile.

    The snapshots that are kept come with all their files, deliveries up to the last one that was noted when the copy
    began, the ledger as it was at one moment, the database, the store of what was served and the accounts as they were
    at one moment, and the files of experiments that the former names. What a service has recorded and not stored yet is
    left out.

    Args:
        root: Folder of the data.
        target: Folder of the backup; it must not be there yet.
        done: Called after every file that was copied.
        secrets: Whether what :func:`secrets_of` names comes along, readable by its owner alone.
        empty: Whether there may be nothing to copy.

    Returns:
        What was copied, with hashes.

    Raises:
        StoreError: If there is nothing to copy, or something at the target.
    """
    if target.exists():
        raise StoreError(f"There is something at {target} already; name a folder that is not there yet.")
    layout = Layout(root)
    # A folder that only a service writes into has no snapshots.
    if not empty and not any(path.exists() for path in (root / FOLDER, layout.store, layout.accounts)):
        raise StoreError(f"Nothing was published below {root}, nor served; there is nothing to back up.")
    with made_whole(target) as work, ExitStack() as held:
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        snapshots: dict[str, str] = {}
        for market in sorted(MARKETS):
            if (name := _copy_snapshots(root, work, market, held)) is not None:
                snapshots[market] = name
        _copy_database(layout.database, Layout(work).database)
        _copy_database(layout.store, Layout(work).store)
        _copy_database(layout.accounts, Layout(work).accounts)
        keys = secrets_of(root)
        for source in (*(path for path in _others(root) if path not in keys), *(keys if secrets else ())):
            _copy(source, work / source.relative_to(root))
        _keep_private(work)
        files = {}
        for path in sorted(path for path in work.rglob("*") if path.is_file()):
            files[path.relative_to(work).as_posix()] = Kept(hash_of(path), path.stat().st_size)
            done()
        inventory = Inventory(made_at, snapshots, files)
        (work / INVENTORY).write_text(to_json(inventory), encoding="utf-8")
    return inventory


def restore(source: Path, root: Path, done: Callable[[], object] = bool) -> Inventory:
    """Make a folder of data of a backup, wherever it shall lie; what is there already is never touched.

    Args:
        source: Folder of the backup.
        root: Folder of the data; it must not be there yet, or be empty.
        done: Called after every file that was restored.

    Raises:
        StoreError: If the backup is not whole, names what is wrong; or if there is something at the place.
    """
    inventory = read_inventory(source)

    def copy(work: Path) -> None:
        if damage := damaged(source, inventory):
            raise StoreError(f"The backup {source} is not whole: {'; '.join(damage[:5])}. Take another one.")
        for name in inventory.files:
            _copy(source / name, work / name)
            done()

    restore_files(inventory, copy, root)
    return inventory


def restore_files(inventory: Inventory, fetch: Callable[[Path], None], root: Path) -> None:
    """Make a folder of data of files, wherever they come from, whole or not at all.

    Args:
        inventory: What they must be.
        fetch: Writes them into a folder.
        root: Folder of the data; it must not be there yet, or be empty.

    Raises:
        StoreError: If there is something at the place, or the files are not those of the inventory.
    """
    if root.exists() and any(root.iterdir()):
        raise StoreError(f"There is something in {root}; restore into a folder that is empty or not there yet.")
    with made_whole(root) as work:
        fetch(work)
        if damage := damaged(work, inventory):
            raise StoreError(f"What was restored is not what was backed up: {'; '.join(damage[:5])}. Try again.")
        _keep_private(work)
    if Layout(root).database.exists():
        prepare(Layout(root).tracking_uri)


def read_inventory(source: Path) -> Inventory:
    """What a backup says it holds.

    Raises:
        StoreError: If it is no backup.
    """
    file = source / INVENTORY
    if not file.is_file():
        raise StoreError(f"{source} is no backup: there is no {INVENTORY} in it.")
    return from_json(Inventory, file.read_bytes(), file, "Take another backup.")


def damaged(folder: Path, inventory: Inventory) -> list[str]:
    """Files that are gone or other than they were backed up."""
    found = []
    for name, kept in inventory.files.items():
        path = folder / name
        if not path.is_file():
            found.append(f"{name} is gone")
        elif path.stat().st_size != kept.size or hash_of(path) != kept.content:
            found.append(f"{name} is not what was backed up")
    return found


def _copy_snapshots(root: Path, work: Path, market: str, held: ExitStack) -> str | None:
    """Copy every snapshot of a market that is kept; nobody clears their files away until the backup ends."""
    store = SnapshotStore(root, market)
    if not store.pointer.exists():
        return None
    newest = store.newest()
    manifests = {newest.id: newest.manifest}
    manifests |= {name: manifest for name in store.ids() if (manifest := _still_there(store, name)) is not None}
    files = sorted({entry.file for manifest in manifests.values() for entry in manifest.entries.values()})
    note_work(store.folder, files)
    held.callback(forget_work, store.folder)
    for file in files:
        if (root / file).exists():
            _copy(root / file, work / file)
    folder = work / FOLDER / market
    folder.mkdir(parents=True)
    for name, manifest in manifests.items():
        if all((work / entry.file).exists() for entry in manifest.entries.values()):
            (folder / f"{name}.json").write_text(to_json(manifest), encoding="utf-8")
    (folder / POINTER).write_text(f"{newest.id}\n", encoding="utf-8")
    return newest.id


def _still_there(store: SnapshotStore, name: str) -> Manifest | None:
    """A manifest; None where it was cleared away a moment ago."""
    try:
        return store.open(name).manifest
    except (StoreError, UnknownNameError):
        return None


def _copy_database(source: Path, target: Path) -> None:
    if not source.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(source, timeout=60)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def _keep_private(root: Path) -> None:
    """Let only their owner read accounts and keys, wherever they were copied from: an object store knows no modes."""
    layout = Layout(root)
    if layout.access.is_dir():
        layout.access.chmod(0o700)
    for path in (layout.accounts, *secrets_of(root)):
        if path.exists():
            path.chmod(0o600)


def _others(root: Path) -> Iterator[Path]:
    """Everything that is neither a snapshot nor the database: deliveries, the ledger, pages, files of experiments."""
    for market in sorted(MARKETS):
        for folder in sorted((root / Folder.BRONZE / market).glob("*")):
            yield from _deliveries(folder)
        for layer in Layout(root).folders(market):
            yield from (path for path in sorted(others_in(layer)) if not _goes_along(path))
    yield from sorted(Path(place, name) for place, _, files in os.walk(Layout(root).artifacts) for name in files)


def _goes_along(path: Path) -> bool:
    """Whether it is the lock of a file that takes it along; copied later, it would know of lines that are not there."""
    return any(lock_of(path.with_name(name)) == path and path.with_name(name).exists() for name in CHAINED)


def _deliveries(folder: Path) -> Iterator[Path]:
    """The manifest first; while they are copied nobody merges them or adds to them."""
    store = BronzeStore(folder)
    # Where nothing can be written, nobody else can write either.
    with store.alone() if os.access(folder, os.W_OK) else nullcontext():
        yield from store.files()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.name in CHAINED:
        copy_chained(source, target)
    else:
        shutil.copy2(source, target)


def sweep(folder: Path) -> None:
    """Remove folders that killed processes of this machine were filling or emptying."""
    for left in folder.glob(".*.tmp"):
        match = _UNFINISHED.fullmatch(left.name)
        if match and is_of_the_dead(match[1]):
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def made_whole(target: Path) -> Iterator[Path]:
    """A folder to fill, which takes its name when it is filled; what fails leaves nothing.

    What killed processes of this machine left behind beside it is removed.
    """
    sweep(target.parent)
    work = target.with_name(f".{target.name}.{own_name()}.tmp")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        yield work
        for path in sorted(work.rglob("*"), reverse=True):
            flush(path)
        if target.exists():
            target.rmdir()
        work.rename(target)
        flush(target.parent)
    finally:
        shutil.rmtree(work, ignore_errors=True)
