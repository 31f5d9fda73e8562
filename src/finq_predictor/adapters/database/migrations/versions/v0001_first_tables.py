"""Predictions, outcomes, features behind predictions, and decisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from finq_predictor.adapters.database.schema import Utc

revision = "0001"
down_revision = None

# An audit that can be edited is none.
_FROZEN_POSTGRES = (
    """CREATE FUNCTION audit_events_frozen() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'audit_events only grows'; END $$""",
    """CREATE TRIGGER audit_events_frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION audit_events_frozen()""",
)
_FROZEN_SQLITE = tuple(
    f"""CREATE TRIGGER audit_events_{change.lower()} BEFORE {change} ON audit_events
    BEGIN SELECT RAISE(ABORT, 'audit_events only grows'); END"""
    for change in ("UPDATE", "DELETE")
)


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "predictions",
        _name("snapshot"),
        _name("market"),
        _name("model"),
        _name("instrument"),
        sa.Column("ts", Utc, nullable=False),
        sa.Column("horizon", sa.Integer, nullable=False),
        sa.Column("probability", sa.Float(53)),
        sa.Column("prediction", sa.Boolean),
        sa.Column("confidence", sa.Float(53)),
        _name("decision"),
        sa.Column("reason", sa.Text),
        _name("version"),
        _name("status"),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.Column("published_at", Utc, nullable=False),
        sa.PrimaryKeyConstraint("snapshot", "market", "model", "instrument", "ts", name="pk_predictions"),
        postgresql_partition_by="RANGE (ts)",
    )
    op.create_index("ix_predictions_market_ts", "predictions", ["market", "ts"])
    op.create_index("ix_predictions_market_instrument_ts", "predictions", ["market", "instrument", "ts"])
    op.create_table(
        "outcomes",
        _name("market"),
        sa.Column("horizon", sa.Integer, nullable=False),
        _name("instrument"),
        sa.Column("ts", Utc, nullable=False),
        sa.Column("recorded_at", Utc, nullable=False),
        sa.Column("forward_return", sa.Float(53), nullable=False),
        sa.Column("label", sa.Float(53)),
        sa.Column("known_at", Utc, nullable=False),
        _name("snapshot"),
        sa.PrimaryKeyConstraint("market", "horizon", "instrument", "ts", "recorded_at", name="pk_outcomes"),
        postgresql_partition_by="RANGE (ts)",
    )
    op.create_table(
        "feature_values",
        _name("snapshot"),
        _name("market"),
        _name("instrument"),
        sa.Column("ts", Utc, nullable=False),
        _name("feature"),
        sa.Column("value", sa.Float(53)),
        sa.PrimaryKeyConstraint("snapshot", "market", "instrument", "ts", "feature", name="pk_feature_values"),
        postgresql_partition_by="RANGE (ts)",
    )
    op.create_table(
        "audit_events",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("at", Utc, nullable=False),
        _name("market"),
        _name("kind"),
        _name("subject"),
        _name("verdict"),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_events"),
    )
    op.create_index("ix_audit_events_market_at", "audit_events", ["market", "at"])
    for statement in _FROZEN_POSTGRES if _is_postgres() else _FROZEN_SQLITE:
        op.execute(statement)


def downgrade() -> None:
    """Remove them, with all that is in them."""
    for name in ("audit_events", "feature_values", "outcomes", "predictions"):
        op.drop_table(name)
    if _is_postgres():
        op.execute("DROP FUNCTION audit_events_frozen()")


def _name(column: str) -> sa.Column[str]:
    return sa.Column(column, sa.String(80), nullable=False)


def _is_postgres() -> bool:
    return bool(op.get_context().dialect.name == "postgresql")
