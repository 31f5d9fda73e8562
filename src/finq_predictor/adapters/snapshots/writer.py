"""A run that stores datasets and publishes them together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from finq_predictor.adapters.layout import Layout, Located, versions_of
from finq_predictor.adapters.snapshots.content import keep
from finq_predictor.adapters.snapshots.manifest import Entry
from finq_predictor.adapters.snapshots.store import Snapshot, SnapshotStore
from finq_predictor.adapters.snapshots.work import forget_work, note_work, where_it_may


class Writer:
    """What one run stores of a market: seen by itself at once, by others when it is published.

    The run reads from the snapshot that was the newest when it began, whatever others publish meanwhile.

    Args:
        store: The snapshots of the market.
        by: How the run was started.
        code: Hash of the running code.
    """

    def __init__(self, store: SnapshotStore, by: str, code: str) -> None:
        self.store, self.by, self.code = store, by, code
        self._base = store.newest().manifest
        self._own: dict[str, Entry] = {}
        self._unpublished: set[str] = set()
        self._lock = threading.Lock()

    @property
    def view(self) -> Snapshot:
        """The market as the run sees it."""
        with self._lock:
            return Snapshot(self.store.root, replace(self._base, entries={**self._base.entries, **self._own}))

    def put(self, name: str, entry: Entry) -> None:
        """Take note of a dataset that was stored."""
        with self._lock:
            self._own[name] = replace(entry, code=self.code)
            self._unpublished.add(name)
            note_work(self.store.folder, [entry.file for entry in self._own.values()])

    def descend(self, name: str, parents: Mapping[str, str]) -> None:
        """Say what a dataset was made from that this run has stored; nothing where it stayed as it was."""
        with self._lock:
            if name in self._unpublished:
                self._own[name] = replace(self._own[name], parents=dict(parents))

    def publish(self, names: Iterable[str] | None = None) -> Snapshot | None:
        """Publish what is not published yet of some datasets, or of all; None where there is nothing."""
        with self._lock:
            ready = sorted(self._unpublished & set(self._unpublished if names is None else names))
            if not ready:
                return None
            published = self.store.publish({name: self._own[name] for name in ready}, self.by)
            self._unpublished -= set(ready)
            return published

    def close(self) -> None:
        """End; what was not published is left for others to clear away."""
        forget_work(self.store.folder)


_OPEN: dict[tuple[Path, str], Writer] = {}
_HELD: dict[tuple[Path, str], Snapshot] = {}


def begin(store: SnapshotStore, by: str, code: str) -> Writer:
    """Let everything that this process stores of a market go through one writer until :func:`end`."""
    writer = Writer(store, by, code)
    _OPEN[_key(store.root, store.market)] = writer
    return writer


def end(writer: Writer) -> None:
    """Close a writer; what is stored from now on is published at once."""
    key = _key(writer.store.root, writer.store.market)
    _OPEN.pop(key, None)
    writer.close()
    if key in _HELD:
        # Whoever ran something wants to see what came of it.
        hold(writer.store.root, writer.store.market)


def view(root: Path | str, market: str) -> Snapshot:
    """A market as this process sees it.

    As its run does where one is at work, else in the state that is held, else as it was published last.
    """
    key = _key(root, market)
    if (writer := _OPEN.get(key)) is not None:
        return writer.view
    held = _HELD.get(key)
    return SnapshotStore(root, market).newest() if held is None else held


def hold(root: Path | str, market: str, name: str = "") -> Snapshot:
    """Let whatever this process reads of a market outside of a run come from the state that is the newest now.

    Its files stay as long as this process lives or holds it; :func:`let_go` ends that, another call moves on.

    Args:
        root: Folder of the data.
        market: Name of the market.
        name: Id of a snapshot that is kept, instead of the newest.
    """
    store = SnapshotStore(root, market)
    held = store.open(name) if name else store.newest()
    if held.manifest.entries:
        with where_it_may():
            note_work(store.folder, [entry.file for entry in held.manifest.entries.values()])
        _HELD[_key(root, market)] = held
    return held


def let_go(root: Path | str, market: str) -> None:
    """Read what was published last from now on."""
    if _HELD.pop(_key(root, market), None) is not None:
        with where_it_may():
            forget_work(SnapshotStore(root, market).folder)


@contextmanager
def one_snapshot(root: Path | str, market: str, name: str = "") -> Iterator[Snapshot]:
    """Read one state of a market within a block, whatever is published meanwhile; the newest, or one by its id."""
    try:
        yield hold(root, market, name)
    finally:
        let_go(root, market)


def store(
    where: Located,
    write: Callable[[Path], None],
    *,
    rows: int | None = None,
    known_until: str | None = None,
) -> Entry:
    """Store a version of a dataset.

    Args:
        where: The dataset.
        write: Writes the whole content to the path it is given.
        rows: Rows of a table.
        known_until: Latest known time in it.
    """
    root, market, name = where.root, where.market, where.dataset
    place = Layout(root).place(market, name)
    path, content = keep(versions_of(place), place.suffix, write)
    file = path.relative_to(root).as_posix()
    entry = Entry(file, content, rows, known_until, made_at=datetime.now(UTC).isoformat(timespec="seconds"))
    writer = _OPEN.get(_key(root, market))
    if writer is None:
        SnapshotStore(root, market).publish({name: entry}, by="")
    else:
        writer.put(name, entry)
    return entry


def _key(root: Path | str, market: str) -> tuple[Path, str]:
    return Path(root).resolve(), market
