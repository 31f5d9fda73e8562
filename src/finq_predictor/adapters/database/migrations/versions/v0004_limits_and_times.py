"""What a prediction says of its limits, how long answers and models took, and who could not answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from finq_predictor.adapters.database.schema import Utc

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add them; what was written before says nothing of them."""
    for name in ("p_yes", "p_no", "coverage"):
        op.add_column("predictions", sa.Column(name, sa.Float(53)))
    for name in ("prediction_set", "conformal_decision"):
        op.add_column("predictions", sa.Column(name, sa.String(80)))
    op.add_column("predictions", sa.Column("flags", sa.Text))
    op.add_column("served_predictions", sa.Column("latency_us", sa.Integer))
    for table in ("served_predictions", "served_statements"):
        op.add_column(table, sa.Column("took_us", sa.Integer))
    op.create_table(
        "served_failures",
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("at", Utc, nullable=False),
        sa.Column("request_id", sa.String(128), nullable=False),
        *(sa.Column(name, sa.String(80), nullable=False) for name in ("arm", "market", "model", "version", "kind")),
        sa.PrimaryKeyConstraint("id", name="pk_served_failures"),
    )
    op.create_index("ix_served_failures_market_at", "served_failures", ["market", "at"])


def downgrade() -> None:
    """Remove them, with all that is in them."""
    op.drop_table("served_failures")
    for table in ("served_statements", "served_predictions"):
        op.drop_column(table, "took_us")
    op.drop_column("served_predictions", "latency_us")
    for name in ("flags", "conformal_decision", "prediction_set", "coverage", "p_no", "p_yes"):
        op.drop_column("predictions", name)
