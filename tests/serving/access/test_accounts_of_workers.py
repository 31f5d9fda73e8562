"""A started server with several workers: a change of the accounts reaches all of them, and the log tells no secret."""

from __future__ import annotations

import subprocess
import time
from contextlib import closing
from http.client import HTTPConnection

import httpx
import pytest

from serving.access.doors import make_door
from serving.servers import BIN, UVICORN, running

pytestmark = pytest.mark.slow
SOON_S = 20.0
"""Two seconds are what is promised; a busy machine may take longer."""


def statuses(url: str, headers: dict[str, str]) -> set[int]:
    """What many new connections get, so that every worker is asked."""
    seen = set()
    for _ in range(12):
        with closing(HTTPConnection(url.removeprefix("http://"), timeout=10)) as connection:
            connection.request("GET", "/auth/me", headers=headers)
            seen.add(connection.getresponse().status)
    return seen


def until(url: str, headers: dict[str, str], expected: int) -> None:
    end = time.monotonic() + SOON_S
    while (seen := statuses(url, headers)) != {expected}:
        assert time.monotonic() < end, seen
        time.sleep(0.2)


def test_a_change_reaches_every_worker(tmp_path):
    door = make_door(tmp_path / "data")
    mine, others = door.bearer("the-viewer"), door.bearer("fx-desk")
    variables = {"FINQ_DATA_ROOT": str(door.root), "FINQ_POLL_SECONDS": "0.2"}
    plain = tuple(word for word in UVICORN if word != "--no-access-log")
    with running(plain, tmp_path, wait_for="/livez", arguments=("--workers", "2"), **variables) as server:
        until(server.url, mine, 200)
        pair = httpx.post(f"{server.url}/auth/token", headers=mine, timeout=10).json()
        token = {"Authorization": f"Bearer {pair['access_token']}"}
        until(server.url, token, 200)
        assert statuses(server.url, {}) == {401}
        command = [BIN / "finq", "auth", "end", "the-viewer", "--root", door.root]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        until(server.url, token, 401)
        assert statuses(server.url, mine) == {200}, "the key goes on to be good"
        door.store.revoke_key(door.keys["the-viewer"].split("_")[1])
        until(server.url, mine, 401)
        assert statuses(server.url, others) == {200}
        log = server.log.read_text()
    assert log.count("Everybody is asked who they are; there are 5 accounts.") == 2
    for secret in (*door.keys.values(), pair["access_token"], pair["refresh_token"]):
        assert secret not in log
