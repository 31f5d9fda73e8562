"""A small OpenID Connect issuer for tests: a real HTTP server that signs, and asks nobody for a password."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "finq", "the-secret-of-the-client"


class SmallIssuer:
    """What it knows, and what it does wrong.

    Attributes:
        url: Its address.
        user: The claims of whoever signs in.
        wrong: Claims that its next tokens have in place of the right ones; None takes one away.
        asked: Paths that were asked for.
        name: What it calls itself; its address when None.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.user: dict[str, Any] = {"sub": "u-17", "roles": ["traders"]}
        self.wrong: dict[str, Any] = {}
        self.asked: list[str] = []
        self.name: str | None = None
        self.down = False
        self._codes: dict[str, dict[str, str]] = {}
        self.rotate()

    def rotate(self) -> None:
        """Sign with a new key, and list no other."""
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = secrets.token_hex(4)

    def token(self, **claims: Any) -> str:
        now = int(time.time())
        content = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, **self.user, **claims, **self.wrong}
        content = {name: value for name, value in content.items() if value is not None}
        return jwt.encode(content, self.key, "RS256", {"kid": self.kid})

    def keys(self) -> dict[str, Any]:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        odd = [{"kty": "oct", "kid": "shared", "k": "c2VjcmV0", "alg": "HS256"}, {"kty": "??"}, "no key"]
        return {"keys": [*odd, {**public, "kid": self.kid, "use": "sig", "alg": "RS256"}]}

    def answer(self, path: str) -> tuple[int, dict[str, Any]]:
        self.asked.append(path)
        if self.down:
            return 500, {}
        if path == "/.well-known/openid-configuration":
            return 200, {
                "issuer": self.name or self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
            }
        return (200, self.keys()) if path == "/keys" else (404, {})

    def authorize(self, address: str) -> str:
        """What a browser does there: follow, be known, and be led back; gives where to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert asked["client_id"] == CLIENT
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(8)
        self._codes[code] = asked
        return asked["redirect_uri"] + "?" + urlencode({"code": code, "state": asked["state"]})

    def exchange(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        asked = self._codes.pop(form.get("code", ""), None)
        expected = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if asked is None or authorization != expected or challenge.decode().rstrip("=") != asked["code_challenge"]:
            return 400, {"error": "invalid_grant", "error_description": f"not {form}"}
        token = self.token(nonce=asked["nonce"])
        return 200, {"access_token": "opaque", "token_type": "Bearer", "id_token": token}


@contextmanager
def running_issuer() -> Iterator[SmallIssuer]:
    """Start one on a free port of the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith("/authorize?"):
                self._send(*issuer.answer(self.path))
                return
            self.send_response(302)
            self.send_header("location", issuer.authorize(self.path))
            self.end_headers()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._send(*issuer.exchange(form, self.headers.get("authorization", "")))

        def _send(self, status: int, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = SmallIssuer(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
