"""The online store as one file of SQLite below the data: the default, which needs no server."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from finq_predictor.adapters.feature_store.stored import Look, Place, Standing
from finq_predictor.domain.errors import StoreError

_WAIT_S = 20.0
# A row of a hundred features has to fit into its page.
_TABLES = """
CREATE TABLE IF NOT EXISTS standing (market TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vectors (market TEXT, bar INTEGER, instrument TEXT, vector BLOB NOT NULL,
    PRIMARY KEY (market, bar, instrument)) WITHOUT ROWID;
"""


class SqliteStore:
    """Rows of features in a file.

    A write is a transaction in a log beside the file, so that a kill leaves the old or the new and readers wait for
    nobody. A file that is no database any more is put aside when the next one is written.

    Args:
        file: Where it lies; made by the first write.
        key: Signs rows; None where nothing is signed.
    """

    kind = "sqlite"

    def __init__(self, file: Path, key: bytes | None = None) -> None:
        self.file, self.key = file, key
        self._alone = Lock()
        self._open: sqlite3.Connection | None = None
        self._of: tuple[int, int] | None = None
        self._known: tuple[bytes, Standing | None] = (b"", None)

    def standing(self, market: str) -> Standing | None:
        """See :class:`~finq_predictor.adapters.feature_store.stored.OnlineStore`."""
        with self._reading() as connection:
            return None if connection is None else self._standing(connection, market)

    def places(self, market: str, wanted: Callable[[Standing], Iterable[Place]]) -> Look:
        """See :class:`~finq_predictor.adapters.feature_store.stored.OnlineStore`."""
        with self._reading() as connection:
            standing = None if connection is None else self._standing(connection, market)
            if connection is None or standing is None:
                return Look(None, {})
            rows = {}
            for bar, instrument in wanted(standing):
                found = connection.execute(
                    "SELECT vector FROM vectors WHERE market = ? AND bar = ? AND instrument = ?",
                    (market, bar, instrument),
                ).fetchone()
                if found is not None:
                    rows[bar, instrument] = found[0]
            return Look(standing, rows)

    def bar(self, market: str, bar: int) -> Look:
        """See :class:`~finq_predictor.adapters.feature_store.stored.OnlineStore`."""
        with self._reading() as connection:
            standing = None if connection is None else self._standing(connection, market)
            if connection is None or standing is None:
                return Look(None, {})
            found = connection.execute(
                "SELECT instrument, vector FROM vectors WHERE market = ? AND bar = ?", (market, bar)
            )
            return Look(standing, {(bar, instrument): vector for instrument, vector in found})

    def everything(self, market: str) -> dict[Place, bytes]:
        """See :class:`~finq_predictor.adapters.feature_store.stored.OnlineStore`."""
        with self._reading() as connection:
            if connection is None:
                return {}
            found = connection.execute("SELECT bar, instrument, vector FROM vectors WHERE market = ?", (market,))
            return {(bar, instrument): vector for bar, instrument, vector in found}

    def put(self, standing: Standing, changed: Mapping[Place, bytes], gone: Collection[Place]) -> None:
        """See :class:`~finq_predictor.adapters.feature_store.stored.OnlineStore`."""
        market = standing.market
        with self._writing() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "DELETE FROM vectors WHERE market = ? AND bar = ? AND instrument = ?",
                ((market, bar, instrument) for bar, instrument in gone),
            )
            connection.executemany(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?)",
                ((market, bar, instrument, vector) for (bar, instrument), vector in sorted(changed.items())),
            )
            connection.execute("INSERT OR REPLACE INTO standing VALUES (?, ?)", (market, standing.to_bytes(self.key)))

    def put_aside(self) -> None:
        """Take a file that is no database any more out of the way; it is made of gold and can be made again."""
        self.close()
        for name in (self.file.name, f"{self.file.name}-wal", f"{self.file.name}-shm"):
            self.file.with_name(name).unlink(missing_ok=True)

    def close(self) -> None:
        """See :class:`~finq_predictor.adapters.feature_store.stored.OnlineStore`."""
        with self._alone:
            self._leave()

    def _leave(self) -> None:
        if self._open is not None:
            self._open.close()
        self._open, self._of = None, None

    def _standing(self, connection: sqlite3.Connection, market: str) -> Standing | None:
        found = connection.execute("SELECT content FROM standing WHERE market = ?", (market,)).fetchone()
        if found is None:
            return None
        if found[0] != self._known[0]:
            self._known = found[0], Standing.from_bytes(found[0], self.key)
        return self._known[1]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """The file as it stands at one moment; None while there is none."""
        with self._alone:
            try:
                there = self.file.stat()
            except OSError:
                there = None
            # Its log lies beside the file: in a folder that is read-only there is no way to read it.
            if there is None or not os.access(self.file.parent, os.W_OK):
                self._leave()
                yield None
                return
            try:
                # A file that was restored from a backup has the name of the one that is open and is another one.
                if self._of != (there.st_dev, there.st_ino):
                    self._leave()
                    self._open = sqlite3.connect(
                        f"{self.file.absolute().as_uri()}?mode=ro",
                        uri=True,
                        timeout=_WAIT_S,
                        isolation_level=None,
                        check_same_thread=False,
                    )
                    self._of = (there.st_dev, there.st_ino)
                assert self._open is not None
                self._open.execute("BEGIN")
                try:
                    yield self._open
                finally:
                    self._open.execute("ROLLBACK")
            except sqlite3.Error as error:
                self._leave()
                raise _refused(error) from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        # Whoever leaves last puts the log into the file, and a reader may not.
        self.close()
        try:
            connection = sqlite3.connect(self.file, timeout=_WAIT_S, isolation_level=None)
            try:
                connection.execute("PRAGMA page_size = 16384")
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.executescript(_TABLES)
                yield connection
            finally:
                connection.close()
        except (sqlite3.Error, OSError) as error:
            raise _refused(error) from error


class DamagedStoreError(StoreError):
    """The file is no database any more."""


def _refused(error: Exception) -> StoreError:
    said = f"The file of the feature store cannot be used: {error}"
    # What SQLite calls an operational error, such as a disk that is full, says nothing about the file.
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        return DamagedStoreError(f"{said}. Make it again: finq features materialize.")
    return StoreError(f"{said}. Look at the disk and at who may write there.")
