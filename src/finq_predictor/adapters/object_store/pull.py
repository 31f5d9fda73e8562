"""Take a snapshot that others gave out, and publish it here."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from finq_predictor.adapters.layout import Layout, versions_of
from finq_predictor.adapters.object_store.common_ground import Exchanged, exchanged, remember
from finq_predictor.adapters.object_store.contents import Progress, download_all, silent
from finq_predictor.adapters.object_store.snapshots import Stored, StoredSnapshots
from finq_predictor.adapters.object_store.store import ObjectStore, Told
from finq_predictor.adapters.snapshots.content import NAMED, Kept, hash_of, keep
from finq_predictor.adapters.snapshots.manifest import Entry
from finq_predictor.adapters.snapshots.store import Snapshot, SnapshotStore
from finq_predictor.adapters.snapshots.work import forget_work, note_work
from finq_predictor.domain.errors import StoreError


def pull(
    root: Path,
    market: str,
    store: ObjectStore,
    *,
    name: str | None = None,
    replace: bool = False,
    progress: Progress = silent,
) -> Snapshot:
    """Fetch a snapshot and publish it in a folder of data, where readers take it over as any other.

    Files that are there already are not fetched again, so that a pull which was cut off goes on; each one is compared
    with its hash before it gets its name.

    Args:
        root: Folder of the data; made if need be.
        market: Name of the market.
        store: The object store.
        name: Id of the snapshot; None is the one that is given out.
        replace: Whether it takes the place of one that the store knows nothing of.
        progress: What is shown.

    Returns:
        The snapshot that is the newest here now; one that is ahead of the store stays.

    Raises:
        StoreError: If there is none, it is damaged, or this root went a way of its own.
        UnknownNameError: If there is none of this id.
    """
    local, remote = SnapshotStore(root, market), StoredSnapshots(store, market)
    given_out = name or remote.pointer().id
    if given_out is None:
        raise StoreError(f"Nothing of {market} was pushed to {store.address} yet.")
    newest = local.newest()
    if name is None and given_out != newest.id:
        ahead = given_out in local.ids()
        repeated = exchanged(local, store.address) == Exchanged(given_out, newest.id)
        if ahead or repeated:
            return newest
    _require_known(local, remote, newest, replace=replace)
    stored = remote.open(given_out)
    with ExitStack() as held:
        local.folder.mkdir(parents=True, exist_ok=True)
        note_work(local.folder, [entry.file for entry in stored.manifest.entries.values()])
        held.callback(forget_work, local.folder)
        absent = {each: entry for each, entry in stored.manifest.entries.items() if not _is_here(root, entry)}
        told = progress(sum(kept.size for each in absent for kept in stored.of(each).values()))
        for each in sorted(absent):
            _fetch(root, stored, each, store, told)
        published = local.adopt(stored.manifest, newest.id)
    remember(local, store.address, Exchanged(given_out, published.id))
    local.prune()
    return published


def _require_known(local: SnapshotStore, remote: StoredSnapshots, newest: Snapshot, *, replace: bool) -> None:
    """Only what others have had may be replaced by what came of it."""
    known = replace or not newest.manifest.number or newest.id == exchanged(local, remote.store.address).here
    if known or newest.id in remote.ids():
        return
    raise StoreError(
        f"{local.root} has {newest.id} of {local.market}, which was never pushed to {remote.store.address}: a run "
        "published it here. Pull into another folder with --root, or let what is pulled take its place with --replace; "
        "`finq data rollback` leads back."
    )


def _is_here(root: Path, entry: Entry) -> bool:
    place = root / entry.file
    return place.exists() and hash_of(place) == entry.content


def _fetch(root: Path, stored: Stored, dataset: str, store: ObjectStore, told: Told) -> None:
    entry, market = stored.manifest.entries[dataset], stored.manifest.market
    place = Layout(root).place(market, dataset)
    # Where a file comes to lie is ours to say; a manifest that says something else is not followed.
    expected = versions_of(place) / f"{entry.content[:NAMED]}{place.suffix}"
    if root / entry.file != expected:
        raise StoreError(f"{stored.id} wants {dataset} at {entry.file}; it belongs at {expected.relative_to(root)}.")
    files = stored.of(dataset)

    def write(fresh: Path) -> None:
        download_all(store, _placed(files, entry.file, fresh), told)
        if not fresh.exists() or hash_of(fresh) != entry.content:
            raise StoreError(f"The files of {dataset} in {stored.id} are not those it was made of; push it --again.")

    keep(expected.parent, place.suffix, write)


def _placed(files: Mapping[str, Kept], place: str, fresh: Path) -> dict[Path, Kept]:
    """Where the files of a dataset are written: the one of a file, or those within a folder."""
    return {fresh if name == place else fresh / name.removeprefix(f"{place}/"): kept for name, kept in files.items()}
