"""Compressed backups in a folder: one folder each, with one archive and a note that says what it must be.

The note is what makes it a backup of ours: its name, its time, and the checksum of the archive, which is compared
before anybody relies on it. Any `tar --zstd` opens the archive.
"""

from __future__ import annotations

import re
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, cast

from finq_predictor.adapters.atomic_file import own_name
from finq_predictor.adapters.backup import Inventory, made_whole, sweep
from finq_predictor.adapters.object_store.backups import folder_beside
from finq_predictor.adapters.snapshots.content import Kept, hash_of
from finq_predictor.adapters.typed_json import from_json, to_json
from finq_predictor.domain.errors import StoreError

NOTE, ARCHIVE = "archive.json", "backup.tar.zst"
_NAME = re.compile(r"finq-\d{8}T\d{6}Z")
_WRITTEN = "finq-%Y%m%dT%H%M%SZ"
_FORMAT = 1


@dataclass(frozen=True)
class Note:
    """What an archive says of itself.

    Attributes:
        name: Its name.
        made_at: When it was begun (ISO 8601, UTC).
        archive: Size and checksum of the compressed file.
        files: How many files are in it.
        size: Bytes of these.
        snapshots: Market -> id of the newest snapshot in it.
        form: Of which form it is.
    """

    name: str
    made_at: str
    archive: Kept
    files: int
    size: int
    snapshots: dict[str, str]
    form: int = _FORMAT


@dataclass(frozen=True)
class Archive:
    """A backup of ours in a folder of backups.

    Attributes:
        folder: Its own folder.
        note: What it says of itself.
    """

    folder: Path
    note: Note

    @property
    def made_at(self) -> datetime:
        """When it was begun."""
        return datetime.fromisoformat(self.note.made_at)

    def damage(self) -> str | None:
        """What is wrong with it, by its checksum; None where nothing is."""
        file = self.folder / ARCHIVE
        if not file.is_file():
            return f"{ARCHIVE} is gone"
        if file.stat().st_size != self.note.archive.size or hash_of(file) != self.note.archive.content:
            return f"{ARCHIVE} is not what was written"
        return None


def archive_name(moment: datetime) -> str:
    """The name of a backup that is begun at a moment."""
    return moment.astimezone(UTC).strftime(_WRITTEN)


def is_name(name: str) -> bool:
    """Whether a name is one that backups by schedule have."""
    return bool(_NAME.fullmatch(name))


def make_archive(place: Path, moment: datetime, gather: Callable[[Path], Inventory]) -> Archive:
    """Make a compressed backup; it has its name when all of it is on the disk, and its checksum was compared.

    Args:
        place: The folder of backups; it is made if need be.
        moment: When it is begun, which names it.
        gather: Copies all that it shall hold into a folder that it makes.

    Raises:
        StoreError: If there is one of this name, or what was written cannot be read back.
    """
    name = archive_name(moment)
    place.mkdir(parents=True, exist_ok=True)
    if (place / name).exists():
        raise StoreError(f"There is a backup {name} in {place} already; wait a second.")
    with made_whole(place / name) as work:
        copy = work / "all"
        inventory = gather(copy)
        with _packing(work / ARCHIVE) as archive:
            archive.add(copy, arcname=".")
        shutil.rmtree(copy)
        kept = Kept(hash_of(work / ARCHIVE), (work / ARCHIVE).stat().st_size)
        note = Note(name, inventory.made_at, kept, len(inventory.files), inventory.size, inventory.snapshots)
        (work / NOTE).write_text(to_json(note) + "\n", encoding="utf-8")
        (work / NOTE).chmod(0o600)
        (work / ARCHIVE).chmod(0o600)
    made = Archive(place / name, note)
    if (damage := made.damage()) is not None:
        raise StoreError(f"The backup {made.folder} is not whole after it was written: {damage}. Look at the disk.")
    return made


