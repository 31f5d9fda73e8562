"""Secrets from a vault: HashiCorp's or OpenBao's, by its interface for keys and values of version 2.

`FINQ_VAULT_ADDR` is its address, `FINQ_VAULT_TOKEN`, or the file that `FINQ_VAULT_TOKEN_FILE` names, what lets us in.
What was read is kept for a minute, and for as long as the vault does not answer.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from urllib.parse import quote

from finq_predictor.adapters.environment.reading import value_of
from finq_predictor.domain.errors import ConfigurationError, SourceError

ADDRESS, TOKEN = "FINQ_VAULT_ADDR", "FINQ_VAULT_TOKEN"
KEPT_S = 60.0
_PLACE = re.compile(r"(?P<mount>[\w.-]+)/(?P<path>[\w./-]+)#(?P<field>[\w.-]+)")
_kept: dict[tuple[str, str], tuple[float, bytes]] = {}
_alone = threading.Lock()


def read_from_vault(place: str, name: str, environment: Mapping[str, str] | None = None) -> bytes:
    """A secret at a place of the vault.

    Args:
        place: Mount, path and field, such as ``"secret/finq/service#token"``.
        name: The variable that names the place, for messages.
        environment: Variables by name; None for those of this process.

    Raises:
        ConfigurationError: If the place is none, there is nothing, or the vault lets nobody in or does not answer.
    """
    found = _PLACE.fullmatch(place)
    if found is None:
        raise ConfigurationError(f"{name} is {place[:100]!r}; expected MOUNT/PATH#FIELD, such as secret/finq#token.")
    address = value_of(ADDRESS, environment)
    if not address:
        raise ConfigurationError(f"{name} names a place in a vault; give the vault's address in {ADDRESS}.")
    with _alone:
        kept = _kept.get((address, place))
        if kept is not None and time.monotonic() - kept[0] < KEPT_S:
            return kept[1]
        try:
            secret = _ask(address, found["mount"], found["path"], found["field"], name, environment)
        except SourceError as error:
            if kept is not None:
                return kept[1]
            raise ConfigurationError(f"{name} names {place} in the vault, which gives nothing: {error}") from None
        _kept[address, place] = (time.monotonic(), secret)
        return secret


def _ask(address: str, mount: str, path: str, field: str, name: str, environment: Mapping[str, str] | None) -> bytes:
    from finq_predictor.adapters.http.client import HttpClient
    from finq_predictor.adapters.http.credentials import Key, Secret
    from finq_predictor.adapters.http.policy import Policy
    from finq_predictor.adapters.secret_values import read_secret

    token = read_secret(TOKEN, "the token of the vault", environment)
    if token is None:
        raise ConfigurationError(f"{name} names a place in a vault; give what lets us in in {TOKEN}_FILE.")
    key = Key.in_header(Secret(token.decode(), f"{TOKEN} or {TOKEN}_FILE"), "X-Vault-Token")
    policy = Policy(connect_seconds=2.0, read_seconds=3.0, total_seconds=5.0, attempts=2, first_wait_seconds=0.2)
    with HttpClient("vault", address, policy, keys=[key]) as client:
        answer = client.get_json(f"v1/{quote(mount)}/data/{quote(path)}")
    values = answer.get("data", {}).get("data", {}) if isinstance(answer, dict) else {}
    value = values.get(field) if isinstance(values, dict) else None
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{name} names the field {field!r} of {mount}/{path} in the vault, and there is none.")
    return value.encode()
