"""Everything an intruder can think of, in short; `make attack` and the server tests send more, over real sockets."""

from __future__ import annotations

import logging

import pytest

from attack.intrude import loot_of
from attack.intruders import INTRUSIONS
from finq_predictor.serving.settings import AuthMode, Settings
from serving.access.doors import door_beside
from serving.conftest import started

SHORT = 150


@pytest.fixture(scope="module")
def attacked(two_markets, tmp_path_factory):
    door = door_beside(two_markets, tmp_path_factory.mktemp("attacked"))
    with started(Settings(data_root=door.root, auth=AuthMode.ON)) as client:
        yield client, loot_of(door)


def series(client) -> set[str]:
    text = client.app.state.runtime.metrics.render().decode()
    return {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")}


@pytest.mark.parametrize("name", INTRUSIONS)
def test_an_intruder_is_refused(attacked, name, caplog):
    client, loot = attacked
    caplog.set_level(logging.DEBUG)
    requests, expected = INTRUSIONS[name]
    if name == "guessed passwords":
        # Each costs some tens of milliseconds until there are too many.
        for _ in range(26):
            client.app.state.runtime.signing_in._of_place.take("127.0.0.1")
    before = series(client)
    statuses, bodies = set(), []
    for method, path, body, headers in requests(loot, SHORT):
        answer = client.request(method, path, content=body, headers=headers)
        statuses.add(answer.status_code)
        bodies.append(answer.text)
        assert answer.status_code in expected, (method, path, body[:80], headers, answer.text[:200])
        assert "finq=1" not in answer.headers.get("set-cookie", "")
    assert statuses
    more = series(client) - before
    assert len(more) < 120, "lines of metrics come by route, status and type of error, never by who or what was sent"
    told = caplog.text + "".join(bodies) + "".join(more)
    for secret in (loot.secret.decode(), loot.viewer, loot.desk, loot.session, loot.used, "evil.example.com"):
        assert secret not in told
    assert "<script>alert" not in told
    assert "Traceback" not in caplog.text
    assert not [line for line in caplog.text.splitlines() if line.startswith("Set-Cookie")]
    assert client.get("/ready").status_code == 200


def test_the_loot_was_worth_something(attacked):
    """What is refused is refused for what is wrong with it."""
    client, loot = attacked
    for sent in (
        {"Authorization": f"Bearer {loot.viewer}"},
        {"X-API-Key": loot.desk},
        {"Cookie": f"finq={loot.session}"},
    ):
        assert client.get("/auth/me", headers=sent).status_code == 200
