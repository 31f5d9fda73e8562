"""Everything that is ours at one moment, in one folder: data, what the service wrote, configuration and databases.

The parts are folders: ``data`` and ``state`` are backups as `adapters.backup` makes them, ``configuration`` is that of
the project, ``databases`` holds the dumps. An inventory of all files lies beside them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from finq_predictor.adapters.archives.databases import (
    FOLDER,
    Database,
    databases,
    dump,
    dumps_in,
    restore_dump,
    targets,
)
from finq_predictor.adapters.backup import (
    INVENTORY,
    Inventory,
    back_up,
    damaged,
    made_whole,
    read_inventory,
    restore_files,
)
from finq_predictor.adapters.http.credentials import CREDENTIALS_FILE
from finq_predictor.adapters.snapshots.content import Kept, hash_of
from finq_predictor.adapters.typed_json import to_json
from finq_predictor.domain.errors import StoreError

DATA, STATE, CONFIGURATION = "data", "state", "configuration"
_PROJECT = ("conf", "pyproject.toml", "constraints.txt")


@dataclass(frozen=True)
class Ours:
    """Where everything lies that is ours.

    Attributes:
        root: Folder of the data.
        state: Folder that the service writes into; that of the data where it has none of its own.
        project: Root of the project, whose configuration comes along.
        secrets: Whether keys come along: what signs tokens, and the file of keys of providers.
    """

    root: Path
    state: Path
    project: Path
    secrets: bool = False


def gather(ours: Ours, target: Path) -> Inventory:
    """Copy everything into a folder, while it is used.

    Args:
        ours: Where it lies.
        target: The folder; it must not be there yet.

    Raises:
        StoreError: If there is nothing to copy, or a database cannot be dumped.
    """
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    with made_whole(target) as work:
        dump(databases(), work / FOLDER)
        data = back_up(ours.root, work / DATA, secrets=ours.secrets)
        if ours.state.resolve() != ours.root.resolve() and ours.state.is_dir() and any(ours.state.iterdir()):
            back_up(ours.state, work / STATE, secrets=ours.secrets, empty=True)
        _copy_configuration(ours, work / CONFIGURATION)
        files = {path.relative_to(work).as_posix(): Kept(hash_of(path), path.stat().st_size) for path in _files(work)}
        inventory = Inventory(made_at, data.snapshots, files)
        (work / INVENTORY).write_text(to_json(inventory), encoding="utf-8")
    return inventory


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*") if path.is_file())


def _copy_configuration(ours: Ours, target: Path) -> None:
    target.mkdir()
    for name in _PROJECT:
        source = ours.project / name
        if source.is_file():
            shutil.copy2(source, target / name)
        elif source.is_dir():
            for path in _files(source):
                if ours.secrets or path != ours.project / CREDENTIALS_FILE:
                    copy = target / path.relative_to(ours.project)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(path, copy)


def is_gathered(inventory: Inventory) -> bool:
    """Whether an inventory is that of such a folder, and not of data alone."""
    return f"{DATA}/{INVENTORY}" in inventory.files


@dataclass(frozen=True)
class Places:
    """Where everything is restored.

    Attributes:
        root: Folder of the data.
        state: Folder that the service writes into; None leaves what is for it beside the data, see `restore_gathered`.
        configuration: Folder of the configuration; None restores none.
        databases: The databases that take the dumps; None restores none.
    """

    root: Path
    state: Path | None = None
    configuration: Path | None = None
    databases: Sequence[Database] | None = None


Timed = Callable[[str], AbstractContextManager[object]]
"""Takes the name of a step, and knows how long what is done within takes."""


def restore_gathered(source: Path, places: Places, timed: Timed = nullcontext) -> Inventory:
    """Restore everything from such a folder; what is there already is never touched.

    All is compared and all places are looked at before anything is made; the databases come before the folders, each
    whole or not at all.

    Args:
        source: The folder.
        places: Where everything is restored.
        timed: Knows how long each step takes.

    Raises:
        StoreError: If the backup is not whole, or there is something at a place.
        ConfigurationError: If a dump has no database to go to, or the state no folder.
    """
    inventory = read_inventory(source)
    with timed("compare"):
        if damage := damaged(source, inventory):
            raise StoreError(f"The backup is not whole: {'; '.join(damage[:5])}. Take another one.")
    folders = _folders(source, places)
    for folder in folders.values():
        if folder.exists() and any(folder.iterdir()):
            raise StoreError(f"There is something in {folder}; restore into a folder that is empty or not there yet.")
    if places.databases is not None and (dumps := dumps_in(source)):
        wanted = targets(dumps, places.databases)
        with timed("databases"):
            for path, one in wanted.items():
                restore_dump(path, one)
    with timed("files"):
        for name, folder in folders.items():
            part = source / name
            if name == CONFIGURATION:
                shutil.copytree(part, folder, dirs_exist_ok=True)
            else:
                restore_files(read_inventory(part), partial(_copy_part, part), folder)
    return inventory


def _folders(source: Path, places: Places) -> dict[str, Path]:
    found = {DATA: places.root}
    if (source / STATE).is_dir():
        if places.state is None:
            raise StoreError(
                "The backup holds what the service wrote into a folder of its own; name a folder for it by --state."
            )
        found[STATE] = places.state
    if places.configuration is not None:
        found[CONFIGURATION] = places.configuration
    return found


def _copy_part(part: Path, work: Path) -> None:
    for name in read_inventory(part).files:
        copy = work / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(part / name, copy)
