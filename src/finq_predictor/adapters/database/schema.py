"""The tables of the shared database; the migrations lead there, and a test compares the two.

What is asked, and what answers it:

- what the champion says of a market now, or at a time: ``predictions`` by market and time;
- what was said of an instrument: ``predictions`` by market, instrument and time;
- how right it was: ``predictions`` with ``outcomes``, by the key of the latter;
- what a prediction was made from: ``feature_values`` by their key;
- what was decided about models: ``audit_events`` by market and time;
- what was answered to a request, and to whom: ``served_predictions`` by id and by request;
- what was said of a bar before its outcome was known, and what became of it: ``served_statements`` by market,
  instrument and time, or by market and time, with ``served_outcomes``;
- how often a model could not answer while it was compared: ``served_failures`` by market and time;
- what clients say became of it: ``feedback`` by prediction, by request, or by market, instrument and time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Boolean, Column, DateTime, Float, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.types import TypeDecorator

PARTITIONED = ("predictions", "outcomes", "feature_values")
"""Cut by month of ``ts`` where the database can do that."""
SERVED = {"served_predictions": "served_at", "served_statements": "ts", "served_outcomes": "ts"}
"""What the service has said, cut by month of the column that is named."""


class Utc(TypeDecorator[datetime]):
    """A moment in UTC, also where the database knows no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Refuse what has no zone, and bring the rest to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no zone; expected a moment in UTC")
        moment = value.astimezone(UTC)
        return moment if dialect.name == "postgresql" else moment.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002 - its signature
        """Say that it is UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_N_name)s"})


def _name(column: str, **options: Any) -> Column[Any]:
    return Column(column, String(80), nullable=False, **options)


def _limits() -> list[Column[Any]]:
    """What a prediction says of its own limits; nothing in rows that were published before it was."""
    return [
        Column("p_yes", Float(53)),
        Column("p_no", Float(53)),
        # Words, separated by spaces.
        Column("prediction_set", String(80)),
        Column("coverage", Float(53)),
        Column("conformal_decision", String(80)),
        Column("flags", Text),
    ]


LIMITS = tuple(column.name for column in _limits())
predictions = Table(
    "predictions",
    metadata,
    _name("snapshot", primary_key=True),
    _name("market", primary_key=True),
    _name("model", primary_key=True),
    _name("instrument", primary_key=True),
    Column("ts", Utc, primary_key=True),
    Column("horizon", Integer, nullable=False),
    Column("probability", Float(53)),
    Column("prediction", Boolean),
    Column("confidence", Float(53)),
    _name("decision"),
    Column("reason", Text),
    _name("version"),
    _name("status"),
    Column("simulated", Boolean, nullable=False),
    *_limits(),
    Column("published_at", Utc, nullable=False),
    Index(None, "market", "ts"),
    Index(None, "market", "instrument", "ts"),
    postgresql_partition_by="RANGE (ts)",
)

outcomes = Table(
    "outcomes",
    metadata,
    _name("market", primary_key=True),
    Column("horizon", Integer, primary_key=True),
    _name("instrument", primary_key=True),
    Column("ts", Utc, primary_key=True),
    # A revision stays beside what was said before it.
    Column("recorded_at", Utc, primary_key=True),
    Column("forward_return", Float(53), nullable=False),
    Column("label", Float(53)),
    Column("known_at", Utc, nullable=False),
    _name("snapshot"),
    postgresql_partition_by="RANGE (ts)",
)

feature_values = Table(
    "feature_values",
    metadata,
    _name("snapshot", primary_key=True),
    _name("market", primary_key=True),
    _name("instrument", primary_key=True),
    Column("ts", Utc, primary_key=True),
    _name("feature", primary_key=True),
    Column("value", Float(53)),
    postgresql_partition_by="RANGE (ts)",
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("at", Utc, nullable=False),
    _name("market"),
    _name("kind"),
    _name("subject"),
    _name("verdict"),
    Column("reason", Text, nullable=False),
    # JSON, as text: it is kept as it was written.
    Column("details", Text, nullable=False),
    Index(None, "market", "at"),
)


def _said() -> list[Column[Any]]:
    """What a prediction says, whoever asked."""
    return [
        Column("newest_ts", Utc),
        Column("snapshot", String(80)),
        Column("score", Float(53)),
        Column("probability", Float(53)),
        _name("decision"),
        Column("reason", Text),
        # Words, separated by commas.
        Column("flags", Text, nullable=False),
        # JSON, as text.
        Column("prediction_set", Text),
        # How long the model took for the bar, where this process has let it.
        Column("took_us", Integer),
    ]


served_predictions = Table(
    "served_predictions",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("served_at", Utc, primary_key=True),
    Column("request_id", String(128), nullable=False),
    Column("asked_by", Text),
    # From the request to the record of its answer; of single predictions that were given.
    Column("latency_us", Integer),
    _name("arm"),
    _name("market"),
    _name("instrument"),
    Column("ts", Utc),
    Column("horizon", Integer, nullable=False),
    _name("model"),
    _name("version"),
    *_said(),
    Index(None, "request_id"),
    postgresql_partition_by="RANGE (served_at)",
)

served_statements = Table(
    "served_statements",
    metadata,
    _name("market", primary_key=True),
    _name("instrument", primary_key=True),
    Column("ts", Utc, primary_key=True),
    Column("horizon", Integer, primary_key=True),
    _name("model", primary_key=True),
    _name("version", primary_key=True),
    _name("arm", primary_key=True),
    # When it was said first, and the id of that prediction.
    Column("served_at", Utc, nullable=False),
    Column("id", String(128), nullable=False),
    *_said(),
    Index(None, "market", "ts"),
    postgresql_partition_by="RANGE (ts)",
)

served_outcomes = Table(
    "served_outcomes",
    metadata,
    _name("market", primary_key=True),
    Column("horizon", Integer, primary_key=True),
    _name("instrument", primary_key=True),
    Column("ts", Utc, primary_key=True),
    # A revision stays beside what was said before it; one without a return takes back what was said.
    Column("recorded_at", Utc, primary_key=True),
    Column("forward_return", Float(53)),
    Column("label", Float(53)),
    Column("known_at", Utc),
    _name("snapshot"),
    postgresql_partition_by="RANGE (ts)",
)

served_failures = Table(
    "served_failures",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("at", Utc, nullable=False),
    Column("request_id", String(128), nullable=False),
    _name("arm"),
    _name("market"),
    _name("model"),
    _name("version"),
    # Of the error.
    _name("kind"),
    Index(None, "market", "at"),
)

feedback = Table(
    "feedback",
    metadata,
    # Of what was said, about what, by whom: the same twice is once.
    Column("id", String(128), primary_key=True),
    Column("given_at", Utc, nullable=False),
    Column("given_by", Text),
    Column("request_id", String(128)),
    Column("prediction_id", String(128)),
    Column("market", String(80)),
    Column("instrument", String(80)),
    Column("ts", Utc),
    Column("outcome", Boolean, nullable=False),
    Column("forward_return", Float(53)),
    Column("comment", Text),
    Index(None, "prediction_id"),
    Index(None, "request_id"),
    Index(None, "market", "instrument", "ts"),
)
