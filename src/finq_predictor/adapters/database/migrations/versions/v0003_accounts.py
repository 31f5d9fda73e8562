"""Accounts, their keys, and the sessions they opened."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from finq_predictor.adapters.database.schema import Utc

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "accounts",
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("markets", sa.Text),
        sa.Column("models", sa.Text),
        sa.Column("password", sa.Text),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("created_at", Utc, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_accounts"),
    )
    op.create_table(
        "access_keys",
        sa.Column("prefix", sa.String(20), nullable=False),
        sa.Column("account", sa.String(80), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("label", sa.String(80), nullable=False),
        sa.Column("created_at", Utc, nullable=False),
        sa.Column("expires_at", Utc),
        sa.Column("revoked_at", Utc),
        sa.Column("last_used", sa.Date),
        sa.PrimaryKeyConstraint("prefix", name="pk_access_keys"),
        sa.ForeignKeyConstraint(["account"], ["accounts.name"], name="fk_access_keys_account"),
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("session", sa.String(40), nullable=False),
        sa.Column("account", sa.String(80), nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("expires_at", Utc, nullable=False),
        sa.Column("used_at", Utc),
        sa.PrimaryKeyConstraint("digest", name="pk_refresh_tokens"),
    )
    op.create_table(
        "revocations",
        sa.Column("session", sa.String(40), nullable=False),
        sa.Column("revoked_at", Utc, nullable=False),
        sa.Column("until", Utc, nullable=False),
        sa.PrimaryKeyConstraint("session", name="pk_revocations"),
    )
    changes = op.create_table(
        "access_changes",
        sa.Column("one", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_access_changes"),
    )
    op.bulk_insert(changes, [{"one": 1, "number": 0}])


def downgrade() -> None:
    """Remove them, with all that is in them."""
    for name in ("access_changes", "revocations", "refresh_tokens", "access_keys", "accounts"):
        op.drop_table(name)
