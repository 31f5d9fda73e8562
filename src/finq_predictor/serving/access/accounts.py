"""Accounts, keys and sessions as they are kept, and as workers hold them in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.serving.access.callers import Caller, Role

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True, slots=True)
class Account:
    """Someone who may ask.

    Attributes:
        name: The name.
        role: What they may do.
        markets: The markets they may ask about; None for all.
        models: The names of models that may answer them; None for all.
        disabled: Whether they may do nothing for now.
        generation: Tokens of an earlier one are not valid any more.
        password: What is kept of the password; None where there is none.
    """

    name: str
    role: Role
    markets: frozenset[str] | None = None
    models: frozenset[str] | None = None
    disabled: bool = False
    generation: int = 0
    password: str | None = field(default=None, repr=False)

    def caller(self, way: str, credential: str) -> Caller:
        """Them, as they ask."""
        return Caller(self.name, self.role, self.markets, self.models, way, credential)


@dataclass(frozen=True, slots=True)
class Key:
    """A key of an account.

    Attributes:
        prefix: What it is recognised by.
        account: Whose.
        label: What it is for, in the words of whoever made it.
        created_at: When it was made.
        expires_at: After that it is not valid; None for never.
        revoked_at: When it was taken back; None where it was not.
        last_used: The day on which it was last seen.
        digest: What is kept of it.
    """

    prefix: str
    account: str
    label: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used: date | None
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that lets somebody in, at one moment.

    Attributes:
        number: Of the last change.
        accounts: By name.
        keys: Those that were not revoked, by prefix.
        revoked: Sessions that were ended.
    """

    number: int
    accounts: Mapping[str, Account]
    keys: Mapping[str, Key]
    revoked: frozenset[str]


NOBODY = Snapshot(-1, {}, {}, frozenset())


def checked_name(name: str) -> str:
    """A name that an account can have.

    Raises:
        ConfigurationError: If it cannot.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name[:80]!r} is no name of an account; expected 1 to 64 letters, digits and ._@- that begin with a "
            "letter or digit."
        )
    return name


def limited_to(markets: Iterable[str], models: Iterable[str]) -> tuple[frozenset[str] | None, frozenset[str] | None]:
    """The markets and models of an account; none given means all.

    Raises:
        UnknownNameError: If there is no such market.
    """
    MARKETS.require(*markets)
    return frozenset(markets) or None, frozenset(models) or None


def written(names: frozenset[str] | None) -> str | None:
    """Names as they are stored."""
    return None if names is None else json.dumps(sorted(names))


def account_of(row: Any) -> Account:
    """An account as it was stored."""
    return Account(
        row.name, Role(row.role), _read(row.markets), _read(row.models), row.disabled, row.generation, row.password
    )


def key_of(row: Any) -> Key:
    """A key as it was stored."""
    return Key(
        row.prefix,
        row.account,
        row.label,
        row.created_at,
        row.expires_at,
        row.revoked_at,
        row.last_used,
        bytes.fromhex(row.digest),
    )


def _read(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(json.loads(text))
