"""Give the newest snapshot of a market to others."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from finq_predictor.adapters.object_store.common_ground import Exchanged, exchanged, remember
from finq_predictor.adapters.object_store.contents import Progress, needing, silent, upload_all
from finq_predictor.adapters.object_store.snapshots import Pointer, Stored, StoredSnapshots, described
from finq_predictor.adapters.object_store.store import ObjectStore
from finq_predictor.adapters.snapshots.content import Kept
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.adapters.snapshots.work import forget_work, note_work
from finq_predictor.domain.errors import StoreError

_ATTEMPTS = 5


class Pushed(NamedTuple):
    """What a push did: the id that is given out now, files that were sent, and whether that is news."""

    id: str
    sent: int
    new: bool


def push(
    root: Path,
    market: str,
    store: ObjectStore,
    *,
    replace: bool = False,
    again: bool = False,
    progress: Progress = silent,
) -> Pushed:
    """Store the newest snapshot of a market and let others open it.

    Others see the old one or the new one, at every moment. What was sent by a push that was cut off is not sent again.

    Args:
        root: Folder of the data.
        market: Name of the market.
        store: The object store.
        replace: Whether it takes the place of one that this root knows nothing of.
        again: Whether every file is sent anew, because some in the store are damaged.
        progress: What is shown.

    Raises:
        StoreError: If nothing was published, a file is damaged, or somebody else gave out something in between.
    """
    local, remote = SnapshotStore(root, market), StoredSnapshots(store, market)
    newest = local.newest()
    if not newest.manifest.entries:
        raise StoreError(f"Nothing of {market} was published below {root}; there is nothing to push.")
    with ExitStack() as held:
        # Nobody clears away here what is being sent.
        note_work(local.folder, [entry.file for entry in newest.manifest.entries.values()])
        held.callback(forget_work, local.folder)
        pointer = remote.pointer()
        if pointer.id == newest.id and not again:
            remember(local, store.address, Exchanged(newest.id, newest.id))
            return Pushed(newest.id, 0, False)
        _require_known(local, store, pointer, replace=replace)
        stored = described(newest)
        held.enter_context(needing(store, (kept.content for kept in stored.files.values())))
        files: dict[Path, Kept] = {root / name: kept for name, kept in stored.files.items()}
        sent = upload_all(store, files, there=_there(remote, pointer), again=again, progress=progress)
        remote.write(stored, again=again)
        new = _point(local, remote, stored, pointer, replace=replace)
    remember(local, store.address, Exchanged(stored.id, stored.id))
    return Pushed(stored.id, sent, new)


def _point(local: SnapshotStore, remote: StoredSnapshots, stored: Stored, pointer: Pointer, *, replace: bool) -> bool:
    for _ in range(_ATTEMPTS):
        if pointer.id == stored.id:
            return False
        _require_known(local, remote.store, pointer, replace=replace)
        if remote.point(stored.id, pointer):
            return True
        # Somebody else was quicker; it may be that what they gave out is ours, or known to us.
        pointer = remote.pointer()
    raise StoreError(f"Others push {remote.market} to {remote.store.address} all the time; try again later.")


def _require_known(local: SnapshotStore, store: ObjectStore, pointer: Pointer, *, replace: bool) -> None:
    """Only what this root has had itself may be replaced by what came of it."""
    if (
        pointer.id is None
        or replace
        or pointer.id in local.ids()
        or pointer.id == exchanged(local, store.address).there
    ):
        return
    raise StoreError(
        f"{store.address} gives out {pointer.id} of {local.market}, which {local.root} has never had: somebody else "
        "pushed it. Pull it, or take its place all the same with --replace; it stays stored under its id."
    )


def _there(remote: StoredSnapshots, pointer: Pointer) -> set[str]:
    """Contents of what is given out, which nobody clears away; a manifest that is damaged says nothing."""
    if pointer.id is None:
        return set()
    try:
        return {kept.content for kept in remote.open(pointer.id).files.values()}
    except StoreError:
        return set()
