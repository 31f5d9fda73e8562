"""The store of what the service has said: how it is reached, and what is written into it.

Without an address it is an SQLite file below the folder of the data. Only the keeper writes, so that one process is
enough; whoever reads may do so at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from finq_predictor.adapters.database.engine import current, engine_of, newest, upgrade, working
from finq_predictor.adapters.environment.reading import given_as
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.secret_values import read_secret
from finq_predictor.domain.modelling.refusals import OVERRIDDEN
from finq_predictor.domain.modelling.statements import MARK

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

URL = "FINQ_STORE_URL"
_ASKED = 10_000
"""Ids that are looked for at a time."""
_JUDGED = timedelta(days=92)
"""What is asked of a bar that is older than this, next to the newest one, is remembered but never judged."""
_STATEMENT = ("market", "instrument", "ts", "horizon", "model", "version", "arm")


def store_engine(root: Path, environment: Mapping[str, str] | None = None, *, kept: bool = False) -> Engine:
    """The store of a folder of data; it is opened by the first question.

    Args:
        root: Folder of the data.
        environment: Variables by name; None for those of this process.
        kept: Whether connections are kept, see :func:`~finq_predictor.adapters.database.engine.engine_of`.

    Raises:
        ConfigurationError: If the address is given twice, cannot be read or is none; it is never shown.
    """
    address = read_secret(URL, "the address", environment)
    if address is not None:
        return engine_of(address.decode("latin-1"), given_as(URL, environment), kept=kept)
    file = Layout(root).store
    return engine_of(f"sqlite:///{file}", f"the folder {file.parent.name}")


def is_open(engine: Engine) -> bool:
    """Whether the store is there with all tables that are known here; never makes it."""
    return has_store(engine) and current(engine) == newest()


def has_store(engine: Engine) -> bool:
    """Whether there is something to open: a file, or a server that others look after."""
    return engine.dialect.name != "sqlite" or Path(str(engine.url.database)).exists()


class ServedStore:
    """What the keeper writes.

    Args:
        engine: See :func:`store_engine`.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._months: set[tuple[str, int, int]] = set()

    def open(self) -> None:
        """Make the store where there is none, and bring it to the step that this code knows.

        Raises:
            SourceUnavailableError: If the database does not answer.
            StoreError: If it refuses, or was brought further by newer code.
        """
        self._months.clear()
        if self.engine.dialect.name == "sqlite":
            self._open_file(Path(str(self.engine.url.database)))
        if current(self.engine) != newest():
            upgrade(self.engine)

    def keep(
        self,
        predictions: Sequence[dict[str, Any]],
        feedback: Sequence[dict[str, Any]],
        failures: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Put in rows as ``read_line`` gives them; all of them or none, and the same twice is once.

        What is said of a bar for the first time by a version of a model is a statement, which will be judged. What is
        said again, to whomever, is the same statement.

        Raises:
            SourceUnavailableError: If the database does not answer.
            StoreError: If it refuses.
        """
        from finq_predictor.adapters.database.rows import insert_once
        from finq_predictor.adapters.database.schema import feedback as feedback_table
        from finq_predictor.adapters.database.schema import served_failures, served_predictions, served_statements

        predictions = _once(predictions)
        said = _statements(predictions)
        try:
            self._make_months("served_predictions", (row["served_at"] for row in predictions))
            for table in ("served_statements", "served_outcomes"):
                self._make_months(table, (row["ts"] for row in said))
            with working(self.engine) as connection:
                insert_once(connection, served_predictions, _unsaid(connection, predictions))
                insert_once(connection, served_statements, said, earlier="served_at")
                insert_once(connection, feedback_table, feedback)
                insert_once(connection, served_failures, failures)
        except BaseException:
            # A month may have been removed since it was made.
            self._months.clear()
            raise

    def statement_keys(self, market: str, since: datetime) -> pd.DataFrame:
        """Of what there are statements from a bar on: ``horizon``, ``instrument``, ``ts``."""
        from sqlalchemy import select

        from finq_predictor.adapters.database.reading import frame_of
        from finq_predictor.adapters.database.schema import served_statements

        columns = [served_statements.c[name] for name in ("horizon", "instrument", "ts")]
        wanted = select(*columns).where(served_statements.c.market == market, served_statements.c.ts >= since)
        return frame_of(self.engine, wanted.distinct())

    def record_outcomes(self, market: str, snapshot: str, recorded_at: datetime, known: pd.DataFrame) -> int:
        """Put in what has become known; the same again adds nothing, something else stands beside what was said before.

        Args:
            market: Name of the market.
            snapshot: Id of the snapshot that says it.
            recorded_at: When it was published.
            known: ``horizon``, ``instrument``, ``ts``, ``forward_return``, ``label``, ``known_at``; NaN where a
                snapshot says nothing, which takes back what an earlier one said.

        Returns:
            How many rows were new.
        """
        from sqlalchemy import select

        from finq_predictor.adapters.database.reading import frame_of
        from finq_predictor.adapters.database.rows import insert_revisions
        from finq_predictor.adapters.database.schema import served_outcomes

        if known.empty:
            return 0
        key = ["horizon", "instrument", "ts"]
        columns = [served_outcomes.c[name] for name in key]
        told = select(*columns).where(served_outcomes.c.market == market, served_outcomes.c.ts >= known["ts"].min())
        before = pd.MultiIndex.from_frame(frame_of(self.engine, told.distinct())[key])
        stated = known["forward_return"].notna() | pd.MultiIndex.from_frame(known[key]).isin(before)
        rows = known[stated].assign(market=market, snapshot=snapshot, recorded_at=pd.Timestamp(recorded_at))
        if rows.empty:
            return 0
        self._make_months("served_outcomes", (moment.to_pydatetime() for moment in rows["ts"]))
        with working(self.engine) as connection:
            return insert_revisions(connection, served_outcomes, rows)

    def count_outcomes(self, market: str) -> int:
        """How many outcomes there are of a market, with all that were corrected later."""
        from sqlalchemy import func, select

        from finq_predictor.adapters.database.schema import served_outcomes

        wanted = select(func.count()).select_from(served_outcomes).where(served_outcomes.c.market == market)
        with working(self.engine) as connection:
            return int(connection.execute(wanted).scalar_one())

    def prune(self, predictions_before: datetime, users_before: datetime) -> dict[str, int]:
        """Forget what is too old, by whole months: what was said and became of it, and earlier who asked.

        Args:
            predictions_before: Months that end by then are removed, UTC.
            users_before: Of months that end by then it is forgotten who asked or gave feedback.

        Returns:
            Rows that were removed or changed, by what happened; months, where the database is cut by them.
        """
        from sqlalchemy import delete, update

        from finq_predictor.adapters.database.partitions import drop_partitions
        from finq_predictor.adapters.database.schema import SERVED, metadata, served_failures, served_predictions
        from finq_predictor.adapters.database.schema import feedback as given

        oldest, named = _month_of(predictions_before), _month_of(users_before)
        done: dict[str, int] = {}
        self._months.clear()
        for table, column in SERVED.items():
            with working(self.engine) as connection:
                done[table] = len(drop_partitions(connection, table, oldest))
            if self.engine.dialect.name != "postgresql":
                old = metadata.tables[table].c[column] < oldest
                with working(self.engine) as connection:
                    done[table] = connection.execute(delete(metadata.tables[table]).where(old)).rowcount
        with working(self.engine) as connection:
            done["feedback"] = connection.execute(delete(given).where(given.c.given_at < oldest)).rowcount
            failed = delete(served_failures).where(served_failures.c.at < oldest)
            done["served_failures"] = connection.execute(failed).rowcount
            forgotten = 0
            for where, who, when in ((served_predictions, "asked_by", "served_at"), (given, "given_by", "given_at")):
                change = update(where).where(where.c[when] < named, where.c[who].is_not(None)).values({who: None})
                forgotten += connection.execute(change).rowcount
            done["users forgotten"] = forgotten
        return done

    def _open_file(self, file: Path) -> None:
        from sqlalchemy import text

        if file.exists():
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        # Readers and the writer do not wait for each other; the file remembers it. What was committed is on the disk
        # (synchronous=FULL, as SQLite comes), because the spool is removed then.
        with self.engine.connect() as connection:
            connection.execute(text("PRAGMA journal_mode=WAL"))

    def _make_months(self, table: str, moments: Iterable[datetime]) -> None:
        from finq_predictor.adapters.database.partitions import make_partitions

        wanted = {(table, moment.year, moment.month) for moment in moments} - self._months
        if wanted and self.engine.dialect.name == "postgresql":
            with working(self.engine) as connection:
                for _, year, month in sorted(wanted):
                    first = datetime(year, month, 1, tzinfo=UTC)
                    make_partitions(connection, first, first, ahead=0, tables=(table,))
        self._months |= wanted


def _once(predictions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of what was said twice on a schedule, and waits, what was said first."""
    first: dict[str, dict[str, Any]] = {}
    for row in predictions:
        known = first.get(row["id"]) if row["id"].startswith(MARK) else None
        if known is None or row["served_at"] < known["served_at"]:
            first[row["id"]] = row
    return [*first.values()]


def _unsaid(connection: Connection, predictions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what was said on a schedule and is there already: its id is the same at another time, too."""
    from sqlalchemy import select, text

    from finq_predictor.adapters.database.schema import served_predictions

    marked = [row["id"] for row in predictions if row["id"].startswith(MARK)]
    if not marked:
        return [*predictions]
    if connection.dialect.name == "postgresql":
        # Two machines that run the same schedule would both find nothing there; the second one waits for the first.
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('finq statements'))"))
    there: set[str] = set()
    for start in range(0, len(marked), _ASKED):
        some = served_predictions.c.id.in_(marked[start : start + _ASKED])
        there.update(connection.scalars(select(served_predictions.c.id).where(some)))
    return [row for row in predictions if row["id"] not in there]


def _statements(predictions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of what was said the first of each statement that can be judged, in the order of the key."""
    first: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in predictions:
        if row["ts"] is None or row["newest_ts"] is None or row["newest_ts"] - row["ts"] > _JUDGED:
            continue
        if OVERRIDDEN in row["flags"].split(","):
            continue
        key = tuple(row[name] for name in _STATEMENT)
        if key not in first or row["served_at"] < first[key]["served_at"]:
            first[key] = row
    dropped = ("request_id", "asked_by", "latency_us")
    return [{name: value for name, value in first[key].items() if name not in dropped} for key in sorted(first)]


def _month_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
