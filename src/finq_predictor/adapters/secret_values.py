"""Secrets of this process: from a variable of the environment, a file that a second one names, or a vault.

A file is better: the environment of a process can be read by whoever may look at the process, and is handed on to all
that it starts. What is read is never repeated in an error.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from finq_predictor.adapters.vault import read_from_vault
from finq_predictor.domain.errors import ConfigurationError

_LONGEST = 65_536
SECRETS = {
    "FINQ_TOKEN_SECRET": "What signs access tokens: lines of secrets, or private keys in PEM; else a file beside the "
    "accounts",
    "FINQ_ACCESS_URL": "PostgreSQL in which accounts are kept; else a file below the data",
    "FINQ_STORE_URL": "PostgreSQL in which what was answered is kept; else a file below the data",
    "FINQ_REDIS_URL": "Redis through which processes keep limits together and leave answers for each other; else each "
    "counts and computes for itself",
    "FINQ_OIDC_SECRET": "What shows the issuer that it is this service",
    "FINQ_SIGNING_KEY": "What signs stored models; else they are not signed",
    "FINQ_METRICS_KEY": "Key of a viewer, by which `finq alarms check` reads the metrics of a service with accounts",
    "FINQ_CHANNEL_<NAME>": "What a channel of `conf/base/alarms.yml` needs, such as the address of a webhook of Slack",
    "FINQ_VAULT_TOKEN": "What the vault at `FINQ_VAULT_ADDR` lets in",
}
"""What is secret, and what it is for."""


def read_secret(name: str, what: str = "the secret", environment: Mapping[str, str] | None = None) -> bytes | None:
    """A secret, without blanks at its ends; None when nobody gave one.

    Args:
        name: The variable that holds it, such as ``"FINQ_REDIS_URL"``; ``<name>_FILE`` names a file that does, and
            ``<name>_VAULT`` a place in a vault.
        what: What it is, for messages.
        environment: Variables by name; None for those of this process.

    Raises:
        ConfigurationError: If it is given twice, or cannot be read; never shows the secret.
    """
    variables = os.environ if environment is None else environment
    given, file, place = (variables.get(one, "").strip() for one in (name, f"{name}_FILE", f"{name}_VAULT"))
    twice = [one for one, value in ((name, given), (f"{name}_FILE", file), (f"{name}_VAULT", place)) if value]
    if len(twice) > 1:
        raise ConfigurationError(f"{' and '.join(twice)} are both set; give {what} once, best as a file.")
    if place:
        return read_from_vault(place, f"{name}_VAULT", environment)
    if file:
        found = _read(Path(file), f"{name}_FILE")
        if not found:
            # Going on without a secret that somebody meant to give would close nothing.
            raise ConfigurationError(f"{name}_FILE names {file}, which has 0 bytes; put {what} there.")
        return found
    return given.encode() or None


def _read(file: Path, name: str) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(_LONGEST).strip()
    except OSError as error:
        raise ConfigurationError(
            f"{name} names {file}, which cannot be read: {error.strerror}. Name a file that this user may read."
        ) from None
