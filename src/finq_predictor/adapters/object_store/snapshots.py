"""Snapshots of a market in an object store: the files by their content first, then the manifest, the pointer last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from finq_predictor.adapters.object_store.contents import safe_path
from finq_predictor.adapters.object_store.store import ObjectStore
from finq_predictor.adapters.snapshots.content import Kept, hash_of
from finq_predictor.adapters.snapshots.manifest import Manifest
from finq_predictor.adapters.snapshots.store import POINTER, Snapshot
from finq_predictor.adapters.typed_json import from_json, to_json
from finq_predictor.domain.errors import StoreError, UnknownNameError

FOLDER = "snapshots/"
_ADVICE = "Push it again with --again from where it is whole, or pull another one."


@dataclass(frozen=True)
class Stored:
    """A snapshot as an object store has it.

    Attributes:
        manifest: What it holds.
        files: Path below the root of the data -> the file; of a dataset that is a folder, every file in it.
    """

    manifest: Manifest
    files: Mapping[str, Kept]

    @property
    def id(self) -> str:
        """Id of the snapshot."""
        return self.manifest.id

    def of(self, dataset: str) -> dict[str, Kept]:
        """The files of one dataset, by their path below the root."""
        place = self.manifest.entries[dataset].file
        return {safe_path(name): kept for name, kept in self.files.items() if f"{name}/".startswith(f"{place}/")}


class Pointer(NamedTuple):
    """Which snapshot a store gives out, and what to name to replace it."""

    id: str | None
    etag: str | None


class StoredSnapshots:
    """The snapshots of one market in an object store.

    Args:
        store: The place.
        market: Name of the market.
    """

    def __init__(self, store: ObjectStore, market: str) -> None:
        self.store, self.market = store, market
        self.folder = f"{FOLDER}{market}/"

    def pointer(self) -> Pointer:
        """The one that is given out; none before the first."""
        found = self.store.read(self.folder + POINTER)
        return Pointer(None, None) if found is None else Pointer(found.content.decode("ascii").strip(), found.etag)

    def point(self, name: str, instead_of: Pointer) -> bool:
        """Give out another one, if nobody else has done so since; says whether."""
        return self.store.put(self.folder + POINTER, f"{name}\n".encode(), instead_of.etag)

    def ids(self) -> list[str]:
        """Ids of those that are stored, the oldest first."""
        names = (listed.name.removeprefix(self.folder) for listed in self.store.names(self.folder))
        return sorted(name.removesuffix(".json") for name in names if name.endswith(".json"))

    def open(self, name: str) -> Stored:
        """One that is stored.

        Raises:
            UnknownNameError: If there is none of this id.
            StoreError: If what is stored is no snapshot, or another one.
        """
        found = self.store.read(f"{self.folder}{name}.json")
        if found is None:
            raise UnknownNameError(f"snapshot of {self.market} at {self.store.address}", name, self.ids())
        place = f"{self.store.address}/{self.folder}{name}.json"
        stored = from_json(Stored, found.content, place, _ADVICE)
        if stored.id != name or stored.manifest.market != self.market:
            raise StoreError(f"{place} holds the snapshot {stored.id}; it was renamed or changed. {_ADVICE}")
        return stored

    def write(self, stored: Stored, *, again: bool) -> None:
        """Store a manifest; the files that it names are there already."""
        name, content = f"{self.folder}{stored.id}.json", to_json(stored).encode()
        if again and (known := self.store.read(name)) is not None:
            self.store.put(name, content, known.etag)
        else:
            self.store.put(name, content)


def described(snapshot: Snapshot) -> Stored:
    """A snapshot on the disk with the hash of every single file.

    Raises:
        StoreError: If a file is gone or not what was stored.
    """
    if damage := snapshot.damaged():
        raise StoreError(
            f"{snapshot.id} is not whole, and is not given to others: {'; '.join(damage.values())}. Look at it with: "
            "finq data verify"
        )
    files: dict[str, Kept] = {}
    for entry in snapshot.manifest.entries.values():
        place = snapshot.root / entry.file
        inside = [path for path in sorted(place.rglob("*")) if path.is_file()] if place.is_dir() else [place]
        for path in inside:
            content = hash_of(path) if place.is_dir() else entry.content
            files[path.relative_to(snapshot.root).as_posix()] = Kept(content, path.stat().st_size)
    return Stored(snapshot.manifest, files)
