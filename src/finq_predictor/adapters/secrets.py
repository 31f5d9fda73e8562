"""What a dataset may say about itself: Kedro prints it in logs and errors, so nothing in it may open a door."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# As Kedro writes it for the user of an address.
HIDDEN = "<redacted>"
# An option is secret if one of the words of its name is.
SECRET = frozenset(
    {"auth", "authorization", "credential", "credentials", "key", "keys", "passphrase", "password", "passwd", "pwd"}
    | {"secret", "secrets", "token", "tokens"}
    # Written as one word by providers.
    | {"accesskey", "accesstoken", "apikey", "apitoken", "appid", "authtoken"}
)
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
# user:password@ or token@ of an address.
_USER = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_QUERY = re.compile(r"(?<=[?&])([\w.-]+)=([^&\s]+)")


def masked(options: Mapping[str, Any]) -> dict[str, Any]:
    """Hide what is secret in a dataset's options, at any depth.

    Args:
        options: Options by name.

    Returns:
        The same with `HIDDEN` for each value whose name says that it is secret, such as ``api_key`` or ``accessToken``,
        and in each address for its user and the secret parts of its query.
    """
    return {name: HIDDEN if value and _is_secret(str(name)) else _hide(value) for name, value in options.items()}


def _hide(value: Any) -> Any:
    if isinstance(value, Mapping):
        return masked(value)
    if isinstance(value, list | tuple):
        return [_hide(each) for each in value]
    return _address(value) if isinstance(value, str) else value


def _address(text: str) -> str:
    def part(found: re.Match[str]) -> str:
        return f"{found[1]}={HIDDEN if _is_secret(found[1]) else found[2]}"

    return _QUERY.sub(part, _USER.sub(HIDDEN, text))


def _is_secret(name: str) -> bool:
    return not SECRET.isdisjoint(word.lower() for word in _WORDS.findall(name))