def archives_in(place: Path) -> list[Archive]:
    """The backups of ours in a folder, the oldest first; whatever else lies there is none of them."""
    found = []
    for folder in sorted(place.glob("finq-*")):
        try:
            found.append(read_archive(folder))
        except StoreError:
            continue
    return sorted(found, key=lambda one: one.made_at)


def read_archive(folder: Path) -> Archive:
    """One backup.

    Raises:
        StoreError: If it is none of ours.
    """
    file = folder / NOTE
    if not is_name(folder.name) or folder.is_symlink() or not file.is_file():
        raise StoreError(f"{folder} is no compressed backup: there is no {NOTE} in it, or it has another name.")
    note = from_json(Note, file.read_bytes(), file, "Take another backup.")
    if note.name != folder.name or note.form != _FORMAT:
        raise StoreError(f"{folder} is called otherwise than its note says, or is of another form; take another one.")
    return Archive(folder, note)


def newest_good(place: Path) -> Archive:
    """The newest backup in a folder whose checksum is right.

    Raises:
        StoreError: If there is none; says what is wrong with those that are there.
    """
    wrong = []
    for one in reversed(archives_in(place)):
        if (damage := one.damage()) is None:
            return one
        wrong.append(f"{one.note.name}: {damage}")
    raise StoreError(f"There is no good backup in {place}{': ' + '; '.join(wrong[:5]) if wrong else ''}.")


@contextmanager
def unpacked(archive: Archive, place: Path) -> Iterator[Path]:
    """All that is in a backup, in a folder beside a place for as long as it takes.

    Raises:
        StoreError: If it is damaged.
    """
    import pyarrow as pa

    if (damage := archive.damage()) is not None:
        raise StoreError(f"The backup {archive.folder} is damaged: {damage}. Take another one.")
    try:
        with folder_beside(place) as folder:
            with (
                pa.OSFile(str(archive.folder / ARCHIVE), "rb") as raw,
                pa.CompressedInputStream(raw, "zstd") as plain,
                tarfile.open(fileobj=cast("Any", _Readable(plain)), mode="r|") as opened,
            ):
                opened.extractall(folder, filter="data")
            yield folder
    except tarfile.TarError as error:
        raise StoreError(f"The backup {archive.folder} cannot be opened: {error}. Take another one.") from None


class Cleared(NamedTuple):
    """What was cleared away.

    Attributes:
        removed: Names of the backups.
        kept: Those that stay, the oldest first.
        damaged: What is wrong with those that were looked at and are not whole.
    """

    removed: list[str]
    kept: list[Archive]
    damaged: list[str]


def clear_old(place: Path, keep: timedelta, now: datetime) -> Cleared:
    """Remove backups that are too old: never the newest good one, never one while no newer one is good, nothing else.

    Args:
        place: The folder of backups.
        keep: How long they are kept.
        now: The time.
    """
    sweep(place)
    every, wrong = archives_in(place), []
    good = None
    for one in reversed(every):
        if (damage := one.damage()) is None:
            good = one
            break
        wrong.append(f"{one.note.name}: {damage}")
    # Without a good one, what is old may be all that is left.
    old = [] if good is None else [one for one in every if one.made_at < min(now - keep, good.made_at)]
    for one in old:
        going = one.folder.with_name(f".{one.folder.name}.{own_name()}.tmp")
        # In one step, so that nobody takes the half of it for a backup.
        one.folder.rename(going)
        shutil.rmtree(going)
    removed = [one.note.name for one in old]
    return Cleared(removed, [one for one in every if one.note.name not in removed], wrong)


@contextmanager
def _packing(file: Path) -> Iterator[tarfile.TarFile]:
    import pyarrow as pa

    with (
        pa.OSFile(str(file), "wb") as raw,
        pa.CompressedOutputStream(raw, "zstd") as packed,
        tarfile.open(fileobj=cast("Any", packed), mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        yield archive


class _Readable:
    """A stream of Arrow as `tarfile` reads it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        """So many bytes, fewer at the end only."""
        parts = []
        while size and (part := self._stream.read(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)
