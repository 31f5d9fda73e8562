"""What the service has said, what became of it, and what clients say became of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from finq_predictor.adapters.database.schema import Utc

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "served_predictions",
        _id("id"),
        sa.Column("served_at", Utc, nullable=False),
        _id("request_id"),
        sa.Column("asked_by", sa.Text),
        _name("arm"),
        _name("market"),
        _name("instrument"),
        sa.Column("ts", Utc),
        sa.Column("horizon", sa.Integer, nullable=False),
        _name("model"),
        _name("version"),
        *_said(),
        sa.PrimaryKeyConstraint("id", "served_at", name="pk_served_predictions"),
        postgresql_partition_by="RANGE (served_at)",
    )
    op.create_index("ix_served_predictions_request_id", "served_predictions", ["request_id"])
    key = ("market", "instrument", "ts", "horizon", "model", "version", "arm")
    op.create_table(
        "served_statements",
        _name("market"),
        _name("instrument"),
        sa.Column("ts", Utc, nullable=False),
        sa.Column("horizon", sa.Integer, nullable=False),
        _name("model"),
        _name("version"),
        _name("arm"),
        sa.Column("served_at", Utc, nullable=False),
        _id("id"),
        *_said(),
        sa.PrimaryKeyConstraint(*key, name="pk_served_statements"),
        postgresql_partition_by="RANGE (ts)",
    )
    op.create_index("ix_served_statements_market_ts", "served_statements", ["market", "ts"])
    op.create_table(
        "served_outcomes",
        _name("market"),
        sa.Column("horizon", sa.Integer, nullable=False),
        _name("instrument"),
        sa.Column("ts", Utc, nullable=False),
        sa.Column("recorded_at", Utc, nullable=False),
        sa.Column("forward_return", sa.Float(53)),
        sa.Column("label", sa.Float(53)),
        sa.Column("known_at", Utc),
        _name("snapshot"),
        sa.PrimaryKeyConstraint("market", "horizon", "instrument", "ts", "recorded_at", name="pk_served_outcomes"),
        postgresql_partition_by="RANGE (ts)",
    )
    op.create_table(
        "feedback",
        _id("id"),
        sa.Column("given_at", Utc, nullable=False),
        sa.Column("given_by", sa.Text),
        sa.Column("request_id", sa.String(128)),
        sa.Column("prediction_id", sa.String(128)),
        sa.Column("market", sa.String(80)),
        sa.Column("instrument", sa.String(80)),
        sa.Column("ts", Utc),
        sa.Column("outcome", sa.Boolean, nullable=False),
        sa.Column("forward_return", sa.Float(53)),
        sa.Column("comment", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
    )
    op.create_index("ix_feedback_prediction_id", "feedback", ["prediction_id"])
    op.create_index("ix_feedback_request_id", "feedback", ["request_id"])
    op.create_index("ix_feedback_market_instrument_ts", "feedback", ["market", "instrument", "ts"])


def downgrade() -> None:
    """Remove them, with all that is in them."""
    for name in ("feedback", "served_outcomes", "served_statements", "served_predictions"):
        op.drop_table(name)


def _name(column: str) -> sa.Column[str]:
    return sa.Column(column, sa.String(80), nullable=False)


def _id(column: str) -> sa.Column[str]:
    return sa.Column(column, sa.String(128), nullable=False)


def _said() -> list[sa.Column[object]]:
    return [
        sa.Column("newest_ts", Utc),
        sa.Column("snapshot", sa.String(80)),
        sa.Column("score", sa.Float(53)),
        sa.Column("probability", sa.Float(53)),
        sa.Column("decision", sa.String(80), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("flags", sa.Text, nullable=False),
        sa.Column("prediction_set", sa.Text),
    ]
