"""API keys: 256 random bits, of which only a hash is kept.

A hash of a random number needs no salt and no slowness: there is nothing to guess. The prefix is no secret; it finds
the key among the others, and people recognise it in lists.
"""

from __future__ import annotations

import re
import secrets
from hashlib import sha256
from typing import NamedTuple

_FORM = re.compile(r"finq_([a-z0-9]{10})_[A-Za-z0-9_-]{43}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
KEY_MARK = b"finq_"
PREFIX = slice(5, 15)
"""Where its prefix stands in a key."""
LENGTH = 59
"""Characters of a key."""


class NewKey(NamedTuple):
    """A key that was just made.

    Attributes:
        prefix: What it is recognised by.
        text: The key itself, which is shown once.
    """

    prefix: str
    text: str

    def __repr__(self) -> str:
        return f"NewKey({self.prefix})"


def make_key() -> NewKey:
    """Make a key that nobody has."""
    prefix = "".join(secrets.choice(_LETTERS) for _ in range(10))
    return NewKey(prefix, f"finq_{prefix}_{secrets.token_urlsafe(32)}")


def prefix_of(text: str) -> str | None:
    """What a key is recognised by; None where the text is no key."""
    found = _FORM.fullmatch(text)
    return found[1] if found else None


def digest(secret: bytes) -> bytes:
    """What is kept of a key or of another random secret."""
    return sha256(secret).digest()
