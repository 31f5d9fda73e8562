"""The databases of accounts and of what was answered, where they are not files below the data."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finq_predictor.adapters.archives.programs import run
from finq_predictor.adapters.database.engine import engine_of, working
from finq_predictor.adapters.environment.reading import given_as
from finq_predictor.adapters.secret_values import read_secret
from finq_predictor.domain.errors import ConfigurationError, StoreError

if TYPE_CHECKING:
    from sqlalchemy import Engine

FOLDER = "databases"
DUMP, FILE = ".dump", ".db"
_VARIABLES = {"store": "FINQ_STORE_URL", "accounts": "FINQ_ACCESS_URL"}
"""What each holds: what was answered, and who may ask."""
_STEP = "alembic_version"
_CHILDREN = """
WITH RECURSIVE ours AS (
    SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname = ANY(:names)
    UNION SELECT inhrelid FROM pg_inherits JOIN ours ON inhparent = oid
)
SELECT current_schema() || '.' || relname FROM pg_class JOIN ours USING (oid) ORDER BY 1
"""
_SCHEMAS = """
SELECT nspname FROM pg_namespace
WHERE nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('information_schema', current_schema()) ORDER BY 1
"""
_ALL = """
SELECT current_schema() || '.' || relname FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S') ORDER BY 1
"""


@dataclass(frozen=True)
class Database:
    """A database that the environment names.

    Attributes:
        names: What it holds, of ``store`` and ``accounts``.
        engine: It.
    """

    names: tuple[str, ...]
    engine: Engine

    @property
    def label(self) -> str:
        """What it holds, as a name of a file."""
        return "+".join(self.names)

    @property
    def is_server(self) -> bool:
        """Whether it is a PostgreSQL."""
        return self.engine.dialect.name == "postgresql"

    def tables(self) -> list[str]:
        """Our tables in it, with their parts and the schema before each; of a file just their names."""
        from sqlalchemy import inspect, text

        from finq_predictor.adapters.database import access_schema

        ours = [*access_schema.accounts.metadata.tables, _STEP]
        with working(self.engine) as connection:
            if self.is_server:
                return list(connection.scalars(text(_CHILDREN), {"names": ours}))
            return sorted(set(inspect(connection).get_table_names()) & set(ours))

    def of_others(self) -> tuple[list[str], list[str]]:
        """What else is in a PostgreSQL: other schemas, and in ours tables, views and sequences that are not ours."""
        from sqlalchemy import text

        ours = set(self.tables())
        with working(self.engine) as connection:
            owned = connection.scalars(
                text(
                    "SELECT current_schema() || '.' || s.relname FROM pg_class s JOIN pg_depend d ON d.objid = s.oid "
                    "JOIN pg_class t ON t.oid = d.refobjid WHERE s.relkind = 'S' AND d.deptype IN ('a', 'i') "
                    "AND current_schema() || '.' || t.relname = ANY(:ours)"
                ),
                {"ours": sorted(ours)},
            ).all()
            others = [name for name in connection.scalars(text(_ALL)) if name not in ours.union(owned)]
            return list(connection.scalars(text(_SCHEMAS))), others


def databases(environment: Mapping[str, str] | None = None) -> list[Database]:
    """Those that the environment names, each once.

    Args:
        environment: Variables by name; None for those of this process.

    Raises:
        ConfigurationError: If an address is none.
    """
    found: dict[tuple[Any, ...], Database] = {}
    for name, variable in _VARIABLES.items():
        address = read_secret(variable, "the address", environment)
        if address is None:
            continue
        engine = engine_of(address.decode("latin-1"), given_as(variable, environment))
        url = engine.url
        place = (url.get_backend_name(), url.host, url.port, url.database)
        names = (*found[place].names, name) if place in found else (name,)
        found[place] = Database(names, engine)
    return [*found.values()]


def dump(wanted: Sequence[Database], folder: Path) -> list[Path]:
    """Dump each as it is at one moment, while it is used; what has no table of ours gives nothing.

    Args:
        wanted: The databases.
        folder: Where the dumps lie; it is made where there is something.

    Raises:
        ConfigurationError: If a program is not installed.
        SourceUnavailableError: If a database does not answer.
        StoreError: If it refuses.
    """
    made = []
    for one in wanted:
        tables = one.tables()
        if not tables:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{one.label}{DUMP if one.is_server else FILE}"
        if one.is_server:
            words = ["--format=custom", "--no-owner", "--no-privileges", "--lock-wait-timeout=60000"]
            # The functions of our triggers come along with the whole only, so that all that is of others is left out.
            schemas, others = one.of_others()
            words += [f"--exclude-schema={name}" for name in schemas]
            words += [f"--exclude-table={name}" for name in others]
            run("pg_dump", [*words, f"--file={target}"], one.engine.url, f"back up {one.label}")
        else:
            _copy_file(Path(str(one.engine.url.database)), target)
        made.append(target)
    return made


def _copy_file(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source, timeout=60)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def dumps_in(folder: Path) -> dict[tuple[str, ...], Path]:
    """The dumps in a folder, by what they hold."""
    files = [path for path in sorted((folder / FOLDER).glob("*")) if path.suffix in (DUMP, FILE)]
    return {tuple(path.stem.split("+")): path for path in files}


def targets(dumps: Mapping[tuple[str, ...], Path], wanted: Sequence[Database]) -> dict[Path, Database]:
    """Where each dump is restored: into the database that the environment names for what it holds, which must be empty.

    Args:
        dumps: See :func:`dumps_in`.
        wanted: The databases, see :func:`databases`.

    Raises:
        ConfigurationError: If none is named, two are for what lay in one, or it is another kind.
        StoreError: If there are tables of ours in it already.
    """
    found: dict[Path, Database] = {}
    for names, path in dumps.items():
        places = {name: one for one in wanted for name in one.names}
        if absent := [name for name in names if name not in places]:
            raise ConfigurationError(
                f"The backup holds {path.name}, and nothing says into which database it shall be restored: name an "
                f"empty one by {_VARIABLES[absent[0]]} or DATABASE_URL, or leave it out by --no-databases."
            )
        one = places[names[0]]
        if any(places[name] is not one for name in names):
            raise ConfigurationError(
                f"In the backup {' and '.join(names)} lie in one database, and "
                f"{' and '.join(_VARIABLES[name] for name in names)} name two; name one for both."
            )
        if one.is_server is not (path.suffix == DUMP):
            raise ConfigurationError(
                f"The backup holds {path.name}, which is no {one.engine.dialect.name}; name a database of its kind by "
                f"{_VARIABLES[names[0]]}."
            )
        if _is_used(one):
            raise StoreError(
                f"There are tables of ours in the database for {one.label} already; restore into an empty one."
            )
        found[path] = one
    return found


def _is_used(one: Database) -> bool:
    if not one.is_server and not Path(str(one.engine.url.database)).exists():
        return False
    return bool(one.tables())


def restore_dump(path: Path, one: Database) -> None:
    """Restore a dump, all of it or nothing.

    Raises:
        StoreError: If it is damaged, or the database refuses.
    """
    if one.is_server:
        words = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", str(path)]
        run("pg_restore", words, one.engine.url, f"restore {one.label}")
        return
    target = Path(str(one.engine.url.database))
    target.parent.mkdir(parents=True, exist_ok=True)
    _copy_file(path, target)


def rows_in(one: Database) -> dict[str, int]:
    """How many rows each table of ours has, parts counted with their table."""
    from sqlalchemy import func, select
    from sqlalchemy import table as named

    from finq_predictor.adapters.database import access_schema

    known = {*access_schema.accounts.metadata.tables}
    tables = [name.rpartition(".")[2] for name in one.tables()]
    with working(one.engine) as connection:
        return {
            name: int(connection.scalar(select(func.count()).select_from(named(name))) or 0)
            for name in tables
            if name in known
        }
