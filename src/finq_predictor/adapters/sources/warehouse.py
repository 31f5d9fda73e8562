"""Bars or trades in a warehouse that SQLAlchemy reaches: PostgreSQL, SQLite, and what else has a dialect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from finq_predictor.adapters.http.credentials import secret_of, where
from finq_predictor.adapters.sources.protocol import Part
from finq_predictor.adapters.sources.trades import TradeBars
from finq_predictor.domain.columns import INSTRUMENT
from finq_predictor.domain.errors import ConfigurationError, SourceError, closest
from finq_predictor.domain.ingestion.times import parse_times

if TYPE_CHECKING:
    from sqlalchemy import Column, Engine, Select, Table

EVERYTHING = "*"
"""The one key of a table that is not asked for instrument by instrument."""


class WarehouseSource:
    """Reads windows of one table or view.

    Rows come as they are, in the order of their time, and are never all in memory. What the columns mean is said by
    their names, or in the parameters of the ingestion, as for a file.

    Args:
        url: SQLAlchemy's address, such as ``postgresql+psycopg://reader@host/market``, without a password; None for one
            that is kept where keys are.
        table: Name of the table or view; None for a table that the warehouse does not have, which then has no rows.
        time: Column of the time by which windows are cut: a time, a date, or ISO text.
        instrument: Column of the instrument; None for a table of one.
        schema: Where the table lies; None is the default of the connection.
        instruments: Only these, each asked for by itself, so that one that is new gets its whole history; None takes
            all that there are, in one.
        timezone: Zone of times that carry none.
        trades: Where rows are single trades, the columns of ``price`` and ``size``: they are delivered as bars.
        bar_minutes: Length of these bars.
        chunk: Rows that are in memory at once.
        credentials: The entry ``warehouse`` of the credentials, with its ``url``.

    Raises:
        ConfigurationError: If the options contradict each other, hold a password, or there is no address.
    """

    provider = "warehouse"
    simulated = False

    def __init__(
        self,
        url: str | None,
        table: str | None,
        time: str = "ts",
        instrument: str | None = "instrument",
        schema: str | None = None,
        instruments: Sequence[str] | None = None,
        timezone: str = "UTC",
        trades: Mapping[str, str] | None = None,
        bar_minutes: int = 60,
        chunk: int = 100_000,
        credentials: Mapping[str, Any] | None = None,
    ) -> None:
        if instruments is not None and instrument is None:
            raise ConfigurationError("`instruments` are chosen by the column `instrument`, which is not given.")
        self._url = _without_password(url) if url else secret_of("warehouse", "url", credentials).reveal()
        self._table, self._schema = table, schema
        self._time, self._instrument = time, instrument
        self._timezone, self._chunk = timezone, chunk
        self._trades = None if trades is None else TradeBars.of(trades, time, instrument, bar_minutes)
        everything = () if table is None else (EVERYTHING,)
        self.keys = everything if instruments is None else tuple(instruments)

    @property
    def identity(self) -> tuple[str, ...]:
        """Instrument and time."""
        time, instrument = (self._time, self._instrument) if self._trades is None else ("time", INSTRUMENT)
        return (time,) if self._instrument is None or instrument is None else (instrument, time)

    @property
    def source_id(self) -> str:
        """Database and table, without host, user or password."""
        from sqlalchemy import make_url

        database = (make_url(self._url).database or "memory").rsplit("/", 1)[-1]
        return f"{database}.{f'{self._schema}.' if self._schema else ''}{self._table}"

    def fetch(
        self,
        keys: Sequence[str],
        since: pd.Timestamp,
        until: pd.Timestamp,
        as_of: pd.Timestamp,  # noqa: ARG002 - a warehouse has what it has
    ) -> Iterator[Part]:
        """Ask for a window, see `WindowSource`.

        Raises:
            SourceError: If the warehouse cannot be reached, or has no such table or column.
        """
        from sqlalchemy import create_engine
        from sqlalchemy.exc import SQLAlchemyError

        if self._trades is not None:
            # A bar that is cut by the edge of a window would be another one in the next.
            since, until = since.floor(self._trades.bar), until.floor(self._trades.bar)
        try:
            engine = create_engine(self._url)
            try:
                table = self._reflected(engine)
                for group in [tuple(keys)] if EVERYTHING in keys else [(key,) for key in keys]:
                    yield from self._parts(engine, self._statement(table, group, since, until), group, since, until)
            finally:
                engine.dispose()
        except (SQLAlchemyError, ImportError) as error:
            # The whole text holds the statement and its values, and may hold the address.
            raise SourceError(
                f"The warehouse {self.source_id} did not answer: {type(error).__name__}: {_first_line(error)}. Look "
                "whether it is up, at its address and at the rights of its user. Nothing that is stored was changed."
            ) from None

    def _reflected(self, engine: Engine) -> Table:
        from sqlalchemy import MetaData, Table, inspect
        from sqlalchemy.exc import NoSuchTableError

        try:
            table = Table(self._table or "", MetaData(), autoload_with=engine, schema=self._schema)
        except NoSuchTableError:
            inspector = inspect(engine)
            names = [*inspector.get_table_names(self._schema), *inspector.get_view_names(self._schema)]
            raise SourceError(
                f"The warehouse has no table {self._table!r} that its user may see. {closest(self._table or '', names)}"
            ) from None
        known = list(table.columns.keys())
        for name in self._needed():
            if name not in known:
                raise SourceError(f"{self.source_id} has no column {name!r}. {closest(name, known)}")
        return table

    def _needed(self) -> list[str]:
        trades = () if self._trades is None else (self._trades.price, self._trades.size)
        return [name for name in (self._time, self._instrument, *trades) if name]

    def _statement(self, table: Table, group: Sequence[str], since: pd.Timestamp, until: pd.Timestamp) -> Select[Any]:
        from sqlalchemy import select

        time = table.columns[self._time]
        names = table.columns.keys() if self._trades is None else self._needed()
        columns = [table.columns[name] for name in names]
        statement = select(*columns).where(time >= self._bound(time, since), time < self._bound(time, until, end=True))
        if self._instrument and EVERYTHING not in group:
            statement = statement.where(table.columns[self._instrument].in_(group))
        # Where there is a key, it settles the order of what happened in one moment.
        return statement.order_by(time, *table.primary_key.columns)

    def _bound(self, column: Column[Any], moment: pd.Timestamp, *, end: bool = False) -> Any:
        """The edge of a window as the column writes times."""
        from sqlalchemy import types

        local = moment.tz_convert(self._timezone)
        if isinstance(column.type, types.DateTime):
            return (moment if column.type.timezone else local.tz_localize(None)).to_pydatetime()
        if isinstance(column.type, types.Date):
            # A day is in the window if it begins there.
            begins = local == local.normalize()
            return (local if begins else local + pd.Timedelta(days=1)).date()
        if isinstance(column.type, types.String):
            # A text is compared by its day, which is written in one way only; the rest is left to whoever reads it.
            return f"{local + pd.Timedelta(days=int(end)):%Y-%m-%d}"
        raise SourceError(
            f"The column {column.name!r} of {self.source_id} is a {column.type}; expected a date, a time or ISO text. "
            "Give a view that has the time as one of them."
        )

    def _parts(
        self, engine: Engine, statement: Select[Any], group: tuple[str, ...], since: pd.Timestamp, until: pd.Timestamp
    ) -> Iterator[Part]:
        """Cut what comes at moments that are over: each part answers for its own time, up to where the next begins."""
        step = pd.Timedelta(microseconds=1) if self._trades is None else self._trades.bar
        begin, held = since, pd.DataFrame()
        with engine.connect().execution_options(stream_results=True, max_row_buffer=self._chunk) as connection:
            result = connection.execute(statement)
            names = list(result.keys())
            for rows in result.partitions(self._chunk):
                # pandas asks each row for attributes that a Row does not have; of tuples it asks nothing.
                frame = pd.DataFrame.from_records(list(map(tuple, rows)), columns=names)
                times = parse_times(frame[self._time], self._timezone).utc
                # A row without a time belongs nowhere, and is delivered to be looked at.
                frame = frame[((times >= since) & (times < until)) | times.isna()]
                held = pd.concat([held, frame], ignore_index=True) if len(held) else frame.reset_index(drop=True)
                times = parse_times(held[self._time], self._timezone).utc if len(held) else times
                end = times.max().floor(step)
                over = (times < end) | times.isna()
                if end > begin and over.any() and len(held):
                    yield Part(self._delivered(held[over]), group, begin, end)
                    begin, held = end, held[~over].reset_index(drop=True)
        yield Part(self._delivered(held), group, begin, until)

    def _delivered(self, rows: pd.DataFrame) -> pd.DataFrame:
        if self._trades is None or rows.empty:
            return rows.reset_index(drop=True)
        return self._trades.bars(rows, self._timezone)


def _without_password(url: str) -> str:
    from sqlalchemy import make_url

    if make_url(url).password is not None:
        raise ConfigurationError(
            f"The address of the warehouse holds a password, which belongs to no catalog. Give the address in "
            f"{where('warehouse', 'url')}, and take another password if this one was committed."
        )
    return url


def _first_line(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    lines = str(original).strip().splitlines()
    return lines[0][:200] if lines else ""
