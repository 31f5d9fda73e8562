"""The months into which large tables are cut, so that a question about some days looks at some months only."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime

from sqlalchemy import Connection, inspect, text

from finq_predictor.adapters.database.schema import PARTITIONED, SERVED

_LOCK = 0x66696E71  # "finq"; whoever makes tables holds it
_PARTITION = re.compile(rf"({'|'.join((*PARTITIONED, *SERVED))})_y(\d{{4}})m(\d{{2}})")
AHEAD = 2
"""Months that are made before they begin."""


def is_partition(name: str) -> bool:
    """Whether a table is a month of another one."""
    return _PARTITION.fullmatch(name) is not None


def hold_tables(connection: Connection) -> None:
    """Be the only one that makes tables, until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def make_partitions(
    connection: Connection,
    since: datetime,
    until: datetime,
    ahead: int = AHEAD,
    tables: Collection[str] = PARTITIONED,
) -> list[str]:
    """Make the months of a time that are not there yet; nothing where the database knows no partitions.

    Making one locks its table for a moment, so that it belongs into a transaction of its own.

    Args:
        connection: In a transaction.
        since: First moment, UTC.
        until: Last moment, which lies inside.
        ahead: Months after it that are made as well.
        tables: Of which tables.

    Returns:
        Names of the tables that were made.
    """
    if connection.dialect.name != "postgresql":
        return []
    months = list(_months(since.astimezone(UTC), until.astimezone(UTC), ahead))
    wanted = {f"{table}_y{year:04d}m{month:02d}": (table, year, month) for table in tables for year, month in months}
    if not set(wanted) - set(inspect(connection).get_table_names()):
        return []
    hold_tables(connection)
    there = set(inspect(connection).get_table_names())
    # Table by table in the order in which they are written, so that nobody waits for us whom we wait for.
    absent = [name for name in wanted if name not in there]
    for name in absent:
        table, year, month = wanted[name]
        begin, end = (f"{y:04d}-{m:02d}-01 00:00:00+00" for y, m in ((year, month), _next(year, month)))
        # Names and dates are made above and hold nothing that was given.
        connection.execute(text(f"CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM ('{begin}') TO ('{end}')"))
    return absent


def drop_partitions(connection: Connection, table: str, before: datetime) -> list[str]:
    """Remove the months of a table that end at or before a moment; nothing where the database knows no partitions.

    Args:
        connection: In a transaction.
        table: One that is cut by month.
        before: First moment that is kept, UTC.

    Returns:
        Names of the tables that were removed.
    """
    if connection.dialect.name != "postgresql":
        return []
    hold_tables(connection)
    old = []
    for name in sorted(inspect(connection).get_table_names()):
        found = _PARTITION.fullmatch(name)
        if found and found[1] == table and _next(int(found[2]), int(found[3])) <= (before.year, before.month):
            # The name was read from the database and fits the pattern above.
            connection.execute(text(f"DROP TABLE {name}"))
            old.append(name)
    return old


def _months(since: datetime, until: datetime, ahead: int) -> Iterator[tuple[int, int]]:
    month, left = (since.year, since.month), ahead
    while month <= (until.year, until.month) or left > 0:
        left -= month > (until.year, until.month)
        yield month
        month = _next(*month)


def _next(year: int, month: int) -> tuple[int, int]:
    return (year + 1, 1) if month == 12 else (year, month + 1)
