"""Files in an object store by their content, and what keeps them from being cleared away while they are needed."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath

from finq_predictor.adapters.atomic_file import own_name
from finq_predictor.adapters.object_store.store import ObjectStore, Told
from finq_predictor.adapters.snapshots.content import Kept
from finq_predictor.domain.errors import StoreError

OBJECTS, WORK, PRUNING = "objects/", "work/", "pruning"
AT_ONCE = 4
LONGEST_WORK = timedelta(days=1)
"""What a push needs is kept so long; one that takes longer finds out at its end and is repeated."""
LONGEST_PRUNING = timedelta(hours=1)
_PAUSE_S = 2.0

Progress = Callable[[int], Told]
"""Takes the bytes of all that is to be done, and gives what is to be told of those that are done."""


def silent(total: int) -> Told:  # noqa: ARG001 - nobody looks at it
    """Show no progress."""
    return bool


def upload_all(
    store: ObjectStore,
    files: Mapping[Path, Kept],
    *,
    there: Iterable[str] = (),
    again: bool = False,
    progress: Progress = silent,
) -> int:
    """Store files under their content; one that is there is not sent again.

    Args:
        store: The object store; the caller has said by :func:`needing` what it needs.
        files: Where each lies.
        there: Contents that are known to be there.
        again: Whether everything is sent, whatever is there.
        progress: What is shown.

    Returns:
        How many files were sent.
    """
    known = set() if again else set(there)
    by_content = {kept.content: (path, kept.size) for path, kept in files.items() if kept.content not in known}
    told = progress(sum(size for _, size in by_content.values()))

    def send(content: str) -> bool:
        path, size = by_content[content]
        if not again and store.size(OBJECTS + content) == size:
            told(size)
            return False
        store.upload(path, OBJECTS + content, told)
        return True

    return sum(_at_once(send, sorted(by_content)))


def download_all(store: ObjectStore, files: Mapping[Path, Kept], told: Told) -> None:
    """Write files from what is stored, each compared with its content.

    Args:
        store: The object store.
        files: Where each shall lie; none of them is there yet.
        told: Called with numbers of bytes.
    """

    def fetch(path: Path) -> bool:
        path.parent.mkdir(parents=True, exist_ok=True)
        store.download(OBJECTS + files[path].content, path, files[path].content, told)
        return True

    for _ in _at_once(fetch, sorted(files)):
        pass


@contextmanager
def needing(store: ObjectStore, contents: Iterable[str]) -> Iterator[None]:
    """Keep objects from being cleared away within a block, whether they are there already or not.

    Who needs something notes it first and then looks whether somebody is clearing away; who clears away says so first
    and then reads the notes. One of the two always sees the other, because a store shows what was written at once.

    Raises:
        StoreError: If somebody clears away for too long.
    """
    note = f"{WORK}{own_name()}-{uuid.uuid4().hex[:8]}.json"
    store.put(note, json.dumps(sorted(set(contents))).encode())
    try:
        _wait_for_pruning(store)
        yield
    finally:
        store.remove([note])


@contextmanager
def pruning(store: ObjectStore) -> Iterator[datetime]:
    """Be the only one that clears away; gives the time by the clock of the server.

    Raises:
        StoreError: If somebody else does.
    """
    moment = _claim_pruning(store)
    try:
        yield moment
    finally:
        store.remove([PRUNING])


def needed_by_work(store: ObjectStore, now: datetime) -> set[str]:
    """Contents that somebody at work needs; notes of those that ended long ago without a word are removed."""
    found: set[str] = set()
    for listed in list(store.names(WORK)):
        if listed.modified < now - LONGEST_WORK:
            store.remove([listed.name])
        elif (note := store.read(listed.name)) is not None:
            found |= set(json.loads(note.content))
    return found


def safe_path(name: str) -> str:
    """A path below a folder, as others wrote it down.

    Raises:
        StoreError: If it leads elsewhere.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\\" in name or "\0" in name:
        raise StoreError(f"What is stored names a file {name!r}, which lies outside of its folder; do not use it.")
    return name


def _wait_for_pruning(store: ObjectStore) -> None:
    until = time.monotonic() + LONGEST_PRUNING.total_seconds()
    while any(listed.name == PRUNING for listed in store.names(PRUNING)):
        if time.monotonic() > until:
            raise StoreError(
                f"Somebody clears away at {store.address} for an hour. If nobody does any more, clear away yourself, "
                "which ends it: finq data prune."
            )
        time.sleep(_PAUSE_S)


def _claim_pruning(store: ObjectStore) -> datetime:
    for _ in range(2):
        mine = store.put(PRUNING, own_name().encode())
        held = next((listed for listed in store.names(PRUNING) if listed.name == PRUNING), None)
        if mine and held is not None:
            return held.modified
        if held is not None and datetime.now(held.modified.tzinfo) - held.modified < LONGEST_PRUNING:
            break
        store.remove([PRUNING])
    raise StoreError(f"Somebody else clears away at {store.address}; wait until it is done.")


def _at_once(work: Callable[..., bool], wanted: Iterable[object]) -> Iterator[bool]:
    """Do a few things at a time; after the first that fails no other is begun."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            yield from pool.map(work, wanted)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
