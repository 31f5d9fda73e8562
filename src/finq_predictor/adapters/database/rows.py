"""Many rows at once into a table, the same ones twice without harm."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from operator import itemgetter
from typing import Any

import pandas as pd
from sqlalchemy import Column, Connection, MetaData, Table, and_, exists, func, insert, or_, select, text, true

from finq_predictor.domain.errors import StoreError

_CHUNK = 10_000


def insert_new(connection: Connection, table: Table, rows: pd.DataFrame, later: Sequence[str] = ()) -> int:
    """Insert the rows that are not there.

    Args:
        connection: In a transaction.
        table: Any table.
        rows: All of its columns.
        later: Columns that the table got later: rows from before hold nothing there, which contradicts nothing.

    Returns:
        How many were new.

    Raises:
        StoreError: If a row is there under its key with other values: what was published is never changed.
    """
    staged = _staged(connection, table, rows)
    key, names = table.primary_key.columns.keys(), table.c.keys()
    rest = [name for name in names if name not in key]
    same = and_(*(table.c[name] == staged.c[name] for name in key), *_span(table, rows))
    told = {name: table.c[name].is_not(None) for name in later}
    differs = or_(*(and_(table.c[name].is_distinct_from(staged.c[name]), told.get(name, true())) for name in rest))
    new = _insert(connection, table, staged)
    wrong = connection.execute(select(func.count()).select_from(table).join(staged, same).where(differs)).scalar_one()
    staged.drop(connection)
    if wrong:
        raise StoreError(
            f"{wrong:,} rows of {table.name} are in the database already with other values under the same key. A "
            "snapshot never changes, so that one of the two is not what it says; nothing was written."
        )
    return new


def insert_revisions(connection: Connection, table: Table, rows: pd.DataFrame, recorded: str = "recorded_at") -> int:
    """Insert the rows that say something else than what was said last before them under their key.

    Args:
        connection: In a transaction.
        table: A table with the time of recording in its key.
        rows: All of its columns.
        recorded: The column of that time.

    Returns:
        How many were inserted.
    """
    staged = _staged(connection, table, rows)
    key = [column.name for column in table.primary_key.columns if column.name != recorded]
    told = table.alias("told")
    later = table.alias("later")

    def before(each: Any) -> Any:
        return and_(*(each.c[name] == staged.c[name] for name in key), each.c[recorded] <= staged.c[recorded])

    newest = select(func.max(later.c[recorded])).where(before(later)).correlate(staged).scalar_subquery()
    values = [column.name for column in table.c if column.name not in {*key, recorded, "snapshot"}]
    said = and_(
        before(told),
        told.c[recorded] == newest,
        *(told.c[name].is_not_distinct_from(staged.c[name]) for name in values),
        *_span(told, rows),
    )
    new = _insert(connection, table, staged, ~exists(select(told.c.ts).where(said).correlate(staged)))
    staged.drop(connection)
    return new


def _insert(connection: Connection, table: Table, staged: Table, condition: Any = None) -> int:
    names = table.c.keys()
    # SQLite needs a condition to tell ON CONFLICT from a join. One order for everybody keeps two from waiting for each
    # other.
    wanted = select(*(staged.c[name] for name in names)).where(true() if condition is None else condition)
    wanted = wanted.order_by(*(staged.c[column.name] for column in table.primary_key.columns))
    statement = _insert_into(connection, table).from_select(names, wanted).on_conflict_do_nothing()
    return connection.execute(statement.execution_options(preserve_rowcount=True)).rowcount


def insert_once(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], earlier: str | None = None
) -> None:
    """Insert rows whose key is not there, fast enough for what a service answers.

    Args:
        connection: In a transaction.
        table: Any table.
        rows: All of its columns, as Python values; moments with their zone. No two have the same key.
        earlier: A column with a time; where the key is there, the row with the earlier one stays. None: the one that
            is there.
    """
    if not rows:
        return
    names = table.c.keys()
    records = map(itemgetter(*names), rows)
    if connection.dialect.name == "postgresql":
        staged = _staged_of(connection, table)
        _copy(connection, staged, names, records)
        chosen = select(*(staged.c[name] for name in names)).order_by(
            *(staged.c[one.name] for one in table.primary_key)
        )
        connection.execute(_kept(_insert_into(connection, table).from_select(names, chosen), table, earlier))
        staged.drop(connection)
        return
    # By the driver: what SQLAlchemy does to each value takes longer than the database does.
    statement = _kept(_insert_into(connection, table).values(dict.fromkeys(names)), table, earlier)
    compiled = statement.compile(dialect=connection.dialect, column_keys=names)
    assert compiled.positiontup is not None
    order = itemgetter(*map(names.index, compiled.positiontup))
    connection.exec_driver_sql(str(compiled), [tuple(map(_of_sqlite, order(record))) for record in records])


def _kept(statement: Any, table: Table, earlier: str | None) -> Any:
    if earlier is None:
        return statement.on_conflict_do_nothing()
    key = table.primary_key.columns.keys()
    rest = {name: statement.excluded[name] for name in (column.name for column in table.columns) if name not in key}
    sooner = statement.excluded[earlier] < table.c[earlier]
    return statement.on_conflict_do_update(index_elements=key, set_=rest, where=sooner)


def _insert_into(connection: Connection, table: Table) -> Any:
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as insert_here
    else:
        from sqlalchemy.dialects.sqlite import insert as insert_here  # type: ignore[assignment]  # of the other kind
    return insert_here(table)


def _of_sqlite(value: Any) -> Any:
    """A value as the type of the column would bind it."""
    if type(value) is datetime:
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return value


def _staged(connection: Connection, table: Table, rows: pd.DataFrame) -> Table:
    """The rows in a table that only this connection sees."""
    staged = _staged_of(connection, table)
    names = table.c.keys()
    if connection.dialect.name == "postgresql":
        _copy(connection, staged, names, _records(rows, names))
        connection.execute(text(f"ANALYZE {staged.name}"))
        return staged
    chunk: list[dict[str, Any]] = []
    for record in _records(rows, names):
        chunk.append(dict(zip(names, record, strict=True)))
        if len(chunk) == _CHUNK:
            connection.execute(insert(staged), chunk)
            chunk = []
    if chunk:
        connection.execute(insert(staged), chunk)
    return staged


def _staged_of(connection: Connection, table: Table) -> Table:
    """An empty table with the columns of another one."""
    staged = _like(table)
    # SQLite keeps it when a transaction is rolled back, and the next one may get the same connection.
    connection.execute(text(f"DROP TABLE IF EXISTS {staged.name}"))
    staged.create(connection, checkfirst=False)
    return staged


@cache
def _like(table: Table) -> Table:
    """The description of a temporary table with the columns of another one.

    One for ever: SQLAlchemy keeps what it has written for the last five hundred statements, with the tables that they
    are about, and a new table each second makes each of them a new statement.
    """
    columns = [Column(each.name, each.type) for each in table.c]
    return Table(f"staged_{table.name}", MetaData(), *columns, prefixes=["TEMPORARY"])


def _copy(connection: Connection, staged: Table, names: list[str], records: Iterable[tuple[Any, ...]]) -> None:
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor, cursor.copy(f"COPY {staged.name} ({', '.join(names)}) FROM STDIN") as copy:
        for record in records:
            copy.write_row(record)


def _records(rows: pd.DataFrame, names: list[str]) -> Iterator[tuple[Any, ...]]:
    """Rows as Python values, a part of them in memory at a time."""
    for start in range(0, len(rows), _CHUNK):
        part = rows[names].iloc[start : start + _CHUNK]
        columns = [_plain(part[name]) for name in names]
        yield from zip(*columns, strict=True)


def _plain(column: pd.Series) -> list[Any]:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return [None if moment is pd.NaT else moment.to_pydatetime() for moment in column]
    return [None if absent else value for value, absent in zip(column.tolist(), column.isna(), strict=True)]


def _span(table: Any, rows: pd.DataFrame) -> list[Any]:
    """The time that rows span, by which a database finds the months to look at."""
    if "ts" not in table.c or not len(rows):
        return []
    first, last = (rows["ts"].agg(each).to_pydatetime() for each in ("min", "max"))
    return [table.c.ts >= first, table.c.ts <= last]
