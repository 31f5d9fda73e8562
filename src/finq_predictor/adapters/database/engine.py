"""How the shared database is reached, and brought to the step that this code knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finq_predictor.adapters.environment.reading import given_as
from finq_predictor.adapters.http.credentials import secret_of, where
from finq_predictor.domain.errors import ConfigurationError, SourceUnavailableError, StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_SHARED = "FINQ_DATABASE_URL"
_OLD_SCHEME = "postgres://"
_TOLD_IN = "alembic_version"
HEAD, BASE = "head", "base"
_LONGEST_CONNECT_S = 10
# Of connections that are kept.
_SHORT_CONNECT_S, _LONGEST_QUESTION_S, _OLDEST_S = 2, 10, 300
_KEPT = 2


def connect(credentials: Mapping[str, Any] | None = None) -> Engine:
    """The database of whoever runs this.

    Args:
        credentials: The entry ``database`` of the credentials, with its ``url``; ``FINQ_DATABASE_URL`` goes before it.

    Raises:
        ConfigurationError: If there is no address, or it is none of a database that is known.
    """
    return engine_of(secret_of("database", "url", credentials).reveal(), _told_in())


def _told_in() -> str | None:
    """The name under which the address was given, where it is another than ours; else both places are named."""
    name = given_as(_SHARED)
    return None if name == _SHARED else name


def engine_of(url: str, setting: str | None = None, remedy: str = "finq db upgrade", *, kept: bool = False) -> Engine:
    """The database of an address of SQLAlchemy: PostgreSQL through psycopg, or SQLite.

    Args:
        url: The address.
        setting: Where it was given, for messages; that of the shared database when None.
        remedy: The command that brings it to the newest step.
        kept: Whether connections to a server are kept for the next question, as is worth it for whoever asks again and
            again; then none is waited for long, and no question either.

    Raises:
        ConfigurationError: If it is none; its text is not repeated, because a password may stand in it.
    """
    from sqlalchemy import NullPool, QueuePool, create_engine, event, make_url
    from sqlalchemy.exc import ArgumentError

    if url.startswith(_OLD_SCHEME):
        # As many hosts of databases give it out.
        url = f"postgresql://{url.removeprefix(_OLD_SCHEME)}"
    try:
        address = make_url(url)
    except ArgumentError:
        address = None
    if address is None or address.get_backend_name() not in ("postgresql", "sqlite"):
        raise ConfigurationError(
            f"The address in {setting or where('database', 'url')} is none that is known; expected "
            "postgresql+psycopg://user:password@host/database, or sqlite:///file."
        )
    if address.get_backend_name() == "sqlite":
        engine = create_engine(address, connect_args={"timeout": 60}, poolclass=NullPool)
    else:
        # Most who ask do so a few times and end: they keep no connection open for the next question.
        engine = create_engine(
            address.set(drivername="postgresql+psycopg"),
            connect_args={"connect_timeout": _SHORT_CONNECT_S if kept else _LONGEST_CONNECT_S},
            poolclass=QueuePool if kept else NullPool,
            **({"pool_size": _KEPT, "pool_pre_ping": True, "pool_recycle": _OLDEST_S} if kept else {}),
        )
        if kept:
            event.listen(engine, "connect", _limit)
    engine.update_execution_options(setting=setting or where("database", "url"), remedy=remedy)
    return engine


def _limit(connection: Any, _: Any) -> None:
    """Let no question on a connection take long."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = '{_LONGEST_QUESTION_S}s'")
    connection.commit()


@contextmanager
def working(engine: Engine) -> Iterator[Connection]:
    """One transaction; errors of the database are the product's own, without address, user or password.

    Raises:
        SourceUnavailableError: If it does not answer.
        StoreError: If it refuses, or has not the tables that are expected.
    """
    from sqlalchemy.exc import DBAPIError, OperationalError

    try:
        with engine.begin() as connection:
            yield connection
    except OperationalError as error:
        raise SourceUnavailableError(
            f"The database {name_of(engine)} does not answer or lets nobody in ({_first_line(error)}). Look at "
            f"{_told(engine, 'setting')}."
        ) from error
    except DBAPIError as error:
        raise StoreError(
            f"The database {name_of(engine)} refused: {_first_line(error)}. Bring it up to date with: "
            f"{_told(engine, 'remedy')}"
        ) from error


def upgrade(engine: Engine, step: str = HEAD) -> str:
    """Go forward to a step; whoever comes second waits and finds it done. Gives the step."""
    return _migrate(engine, "upgrade", step)


def downgrade(engine: Engine, step: str = BASE) -> str:
    """Go back to a step; what its tables held is lost. Gives the step, empty for none."""
    return _migrate(engine, "downgrade", step)


def current(engine: Engine) -> str:
    """The step at which the database stands; empty for none."""
    from sqlalchemy import inspect, text

    # Alembic answers the same, and takes more memory in every process that asks than all else here together.
    with working(engine) as connection:
        if not inspect(connection).has_table(_TOLD_IN):
            return ""
        return str(connection.scalar(text(f"SELECT version_num FROM {_TOLD_IN}")) or "")


def newest() -> str:
    """The step that this code knows."""
    steps = Path(__file__).with_name("migrations").joinpath("versions").glob("v[0-9]*.py")
    return max((step.name.partition("_")[0].removeprefix("v") for step in steps), default="")


def require_newest(engine: Engine) -> None:
    """Make sure that the database stands where this code expects it.

    Raises:
        StoreError: If it does not; says what to do.
    """
    if (found := current(engine)) != newest():
        raise StoreError(
            f"The database {name_of(engine)} stands at {found or 'nothing'}, and this code knows {newest()}. Bring it "
            f"there with: {_told(engine, 'remedy')}"
        )


def name_of(engine: Engine) -> str:
    """Which database, without host, user or password."""
    return f"{engine.dialect.name} {Path(engine.url.database or 'memory').name}"


def _migrate(engine: Engine, direction: str, step: str) -> str:
    from alembic import command
    from alembic.util import CommandError

    from finq_predictor.adapters.database.partitions import hold_tables

    with working(engine) as connection:
        hold_tables(connection)
        configuration = _configuration()
        configuration.attributes["connection"] = connection
        try:
            getattr(command, direction)(configuration, step)
        except CommandError as error:
            raise StoreError(f"There is no way to the step {step!r}: {error}. Known: {BASE}, {newest()}.") from error
    return current(engine)


def _configuration() -> Any:
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    return configuration


def _told(engine: Engine, what: str) -> str:
    return str(engine.get_execution_options()[what])


def _first_line(error: Any) -> str:
    # The rest may show values, and where the database stands.
    return type(error.orig).__name__
