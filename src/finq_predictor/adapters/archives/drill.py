"""A backup is restored into places that are made for it, looked at, asked, and all of it removed again."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from finq_predictor.adapters.archives.databases import Database, rows_in
from finq_predictor.adapters.archives.gathering import Places, restore_gathered
from finq_predictor.adapters.atomic_file import is_of_the_dead, own_name
from finq_predictor.adapters.backup import sweep
from finq_predictor.adapters.database.engine import engine_of
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.domain.errors import ConfigurationError, StoreError
from finq_predictor.domain.market.markets import MARKETS

if TYPE_CHECKING:
    from sqlalchemy import Connection

_SCRATCH = "finq_drill_"
_SETTING = "--database"


@dataclass
class Drilled:
    """What came of a drill.

    Attributes:
        seconds: How long each step took, in their order.
        found: What was found, in sentences.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Note how long a step takes."""
        began = time.perf_counter()
        yield
        self.seconds[step] = time.perf_counter() - began

    @property
    def total(self) -> float:
        """How long all of it took."""
        return sum(self.seconds.values())


def drill(
    opening: AbstractContextManager[Path], beside: Path, scratch: Sequence[Database], ask: Callable[[Path], list[str]]
) -> Drilled:
    """Restore a backup, and prove that what was restored can be used.

    Args:
        opening: Gives the folder of all that is in the backup, for as long as it takes.
        beside: A folder, beside which the places are made; there has to be room for the data twice.
        scratch: Empty databases that take the dumps.
        ask: Asks the restored models below a folder, and says what they answer.

    Raises:
        StoreError: If the backup is not good.
        ConfigurationError: If there is no database for a dump.
    """
    done = Drilled()
    parent = beside.resolve().parent
    sweep(parent)
    place = parent / f".finq-drill.{own_name()}.tmp"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True, mode=0o700)
    try:
        began = time.perf_counter()
        with opening as source:
            done.seconds["open"] = time.perf_counter() - began
            root, state = place / "data", place / "state"
            inventory = restore_gathered(source, Places(root, state, databases=scratch), done.timed)
        with done.timed("verify"):
            done.found += [f"{len(inventory.files):,} files are what was backed up ({inventory.size / 1e6:,.0f} MB)"]
            done.found += [*_of_snapshots(root), *_of_files(root, state), *_of_databases(scratch)]
        with done.timed("ask"):
            done.found += ask(root)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return done


def _of_snapshots(root: Path) -> Iterator[str]:
    for market in sorted(MARKETS):
        store = SnapshotStore(root, market)
        if not store.pointer.exists():
            continue
        newest = store.newest()
        if damage := newest.damaged():
            raise StoreError(f"{market} {newest.id} is not whole after the restore: {'; '.join(damage.values())}.")
        yield f"{market}: snapshot {newest.id} is whole"


def _of_files(*folders: Path) -> Iterator[str]:
    for folder in folders:
        layout = Layout(folder)
        for file in (layout.database, layout.store, layout.accounts):
            if file.exists():
                with closing(sqlite3.connect(file)) as opened:
                    found = opened.execute("PRAGMA integrity_check").fetchone()[0]
                if found != "ok":
                    raise StoreError(f"{file.name} is damaged after the restore: {found}. Take another backup.")
                yield f"{file.name} is sound"


def _of_databases(scratch: Sequence[Database]) -> Iterator[str]:
    for one in scratch:
        if one.tables():
            rows = rows_in(one)
            yield f"{one.label}: {sum(rows.values()):,} rows in {len(rows)} tables of {one.engine.dialect.name}"


@contextmanager
def scratch_databases(wanted: Sequence[Database], folder: Path, given: str | None = None) -> Iterator[list[Database]]:
    """Empty databases beside those of the environment, for as long as it takes.

    Args:
        wanted: Those of the environment.
        folder: Where databases that are files are made.
        given: The address of an empty one that is used in place of new ones on the server; it is left as the drill
            filled it.

    Raises:
        ConfigurationError: If none can be made; says what to do.
        SourceUnavailableError: If the server does not answer.
    """
    if given is not None:
        names = tuple(name for one in wanted for name in one.names) or ("store", "accounts")
        yield [Database(names, engine_of(given, _SETTING))]
        return
    made: list[tuple[Database, str]] = []
    files: list[Path] = []
    try:
        found = []
        for number, one in enumerate(wanted):
            if one.is_server:
                name = f"{_SCRATCH}{own_name().lower().replace('-', '_')}_{number}"
                _make(one, name)
                made.append((one, name))
                address = one.engine.url.set(database=name)
            else:
                file = folder.resolve().parent / f".{_SCRATCH}{own_name()}-{number}.db"
                files.append(file)
                address = one.engine.url.set(database=str(file))
            found.append(Database(one.names, engine_of(address.render_as_string(hide_password=False), _SETTING)))
        yield found
    finally:
        for file in files:
            file.unlink(missing_ok=True)
        for one, name in made:
            with _commanding(one) as connection:
                _drop(connection, name)


def _make(one: Database, name: str) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import ProgrammingError

    try:
        with _commanding(one) as connection:
            for left in connection.scalars(
                text("SELECT datname FROM pg_database WHERE datname LIKE :begins"), {"begins": f"{_SCRATCH}%"}
            ).all():
                # What a killed drill of this machine left behind.
                host, _, rest = left.removeprefix(_SCRATCH).rpartition("_")[0].rpartition("_")
                if host == own_name().rpartition("-")[0].lower() and is_of_the_dead(
                    f"{own_name().rpartition('-')[0]}-{rest}"
                ):
                    _drop(connection, left)
            # A name of our own making, of letters, digits and underscores.
            connection.execute(text(f'CREATE DATABASE "{name}"'))
    except ProgrammingError as error:
        raise ConfigurationError(
            f"No empty database can be made for a drill beside that of {one.label} ({type(error.orig).__name__}). Let "
            f"its user make some (ALTER ROLE ... CREATEDB), or name an empty one by {_SETTING}."
        ) from error


def _drop(connection: Connection, name: str) -> None:
    from sqlalchemy import text

    connection.execute(text(f'DROP DATABASE IF EXISTS "{name}"'))


@contextmanager
def _commanding(one: Database) -> Iterator[Connection]:
    """A connection on which each command holds by itself, as those about whole databases have to."""
    from sqlalchemy.exc import OperationalError

    from finq_predictor.domain.errors import SourceUnavailableError

    try:
        with one.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection
    except OperationalError as error:
        raise SourceUnavailableError(
            f"The server of the database for {one.label} does not answer ({type(error.orig).__name__})."
        ) from error
