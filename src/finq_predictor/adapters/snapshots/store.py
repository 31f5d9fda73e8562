"""The snapshots of a market on the disk: manifests that are never changed, and one pointer that is swapped."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from finq_predictor.adapters.atomic_file import write_text_atomically
from finq_predictor.adapters.layout import Layout, how_to_make
from finq_predictor.adapters.snapshots.content import hash_of, versions_in
from finq_predictor.adapters.snapshots.manifest import Entry, Manifest
from finq_predictor.adapters.snapshots.work import files_at_work
from finq_predictor.adapters.typed_json import from_json, to_json
from finq_predictor.domain.errors import StoreError, UnknownNameError
from finq_predictor.domain.market.markets import MARKETS

if TYPE_CHECKING:
    from filelock import FileLock

logger = logging.getLogger(__name__)
FOLDER = "snapshots"
POINTER = "current"
KEPT = 20
GRACE_S = 3600.0
_ADVICE = "Restore it from a backup, or take an older one: finq data rollback."
_ATTEMPTS = 5
_PAUSE_S = 0.05
_told: set[tuple[Path, str, str]] = set()


@dataclass(frozen=True)
class Snapshot:
    """One state of a market's stored data; it can be read as long as it is kept.

    Attributes:
        root: Folder of the data.
        manifest: What it holds.
    """

    root: Path
    manifest: Manifest

    @property
    def id(self) -> str:
        """Id of the snapshot."""
        return self.manifest.id

    def has(self, name: str) -> bool:
        """Whether a dataset was ever stored."""
        return name in self.manifest.entries

    def path(self, name: str) -> Path:
        """Where the version of a dataset lies that belongs to this snapshot.

        Whoever reads it is told in the log, once, when it was made from something that was replaced since.

        Args:
            name: Dataset as the catalog names it after the market.

        Raises:
            StoreError: If it was never stored; says how to make it.
        """
        if name not in self.manifest.entries:
            place = Layout(self.root).place(self.manifest.market, name)
            raise StoreError(f"There is no {name} of {self.manifest.market} below {self.root}. {how_to_make(place)}")
        if (behind := self.behind(name)) and (self.root, self.manifest.market, behind) not in _told:
            _told.add((self.root, self.manifest.market, behind))
            logger.warning("%s", behind)
        return self.root / self.manifest.entries[name].file

    def behind(self, name: str) -> str:
        """What a dataset was made from and that is another one by now, in a sentence; empty where it is up to date."""
        found = self.manifest.behind(name)
        if not found:
            return ""
        what = ", ".join(f"{parent} {happened}" for parent, happened in sorted(found.items()))
        return (
            f"The {name} of {self.manifest.market} is older than what it was made from ({what}). "
            f"{how_to_make(Layout(self.root).place(self.manifest.market, name))}"
        )

    def copy(self, root: Path, names: Collection[str] | None = None) -> Snapshot:
        """Copy datasets of this snapshot, and publish them, below another folder of data, where the market is absent.

        Args:
            root: The other folder.
            names: Which datasets; None is all.

        Raises:
            StoreError: If the market is there already.
        """
        there = SnapshotStore(root, self.manifest.market)
        if there.pointer.exists():
            raise StoreError(f"There is a {self.manifest.market} below {root} already; copy it to an empty folder.")
        held = {name: entry for name, entry in self.manifest.entries.items() if names is None or name in names}
        for entry in held.values():
            source, target = self.root / entry.file, root / entry.file
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            else:
                shutil.copy2(source, target)
        there.folder.mkdir(parents=True, exist_ok=True)
        return there.put(replace(self.manifest, entries=held))

    def damaged(self) -> dict[str, str]:
        """Datasets whose file is gone or no longer what was stored -> what is wrong with it."""
        return self.damaged_of(self.manifest.entries)

    def damaged_of(self, names: Iterable[str]) -> dict[str, str]:
        """The same of some datasets."""
        found = {}
        for name in names:
            entry = self.manifest.entries[name]
            path = self.root / entry.file
            if not path.exists():
                found[name] = f"{path} is gone"
            elif hash_of(path) != entry.content:
                found[name] = f"{path} is not what was stored"
        return found


class SnapshotStore:
    """The snapshots of one market below one folder of the data.

    Args:
        root: Folder of the data.
        market: Name of the market.
        kept: How many of the newest snapshots can be read and rolled back to.
    """

    def __init__(self, root: Path | str, market: str, kept: int = KEPT) -> None:
        self.root, self.market, self.kept = Path(root), market, kept
        self.folder = self.root / FOLDER / market
        self.pointer = self.folder / POINTER

    def newest(self) -> Snapshot:
        """The snapshot that was published last; an empty one before the first.

        Raises:
            StoreError: If its manifest is gone or damaged; says what to do.
        """
        for attempt in range(_ATTEMPTS):
            try:
                name = self.pointer.read_text(encoding="ascii").strip()
            except FileNotFoundError:
                return Snapshot(self.root, Manifest(self.market, 0, "", "", {}))
            try:
                return Snapshot(self.root, self._read(name))
            except StoreError:
                # Between the two reads so many may have been published that this one is no longer kept.
                if attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(_PAUSE_S)
        raise AssertionError("unreachable")

    def open(self, name: str) -> Snapshot:
        """A snapshot that is kept.

        Args:
            name: Its id, or the beginning of it if no other begins so.

        Raises:
            UnknownNameError: If there is none; near misses are named.
        """
        ids = self.ids()
        found = [each for each in ids if each.startswith(name)]
        if len(found) != 1 or not name:
            raise UnknownNameError(f"snapshot of {self.market}", name, ids)
        return Snapshot(self.root, self._read(found[0]))

    def ids(self) -> list[str]:
        """Ids of the snapshots that are kept, the oldest first."""
        return sorted(path.stem for path in self.folder.glob("[0-9]*.json"))

    def publish(self, changed: Mapping[str, Entry], by: str) -> Snapshot:
        """Make a state the one that readers open, in one step.

        Args:
            changed: The datasets that are others than in the newest snapshot.
            by: How the run was started.

        Returns:
            The new snapshot; the newest one as it is, where nothing is other.
        """
        with self._publishing():
            newest = self.newest().manifest
            entries = newest.entries
            other = {
                name: entry
                for name, entry in changed.items()
                if name not in entries or _facts(entries[name]) != _facts(entry)
            }
            if not other:
                return Snapshot(self.root, newest)
            return self.put(newest.following(other, published_at=_now(), by=by))

    def roll_back(self, name: str, by: str, keep: Mapping[str, Entry] | None = None) -> Snapshot:
        """Publish what an older snapshot holds as a new one.

        Args:
            name: Id of the older one.
            by: How it was asked for.
            keep: Datasets that stay as they are.
        """
        older = self.open(name).manifest
        with self._publishing():
            newest = self.newest().manifest
            back = replace(
                older,
                number=newest.number + 1,
                published_at=_now(),
                by=by,
                entries={**older.entries, **(keep or {})},
                rolled_back_to=older.id,
            )
            return self.put(back)

    def adopt(self, manifest: Manifest, seen: str) -> Snapshot:
        """Publish a snapshot that was made elsewhere, whose files are here by now.

        Args:
            manifest: What it holds. It keeps its id, unless that is no newer than the newest here: then it is published
                as a new one which repeats it, as after a rollback.
            seen: Id of the snapshot that was the newest when it was decided to do so.

        Raises:
            StoreError: If another one was published meanwhile.
        """
        with self._publishing():
            newest = self.newest().manifest
            if newest.id != seen:
                raise StoreError(
                    f"{newest.id} of {self.market} was published below {self.root} meanwhile (`{newest.by}`); decide "
                    "again with a look at that."
                )
            if manifest.id == newest.id:
                return Snapshot(self.root, newest)
            if manifest.number <= newest.number:
                number, repeated = newest.number + 1, manifest.id
                manifest = replace(manifest, number=number, published_at=_now(), rolled_back_to=repeated)
            return self.put(manifest)

    def prune(self, now: float | None = None) -> list[Path]:
        """Remove the snapshots that are no longer kept, and files that neither a kept one nor a run at work needs.

        Args:
            now: Seconds since 1970; a file that was stored within the last hour stays. None is the clock.

        Returns:
            What was removed.
        """
        moment = time.time() if now is None else now
        with self._publishing():
            ids = self.ids()
            dropped = [self.folder / f"{name}.json" for name in ids[: -self.kept] if name != self.newest().id]
            for manifest in dropped:
                manifest.unlink(missing_ok=True)
            needed = {self.root / entry.file for name in self.ids() for entry in self._read(name).entries.values()}
            needed |= {self.root / file for file in files_at_work(self.folder)}
            stored = {version for folder in Layout(self.root).folders(self.market) for version in versions_in(folder)}
            old = [file for file in sorted(stored - needed) if file.stat().st_mtime < moment - GRACE_S]
            for path in old:
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
        return [*dropped, *old]

    def put(self, manifest: Manifest) -> Snapshot:
        """Write a manifest and let readers open it; whoever publishes goes through :meth:`publish`."""
        text = to_json(manifest)
        file = self.folder / f"{manifest.id}.json"
        write_text_atomically(file, text)
        write_text_atomically(self.pointer, f"{manifest.id}\n")
        return Snapshot(self.root, manifest)

    def _read(self, name: str) -> Manifest:
        file = self.folder / f"{name}.json"
        try:
            text = file.read_bytes()
        except OSError as error:
            raise StoreError(f"The snapshot {name} of {self.market} cannot be read: {error}. {_ADVICE}") from error
        manifest = from_json(Manifest, text, file, _ADVICE)
        if manifest.id != name:
            raise StoreError(f"{file} holds the snapshot {manifest.id}; it was renamed or changed. {_ADVICE}")
        return manifest

    def _publishing(self) -> FileLock:
        # What only reads, such as the service, does without the library.
        from filelock import FileLock

        self.folder.mkdir(parents=True, exist_ok=True)
        return FileLock(self.folder / ".publishing.lock", timeout=60)


def path_of(root: Path | str, market: str, dataset: str) -> Path:
    """Where the version of a dataset lies that was published last.

    Args:
        root: Folder of the data.
        market: Name of the market.
        dataset: As the catalog names it after the market.

    Raises:
        StoreError: If it was never stored; says how to make it.
    """
    return SnapshotStore(root, market).newest().path(dataset)


def markets_with(root: Path | str, dataset: str) -> list[str]:
    """The markets of which a dataset was published below a folder of data, sorted."""
    return [market for market in sorted(MARKETS) if SnapshotStore(root, market).newest().has(dataset)]


def _facts(entry: Entry) -> tuple[object, ...]:
    """What makes an entry another one: not when it was made."""
    return entry.content, dict(entry.parents), entry.code, entry.known_until


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
