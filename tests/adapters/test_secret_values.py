"""Secrets: from one of three places, never from two, and never repeated."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from finq_predictor.adapters import vault
from finq_predictor.adapters.secret_values import read_secret
from finq_predictor.domain.errors import ConfigurationError

TOKEN = "the-token-of-the-vault"


def test_from_a_variable_or_a_file(tmp_path):
    file = tmp_path / "secret"
    file.write_text("in a file\n")
    assert read_secret("FINQ_X", environment={}) is None
    assert read_secret("FINQ_X", environment={"FINQ_X": " plain "}) == b"plain"
    assert read_secret("FINQ_X", environment={"FINQ_X_FILE": str(file)}) == b"in a file"
    file.write_text("")
    with pytest.raises(ConfigurationError, match="which has 0 bytes"):
        read_secret("FINQ_X", environment={"FINQ_X_FILE": str(file)})


def test_never_from_two_places_and_never_from_nowhere(tmp_path):
    for second in ("FINQ_X_FILE", "FINQ_X_VAULT"):
        with pytest.raises(ConfigurationError, match=f"FINQ_X and {second} are both set") as refused:
            read_secret("FINQ_X", environment={"FINQ_X": "hidden", second: "/hidden"})
        assert "hidden" not in str(refused.value)
    with pytest.raises(ConfigurationError, match=r"FINQ_X_FILE names .*nowhere, which cannot be read"):
        read_secret("FINQ_X", environment={"FINQ_X_FILE": str(tmp_path / "nowhere")})


class SmallVault:
    """What it holds, and who asked."""

    def __init__(self) -> None:
        self.url, self.asked, self.down = "", 0, False
        self.held = {"/v1/secret/data/finq/service": {"token": "out of the vault", "number": 7}}

    def answer(self, path: str, token: str | None) -> tuple[int, object]:
        self.asked += 1
        if self.down:
            return 503, {"errors": ["sealed"]}
        if token != TOKEN:
            return 403, {"errors": ["permission denied"]}
        if path not in self.held:
            return 404, {"errors": []}
        return 200, {"data": {"data": self.held[path], "metadata": {"version": 3}}}


@pytest.fixture
def small_vault(monkeypatch) -> Iterator[SmallVault]:
    found = SmallVault()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = found.answer(self.path, self.headers.get("x-vault-token"))
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr(vault, "_kept", {})
    yield found
    server.shutdown()
    server.server_close()
    thread.join(10)


def variables(found: SmallVault, **changed: str) -> dict[str, str]:
    given = {"FINQ_VAULT_ADDR": found.url, "FINQ_VAULT_TOKEN": TOKEN, "FINQ_X_VAULT": "secret/finq/service#token"}
    return given | changed


def test_from_a_vault_and_kept_while_it_does_not_answer(small_vault, monkeypatch):
    for _ in range(3):
        assert read_secret("FINQ_X", environment=variables(small_vault)) == b"out of the vault"
    assert small_vault.asked == 1
    monkeypatch.setattr(vault, "KEPT_S", 0.0)
    small_vault.held["/v1/secret/data/finq/service"]["token"] = "another one"
    assert read_secret("FINQ_X", environment=variables(small_vault)) == b"another one"
    small_vault.down = True
    assert read_secret("FINQ_X", environment=variables(small_vault)) == b"another one"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"FINQ_X_VAULT": "secret/finq"}, "expected MOUNT/PATH#FIELD"),
        ({"FINQ_X_VAULT": "secret/finq/service#password"}, "the field 'password' of secret/finq/service"),
        ({"FINQ_X_VAULT": "secret/finq/service#number"}, "there is none"),
        ({"FINQ_X_VAULT": "secret/nothing#token"}, "gives nothing"),
        ({"FINQ_VAULT_TOKEN": "hidden-and-wrong"}, "does not let us in"),
        ({"FINQ_VAULT_TOKEN": ""}, "FINQ_VAULT_TOKEN_FILE"),
        ({"FINQ_VAULT_ADDR": ""}, "address in FINQ_VAULT_ADDR"),
        ({"FINQ_VAULT_ADDR": "http://vault.example.com"}, "expected https://"),
    ],
)
def test_what_is_wrong_is_told_without_what_is_secret(small_vault, changed, words):
    with pytest.raises(ConfigurationError, match=words) as refused:
        read_secret("FINQ_X", environment=variables(small_vault, **changed))
    for secret in ("hidden-and-wrong", TOKEN, "out of the vault"):
        assert secret not in str(refused.value)
