"""Secrets of this process: from a variable of the environment, a file that a second one names, or a vault.

A file is better: the environment of a process can be read by whoever may look at the process, and is handed on to all
that it starts. What is read is never repeated in an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from finq_predictor.adapters.environment.declared import DECLARED
from finq_predictor.adapters.environment.reading import given, plainly
from finq_predictor.adapters.log_lines import hide
from finq_predictor.adapters.vault import read_from_vault
from finq_predictor.domain.errors import ConfigurationError

_LONGEST = 65_536


def read_secret(
    name: str,
    what: str = "the secret",
    environment: Mapping[str, str] | None = None,
    plain: tuple[str, ...] = (),
) -> bytes | None:
    """A secret, without blanks at its ends; None when nobody gave one.

    Args:
        name: The variable that holds it, such as ``"FINQ_REDIS_URL"``; ``<name>_FILE`` names a file that does, and
            ``<name>_VAULT`` a place in a vault. Well-known names that mean the same are looked at after it.
        what: What it is, for messages.
        environment: Variables by name; None for those of this process.
        plain: Further well-known names, for one that is not declared by its own name.

    Raises:
        ConfigurationError: If it is given twice, or cannot be read; never shows the secret.
    """
    known = DECLARED.get(name)
    for one in (name, *(() if known is None else known.plain), *plain):
        found = _read_one(one, what, environment)
        if found is not None:
            return found
    return None


def _read_one(name: str, what: str, environment: Mapping[str, str] | None) -> bytes | None:
    variables = given(environment)
    value, file, place = (plainly(variables, one) for one in (name, f"{name}_FILE", f"{name}_VAULT"))
    twice = [one for one, said in ((name, value), (f"{name}_FILE", file), (f"{name}_VAULT", place)) if said]
    if len(twice) > 1:
        raise ConfigurationError(f"{' and '.join(twice)} are both set; give {what} once, best as a file.")
    found = _found((value, file, place), name, what, environment)
    if found is not None:
        hide(found.decode("utf-8", errors="replace"))
    return found


def _found(told: tuple[str, str, str], name: str, what: str, environment: Mapping[str, str] | None) -> bytes | None:
    value, file, place = told
    if place:
        return read_from_vault(place, f"{name}_VAULT", environment)
    if file:
        found = _read(Path(file), f"{name}_FILE")
        if not found:
            # Going on without a secret that somebody meant to give would close nothing.
            raise ConfigurationError(f"{name}_FILE names {file}, which has 0 bytes; put {what} there.")
        return found
    return value.encode() or None


def _read(file: Path, name: str) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(_LONGEST).strip()
    except OSError as error:
        raise ConfigurationError(
            f"{name} names {file}, which cannot be read: {error.strerror}. Name a file that this user may read."
        ) from None
