"""What signs access tokens: a secret of our own, or a private key.

They come from `FINQ_TOKEN_SECRET`, the file that `FINQ_TOKEN_SECRET_FILE` names, or the file beside the accounts.
Either lines of secrets (HS256), or private keys in PEM (EdDSA for Ed25519, RS256 for RSA). The first one signs; those
after it are former ones, whose tokens are still read until they expire. Which algorithm belongs to a key is said here,
never by a token.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from finq_predictor.adapters.atomic_file import write_atomically
from finq_predictor.adapters.environment.reading import given, given_as, plainly
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.secret_values import read_secret
from finq_predictor.domain.errors import ConfigurationError

SECRET = "FINQ_TOKEN_SECRET"
FILE = Layout(Path()).token_secret.name
_SHORTEST = 32
_SHORTEST_RSA = 2048
_MOST = 4
_PEM = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.+?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A key and the only algorithm that it is used with; neither part of it is shown.

    Attributes:
        id: Its `kid`, by which a token names it.
        algorithm: The algorithm.
        signing: What signs.
        verifying: What verifies.
    """

    id: str
    algorithm: str
    signing: Any = field(repr=False)
    verifying: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """The keys of this process.

    Attributes:
        known: By their id; the first one signs.
        origin: What tells whether they were changed.
    """

    known: dict[str, TokenKey]
    origin: bytes = field(repr=False)

    @property
    def current(self) -> TokenKey:
        """The key that signs."""
        return next(iter(self.known.values()))


def read_token_keys(folder: Path, before: TokenKeys | None = None) -> TokenKeys | None:
    """The keys that hold now; None when there are none.

    Args:
        folder: Where the accounts lie, and the secret where nothing else is said.
        before: What was read before, which is given back where nothing has changed.

    Raises:
        ConfigurationError: If they cannot be used; never shows them.
    """
    content = read_secret(SECRET, "the secret of tokens")
    if content is None and (folder / FILE).exists():
        content = read_secret(SECRET, environment={f"{SECRET}_FILE": str(folder / FILE)})
    if content is None:
        return None
    origin = sha256(content).digest()
    if before is not None and before.origin == origin:
        return before
    pems = _PEM.findall(content)
    made = [_private(one) for one in pems[:_MOST]] if pems else [_shared(one) for one in content.split()[:_MOST]]
    return TokenKeys({key.id: key for key in made}, origin)


def rotate(folder: Path, *, forget: bool = False) -> Path:
    """Make a new secret that signs from now on; the former one still reads what it signed.

    Args:
        folder: Where the accounts lie.
        forget: Whether the former ones are forgotten, so that all tokens end at once.

    Returns:
        The file.

    Raises:
        ConfigurationError: If the secret is kept elsewhere, where nothing may be written, or is no secret of ours.
    """
    name = given_as(SECRET)
    place = plainly(given(), name)
    if place and not name.endswith("_FILE"):
        raise ConfigurationError(
            f"The secret of tokens comes from the variable {name}, which cannot be changed from here. Put a new one "
            f"before it there (`openssl rand -hex 32`), or keep it in a file that {SECRET}_FILE names."
        )
    file = Path(place or folder / FILE)
    former = file.read_bytes().split() if file.exists() and not forget else []
    if any(b"-----BEGIN" in line for line in former):
        raise ConfigurationError(f"{file} holds a private key. Put a new one before it (`openssl genpkey`) by hand.")
    lines = [secrets.token_hex(32).encode(), *former[: _MOST - 1]]
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    def write(temporary: Path) -> None:
        with open(temporary, "wb", opener=_private_file) as opened:
            opened.write(b"\n".join(lines) + b"\n")

    write_atomically(file, write)
    return file


def _private_file(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _shared(secret: bytes) -> TokenKey:
    if len(secret) < _SHORTEST:
        raise ConfigurationError(
            f"A secret of tokens has {len(secret)} bytes, expected {_SHORTEST} or more. Make one with "
            "`openssl rand -hex 32`."
        )
    return TokenKey(sha256(b"finq token key " + secret).hexdigest()[:16], "HS256", secret, secret)


def _private(pem: bytes) -> TokenKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        raise ConfigurationError(
            f"{SECRET}_FILE holds a private key that cannot be read; expected PEM without a password."
        ) from None
    if isinstance(key, Ed25519PrivateKey):
        algorithm = "EdDSA"
    elif isinstance(key, RSAPrivateKey) and key.key_size >= _SHORTEST_RSA:
        algorithm = "RS256"
    else:
        raise ConfigurationError(
            f"{SECRET}_FILE holds a private key of another kind; expected Ed25519 (`openssl genpkey -algorithm "
            f"ed25519`) or RSA of {_SHORTEST_RSA} bits or more."
        )
    public = key.public_key()
    name = sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()[:16]
    return TokenKey(name, algorithm, key, public)
