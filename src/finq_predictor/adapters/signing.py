"""Signatures of stored models: who may write into the folder of the data may still not say what is served.

A checksum tells damage, not intent: whoever changes a file can write its checksum anew. With a key that only the
trainer and the services know, every bundle is signed when it is written and refused when its signature is absent or
wrong. Without a key nothing changes. How to use it: docs/how-to/sign-bundles.md.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

from finq_predictor.adapters.environment.reading import given_as
from finq_predictor.adapters.secret_values import read_secret
from finq_predictor.domain.errors import ConfigurationError

KEY = "FINQ_SIGNING_KEY"
SHORTEST = 32


def signing_key() -> bytes | None:
    """The key of this process, from a file or the environment; None when there is none.

    Raises:
        ConfigurationError: If both are given, the file cannot be read or the key is too short; never shows the key.
    """
    key = read_secret(KEY, "the key")
    if key is None:
        return None
    if len(key) < SHORTEST:
        raise ConfigurationError(
            f"The key that {given_as(KEY)} gives has {len(key)} bytes, expected {SHORTEST} or more. Make one with "
            "`openssl rand -hex 32`."
        )
    return key


def sign(key: bytes, content: bytes) -> str:
    """The signature of a file: HMAC-SHA256, in hexadecimal digits."""
    return hmac.new(key, content, sha256).hexdigest()


def is_signed(key: bytes, content: bytes, signature: object) -> bool:
    """Whether a signature is the one of a file, compared in constant time."""
    return isinstance(signature, str) and hmac.compare_digest(sign(key, content).encode(), signature.encode())
