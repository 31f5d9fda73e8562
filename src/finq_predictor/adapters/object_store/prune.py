"""Clear away what an object store holds for nobody any more."""

from __future__ import annotations

from typing import NamedTuple

from finq_predictor.adapters.object_store.backups import INVENTORIES, read_stored
from finq_predictor.adapters.object_store.contents import OBJECTS, needed_by_work, pruning
from finq_predictor.adapters.object_store.snapshots import FOLDER, StoredSnapshots
from finq_predictor.adapters.object_store.store import ObjectStore
from finq_predictor.adapters.snapshots.store import KEPT
from finq_predictor.domain.market.markets import MARKETS


class Pruned(NamedTuple):
    """What was cleared away: snapshots, objects, and bytes of them."""

    snapshots: int
    objects: int
    size: int


def prune(store: ObjectStore, kept: int = KEPT) -> Pruned:
    """Remove all but the newest snapshots, and files that neither those, nor a backup, nor a push at work needs.

    Args:
        store: The object store.
        kept: How many snapshots of each market stay; the one that is given out always does.

    Raises:
        StoreError: If somebody else clears away, or a manifest cannot be read: then nothing is known to be superfluous.
    """
    with pruning(store) as now:
        needed = needed_by_work(store, now)
        dropped: list[str] = []
        for market in sorted(MARKETS):
            remote = StoredSnapshots(store, market)
            ids, given_out = remote.ids(), remote.pointer().id
            old = [name for name in ids[:-kept] if name != given_out]
            dropped += [f"{FOLDER}{market}/{name}.json" for name in old]
            for name in sorted(set(ids) - set(old)):
                needed |= {file.content for file in remote.open(name).files.values()}
        for listed in list(store.names(INVENTORIES)):
            needed |= {file.content for file in read_stored(store, listed.name).files.values()}
        # The manifests first: whoever reads one that is there finds its files.
        store.remove(dropped)
        gone = [each for each in store.names(OBJECTS) if each.name.removeprefix(OBJECTS) not in needed]
        store.remove(each.name for each in gone)
    return Pruned(len(dropped), len(gone), sum(each.size for each in gone))
