"""Access tokens: short-lived, signed, and for one purpose each.

A token says who, not what they may do: that is looked up for each request, so that a change of a role holds at once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from uuid import uuid4

from finq_predictor.serving.access.token_keys import TokenKeys
from finq_predictor.serving.errors import UnauthenticatedError

ISSUER = "finq"
LONGEST = 4096
"""Characters of a token that is looked at."""
_REQUIRED = ["exp", "iat", "iss", "aud", "sub", "jti", "sid", "gen"]


class Purpose(StrEnum):
    """What a token is for, its `aud`: one that was made for the page's cookie is of no use in a header."""

    API = "finq-api"
    PAGE = "finq-page"
    LOGIN = "finq-login"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says.

    Attributes:
        account: Who.
        session: What it belongs to, with all that are made from it.
        generation: That of the account when it was made.
        expires: Seconds since 1970.
    """

    account: str
    session: str
    generation: int
    expires: float


def issue(keys: TokenKeys, purpose: Purpose, claims: Claims) -> str:
    """Make a token."""
    import jwt

    key = keys.current
    content = {
        "iss": ISSUER,
        "aud": str(purpose),
        "sub": claims.account,
        "sid": claims.session,
        "gen": claims.generation,
        "iat": int(time.time()),
        "exp": int(claims.expires),
        "jti": uuid4().hex,
    }
    return jwt.encode(content, key.signing, key.algorithm, {"kid": key.id})


def is_ours(keys: TokenKeys | None, token: str) -> bool:
    """Whether a token names one of our keys; that says nothing about its signature."""
    import jwt

    try:
        return keys is not None and jwt.get_unverified_header(token[:LONGEST]).get("kid") in keys.known
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return False


def read(keys: TokenKeys | None, purpose: Purpose, token: str) -> Claims:
    """What a token says, if it is one of ours for this purpose and has not expired.

    Raises:
        UnauthenticatedError: If not; does not repeat the token.
    """
    import jwt

    refusal = UnauthenticatedError("The token is not valid here; get a new one with POST /auth/token.")
    if keys is None or len(token) > LONGEST:
        raise refusal
    try:
        key = keys.known.get(str(jwt.get_unverified_header(token).get("kid")))
        if key is None:
            raise refusal
        found = jwt.decode(
            token,
            key.verifying,
            algorithms=[key.algorithm],
            audience=str(purpose),
            issuer=ISSUER,
            options={"require": _REQUIRED},
        )
        claims = Claims(str(found["sub"]), str(found["sid"]), int(found["gen"]), float(found["exp"]))
    except jwt.ExpiredSignatureError:
        raise UnauthenticatedError("The token has expired; get a new one with POST /auth/refresh.") from None
    # Whatever a stranger wrote into it may also be too deep, or no text at all.
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError, OverflowError):
        raise refusal from None
    return claims
