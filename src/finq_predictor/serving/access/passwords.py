"""Passwords, hashed by argon2id, which costs whoever guesses 64 MiB and some tens of milliseconds for each guess."""

from __future__ import annotations

from functools import cache
from typing import Any

from finq_predictor.domain.errors import ConfigurationError

SHORTEST, LONGEST = 12, 256


@cache
def _hasher() -> Any:
    from argon2 import PasswordHasher

    # The parameters of RFC 9106 for machines with little memory; one lane, because one thread works on it.
    return PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=1)


def hash_password(password: str) -> str:
    """What is kept of a password.

    Raises:
        ConfigurationError: If it is too short to withstand guessing, or longer than is read.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise ConfigurationError(
            f"The password has {len(password)} characters; expected {SHORTEST} to {LONGEST}. Several words are easy to "
            "keep in mind."
        )
    return str(_hasher().hash(password))


def is_password(kept: str | None, given: str) -> bool:
    """Whether a password is the one; takes as long where there is none, so that names are not told by time."""
    from argon2.exceptions import Argon2Error, InvalidHashError

    try:
        _hasher().verify(kept or _nobodys(), given[: LONGEST + 1])
    except (Argon2Error, InvalidHashError, UnicodeError):
        return False
    return kept is not None


@cache
def _nobodys() -> str:
    import secrets

    return str(_hasher().hash(secrets.token_urlsafe(16)))
