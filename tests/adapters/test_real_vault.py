"""A secret out of a real vault: OpenBao in its mode for development, in an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from finq_predictor.adapters import vault
from finq_predictor.adapters.secret_values import read_secret
from finq_predictor.domain.errors import ConfigurationError
from serving.servers import free_port

TOKEN = "root-of-the-test"
OURS = Path(__file__).resolve().parents[2] / ".venv-vault" / "bin" / "bao"
BAO = os.environ.get("FINQ_TEST_BAO") or (str(OURS) if OURS.exists() else shutil.which("bao"))
pytestmark = pytest.mark.skipif(BAO is None, reason="there is no vault; `make .venv-vault/.ready` installs one")


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("vault")
    port = free_port()
    words = [f"-dev-listen-address=127.0.0.1:{port}", f"-dev-root-token-id={TOKEN}", "-dev-no-store-token"]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            [str(BAO), "server", "-dev", *words],
            stdout=log,
            stderr=log,
            cwd=home,
            env={**os.environ, "HOME": str(home)},
            # The command is a program around the server.
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(server, url, home / "log")
        yield url
    finally:
        os.killpg(server.pid, 15)
        server.wait(timeout=20)


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    pause = threading.Event()
    for _ in range(500):
        assert server.poll() is None, log.read_text()
        try:
            if httpx.get(f"{url}/v1/sys/health", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        pause.wait(0.04)
    raise TimeoutError(log.read_text())


def write(address: str, path: str, values: dict[str, object]) -> None:
    sent = httpx.post(f"{address}/v1/{path}", json={"data": values}, headers={"X-Vault-Token": TOKEN}, timeout=10)
    assert sent.status_code == 200, sent.text


@pytest.fixture
def variables(address, tmp_path, monkeypatch) -> dict[str, str]:
    monkeypatch.setattr(vault, "_kept", {})
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return {
        "FINQ_VAULT_ADDR": address,
        "FINQ_VAULT_TOKEN_FILE": str(file),
        "FINQ_TOKEN_SECRET_VAULT": "secret/finq/service#token",
    }


def test_the_newest_version_of_a_secret_is_read(address, variables, monkeypatch):
    for value in ("of yesterday", "of today"):
        write(address, "secret/data/finq/service", {"token": value, "number": 7})
    assert read_secret("FINQ_TOKEN_SECRET", environment=variables) == b"of today"
    write(address, "secret/data/finq/service", {"token": "of tomorrow"})
    assert read_secret("FINQ_TOKEN_SECRET", environment=variables) == b"of today", "kept for a minute"
    monkeypatch.setattr(vault, "KEPT_S", 0.0)
    assert read_secret("FINQ_TOKEN_SECRET", environment=variables) == b"of tomorrow"


@pytest.mark.parametrize(
    ("place", "token", "words"),
    [
        ("secret/finq/nothing#token", TOKEN, "gives nothing"),
        ("secret/finq/service#absent", TOKEN, "there is none"),
        ("other/finq/service#token", TOKEN, "gives nothing"),
        ("secret/finq/service#token", "not-the-token", "gives nothing"),
    ],
)
def test_what_gives_nothing_is_told_without_the_secret(address, variables, tmp_path, place, token, words):
    write(address, "secret/data/finq/service", {"token": "hidden-value"})
    (tmp_path / "token").write_text(token)
    with pytest.raises(ConfigurationError, match=words) as refused:
        read_secret("FINQ_TOKEN_SECRET", environment={**variables, "FINQ_TOKEN_SECRET_VAULT": place})
    assert "hidden-value" not in str(refused.value)
    assert token not in str(refused.value)


def test_who_may_read_one_secret_only_reads_it(address, variables, tmp_path):
    """As a service should be let in: by a token whose policy names its secret."""
    write(address, "secret/data/finq/service", {"token": "ours"})
    write(address, "secret/data/others", {"token": "theirs"})
    root = {"X-Vault-Token": TOKEN}
    rule = 'path "secret/data/finq/*" { capabilities = ["read"] }'
    put = httpx.put(f"{address}/v1/sys/policies/acl/finq", json={"policy": rule}, headers=root, timeout=10)
    assert put.status_code in (200, 204), put.text
    made = httpx.post(f"{address}/v1/auth/token/create", json={"policies": ["finq"]}, headers=root, timeout=10)
    (tmp_path / "token").write_text(made.json()["auth"]["client_token"])
    assert read_secret("FINQ_TOKEN_SECRET", environment=variables) == b"ours"
    with pytest.raises(ConfigurationError, match="gives nothing"):
        read_secret("FINQ_TOKEN_SECRET", environment={**variables, "FINQ_TOKEN_SECRET_VAULT": "secret/others#token"})
