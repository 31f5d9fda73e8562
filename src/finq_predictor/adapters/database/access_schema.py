"""The tables of accounts and of what they show to be let in; no secret stands in them, only hashes.

They are read whole, again and again, by every worker of the service: `access_changes` counts what was changed, so that
a look at one number tells whether there is anything to read.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, ForeignKey, Integer, String, Table, Text

from finq_predictor.adapters.database.schema import Utc, metadata

accounts = Table(
    "accounts",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("role", String(20), nullable=False),
    Column("disabled", Boolean, nullable=False),
    # JSON lists; all where there is none.
    Column("markets", Text),
    Column("models", Text),
    Column("password", Text),
    # Tokens of an earlier generation are not valid any more.
    Column("generation", Integer, nullable=False),
    Column("created_at", Utc, nullable=False),
)

access_keys = Table(
    "access_keys",
    metadata,
    Column("prefix", String(20), primary_key=True),
    Column("account", String(80), ForeignKey("accounts.name", name="fk_access_keys_account"), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("label", String(80), nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc),
    Column("revoked_at", Utc),
    Column("last_used", Date),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("session", String(40), nullable=False),
    Column("account", String(80), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("used_at", Utc),
)

revocations = Table(
    "revocations",
    metadata,
    # Of a session, with all of its tokens.
    Column("session", String(40), primary_key=True),
    Column("revoked_at", Utc, nullable=False),
    # After that nothing of it would be valid anyway.
    Column("until", Utc, nullable=False),
)

access_changes = Table(
    "access_changes",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
)
