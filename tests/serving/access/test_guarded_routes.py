"""The service with accounts: what each route asks for, how tokens are got, and what is told of none of it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from finq_predictor.serving.access.callers import ANYONE, Role
from finq_predictor.serving.app import create_app
from finq_predictor.serving.limits_of_callers import Places
from finq_predictor.serving.routes import OPERATIONS
from finq_predictor.serving.settings import AuthMode, Settings
from serving.access.doors import PASSWORD, door_beside
from serving.conftest import Client, started

OPEN = {
    "/health", "/ready", "/readyz", "/livez", "/healthz", "/openapi.json", "/docs",
    "/auth/token", "/auth/refresh", "/auth/revoke", "/login", "/session", "/session/end",
    "/session/issuer", "/session/issuer/back",
}  # fmt: skip
LEAST = {
    "/predict": Role.PREDICTOR,
    "/batch_predict": Role.PREDICTOR,
    "/ranking": Role.VIEWER,
    "/features": Role.VIEWER,
    "/models": Role.VIEWER,
    "/metrics": Role.VIEWER,
    "/": Role.VIEWER,
    "/instrument": Role.VIEWER,
    "/model": Role.VIEWER,
    "/scores": Role.VIEWER,
    "/status": Role.VIEWER,
    "/auth/me": Role.VIEWER,
    "/explain": Role.VIEWER,
    "/history": Role.VIEWER,
}


@pytest.fixture(scope="module")
def door(two_markets, tmp_path_factory):
    """Accounts beside the data of two markets, which nobody else uses."""
    return door_beside(two_markets, tmp_path_factory.mktemp("guarded"), password=True)


@pytest.fixture(scope="module")
def guarded(door):
    with started(Settings(data_root=door.root, auth=AuthMode.ON, poll_seconds=0.05)) as client:
        yield client


def test_every_route_says_what_it_takes():
    said = {one.path: one.role for one in OPERATIONS}
    assert {path for path, role in said.items() if role is None} <= OPEN
    for path, role in LEAST.items():
        assert said[path] is role, path
    unsaid = [path for path, role in said.items() if role is not None and path not in LEAST]
    assert all(said[path] in (Role.OPERATOR, Role.ADMIN, Role.VIEWER, Role.PREDICTOR) for path in unsaid)


@pytest.mark.parametrize("one", [one for one in OPERATIONS if one.role], ids=lambda one: f"{one.method} {one.path}")
def test_a_route_is_closed_to_whoever_may_not_ask(guarded, door, one):
    for path in one.paths:
        answer = guarded.request(one.method.upper(), path, headers={"accept": "application/json"})
        if one.answer == "text/html":
            assert (answer.status_code, answer.headers["location"]) == (303, "/login"), "a person can sign in"
            continue
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == 'Bearer realm="finq"'
        assert answer.json()["error"]["type"] == "unauthenticated"
    below = [role for role in Role if not role.covers(one.role)]
    for role in below:
        answer = guarded.request(one.method.upper(), one.path, headers=door.bearer(f"the-{role}"))
        assert (answer.status_code, answer.json()["error"]["type"]) == (403, "forbidden")
    answer = guarded.request(one.method.upper(), one.path, headers=door.bearer("the-admin"))
    assert answer.status_code not in (401, 403)


@pytest.mark.parametrize("one", [one for one in OPERATIONS if not one.role], ids=lambda one: f"{one.method} {one.path}")
def test_an_open_route_asks_nobody(guarded, one):
    if one.method == "get" and "issuer" not in one.path:
        assert guarded.get(one.path).status_code == 200


def test_a_caller_asks_about_their_own_markets_only(guarded, door):
    desk = door.bearer("fx-desk")
    assert guarded.post("/predict", {"instrument": "EUR_USD"}, headers=desk).status_code == 200
    answer = guarded.post("/predict", {"instrument": "AAPL", "market": "equity"}, headers=desk)
    assert answer.status_code == 403
    assert "only about fx" in answer.json()["error"]["message"]
    # As one that does not exist: a refusal would say that it does.
    assert guarded.post("/predict", {"instrument": "AAPL"}, headers=desk).status_code == 404
    both = guarded.post("/batch_predict", {"instruments": ["EUR_USD", "AAPL"]}, headers=desk).json()
    assert [one["instrument"] for one in both["predictions"]] == ["EUR_USD"]
    assert [(one["instrument"], one["status"]) for one in both["errors"]] == [("AAPL", 404)]
    assert guarded.post("/batch_predict", {"instruments": ["EUR_USD"]}, headers=desk).status_code == 200
    assert guarded.get("/ranking?market=equity", headers=desk).status_code == 403
    assert [one["market"] for one in guarded.get("/models", headers=desk).json()["models"]] == ["fx"]
    page = guarded.get("/", headers=desk)
    assert page.status_code == 200
    assert 'id="fx"' in page.text
    assert 'id="equity"' not in page.text
    assert "S&amp;P" not in page.text


def test_the_pages_of_a_caller_know_their_own_markets_only(guarded, door):
    desk = door.bearer("fx-desk")
    for path in ("/", "/instrument?name=EUR_USD", "/model", "/model?market=fx", "/scores", "/status"):
        page = guarded.get(path, headers=desk)
        assert page.status_code == 200, path
        assert "fx-desk" in page.text
        for word in ("AAPL", "Equity", "equity", "logistic"):
            assert word not in page.text, (path, word)
    for path in ("/instrument?name=AAPL&market=equity", "/model?market=equity"):
        page = guarded.get(path, headers=desk)
        assert (page.status_code, "only about fx" in page.text) == (403, True)
    # Whoever guesses is told no near misses of what they may not see.
    for name in ("AAPL", "AAPLE"):
        page = guarded.get(f"/instrument?name={name}", headers=desk)
        assert (page.status_code, "Unknown instrument" in page.text) == (404, True)
        assert "AAPL&#39;?" not in page.text
        assert "BRK" not in page.text
    assert guarded.get("/instrument?name=AAPL", headers=door.bearer("the-viewer")).status_code == 200


def test_whoever_may_look_sees_the_reasons_on_the_page_and_in_the_api(guarded, door):
    viewer, body = door.bearer("the-viewer"), {"instrument": "EUR_USD", "top": 3}
    page = guarded.get("/instrument?name=EUR_USD", headers=viewer).text
    explained = guarded.post("/explain", body, headers=viewer)
    assert explained.status_code == 200
    feature = explained.json()["explanation"]["contributions"][0]["feature"]
    assert feature in page
    own = {**body, "features": {feature: 0.0}}
    assert guarded.post("/explain", own, headers=viewer).status_code == 403, "that is another question"
    assert guarded.post("/explain", own, headers=door.bearer("the-predictor")).status_code == 200


def test_a_key_is_no_session_to_sign_out_of(guarded, door):
    page = guarded.get("/", headers=door.bearer("the-viewer")).text
    assert "the-viewer" in page
    assert "Sign out" not in page


def test_who_asks_is_told(guarded, door):
    told = guarded.get("/auth/me", headers=door.bearer("fx-desk")).json()
    assert (told["name"], told["role"], told["markets"], told["models"], told["way"]) == (
        "fx-desk", "predictor", ["fx"], None, "key",
    )  # fmt: skip


def test_tokens_for_a_password_or_a_key(guarded, door):
    by_password = guarded.post("/auth/token", {"name": "the-viewer", "password": PASSWORD})
    by_key = guarded.post("/v1/auth/token", headers=door.bearer("the-viewer"))
    for answer in (by_password, by_key):
        assert answer.status_code == 200, answer.text
        pair = answer.json()
        assert (pair["token_type"], pair["expires_in"]) == ("Bearer", 900)
        told = guarded.get("/auth/me", headers={"Authorization": f"Bearer {pair['access_token']}"}).json()
        assert (told["name"], told["way"]) == ("the-viewer", "token")
    following = guarded.post("/auth/refresh", {"refresh_token": pair["refresh_token"]}).json()
    assert guarded.post("/auth/refresh", {"refresh_token": pair["refresh_token"]}).status_code == 401
    for one in (pair, following):
        answer = guarded.get("/auth/me", headers={"Authorization": f"Bearer {one['access_token']}"})
        assert answer.status_code == 401, "its session ended with the token that came twice"


def test_a_session_is_ended_on_request(guarded, door):
    pair = guarded.post("/auth/token", headers=door.bearer("the-viewer")).json()
    mine = {"Authorization": f"Bearer {pair['access_token']}"}
    assert guarded.post("/auth/revoke", headers=mine).json()["revoked"]
    assert guarded.get("/auth/me", headers=mine).status_code == 401
    pair = guarded.post("/auth/token", headers=door.bearer("the-viewer")).json()
    assert guarded.post("/auth/revoke", {"refresh_token": pair["refresh_token"]}).status_code == 200
    assert guarded.post("/auth/refresh", {"refresh_token": pair["refresh_token"]}).status_code == 401
    assert guarded.post("/auth/revoke", headers=door.bearer("the-viewer")).status_code == 422


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/auth/token", {"name": "the-viewer"}, 422),
        ("/auth/token", {"name": "the-viewer", "password": "wrong"}, 401),
        ("/auth/token", {"name": "x" * 300, "password": "wrong"}, 422),
        ("/auth/token", {"user": "the-viewer"}, 422),
        ("/auth/token", {}, 401),
        ("/auth/refresh", {}, 422),
        ("/auth/refresh", {"refresh_token": "nothing"}, 401),
        ("/auth/refresh", {"refresh_token": 7}, 422),
        ("/auth/token", [], 400),
    ],
)
def test_what_opens_nothing_is_refused(guarded, path, body, status):
    answer = guarded.post(path, body)
    assert answer.status_code == status, answer.text
    assert "wrong" not in answer.text.replace("is wrong", "")


def test_limits_are_told_and_kept(door):
    settings = Settings(data_root=door.root, auth=AuthMode.ON, caller_rate=3, keeper=False)
    with Client(create_app(settings)) as client:
        answers = [client.get("/auth/me", headers=door.bearer("the-viewer")) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
        refused = answers[-1]
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.json()["error"]["type"] == "too_many"
        assert client.get("/auth/me", headers=door.bearer("the-admin")).status_code == 200
        assert client.get("/livez").status_code == 200


def test_one_caller_leaves_places_for_the_others(door):
    """Slow requests: their bodies do not come to an end before they are told to."""
    settings = Settings(data_root=door.root, auth=AuthMode.ON, caller_concurrency=2, keeper=False)

    async def slow(client, name, ended):
        told = []

        async def receive():
            await ended.wait()
            return {"type": "http.request", "body": b'{"instruments": ["EUR_USD"]}', "more_body": False}

        async def send(message):
            told.append(message)

        headers = [(key.lower().encode(), value.encode()) for key, value in door.bearer(name).items()]
        scope = {"type": "http", "method": "POST", "path": "/batch_predict", "raw_path": b"/batch_predict"}
        scope |= {"query_string": b"", "headers": headers, "client": ("127.0.0.1", 1), "server": ("finq", 80)}
        await client.app({**scope, "root_path": "", "scheme": "http", "http_version": "1.1"}, receive, send)
        return told[0]["status"], dict(told[0]["headers"])

    async def crowd(client):
        ended = asyncio.Event()
        desk = [asyncio.create_task(slow(client, "fx-desk", ended)) for _ in range(5)]
        refused, _ = await asyncio.wait(desk, return_when=asyncio.FIRST_COMPLETED)
        while len(refused) < 3:
            await asyncio.sleep(0)
            refused = [one for one in desk if one.done()]
        other = asyncio.create_task(slow(client, "the-predictor", ended))
        short = await client._http.post("/predict", json={"instrument": "EUR_USD"}, headers=door.bearer("fx-desk"))
        ended.set()
        refusals = [one.result() for one in refused]
        return refusals, [await one for one in desk if one not in refused], await other, short.status_code

    with Client(create_app(settings)) as client:
        refused, answered, other, short = client.run(crowd(client))
        assert [status for status, _ in refused] == [429] * 3
        assert {headers[b"retry-after"] for _, headers in refused} == {b"1"}
        assert [status for status, _ in answered] == [200] * 2
        assert (other[0], short) == (200, 200), "others have their own places, and what is remembered takes none"
        again = client.post("/batch_predict", {"instruments": ["EUR_USD"]}, headers=door.bearer("fx-desk"))
        assert again.status_code == 200, "places are given back"


def test_where_nobody_is_told_from_the_others_nobody_has_places_of_their_own():
    places = Places(1)
    with places.taken(ANYONE), places.taken(ANYONE):
        pass
    with Places(0).taken(replace(ANYONE, way="key")):
        pass


def test_nothing_secret_is_told_in_logs_errors_or_metrics(guarded, door, caplog):
    caplog.set_level(logging.DEBUG)
    pair = guarded.post("/auth/token", {"name": "the-viewer", "password": PASSWORD}).json()
    secrets = [PASSWORD, *door.keys.values(), pair["access_token"], pair["refresh_token"], "not-my-password"]
    shown = [guarded.post("/auth/token", {"name": "the-viewer", "password": secrets[-1]}).text]
    for secret in secrets:
        ways = ({"Authorization": f"Bearer {secret}"}, {"X-API-Key": secret}, {"Cookie": f"finq={secret}"})
        shown += [guarded.get("/auth/me", headers=sent).text for sent in ways]
        shown.append(guarded.post("/auth/refresh", {"refresh_token": secret + "x"}).text)
        shown.append(guarded.post("/auth/token", {"name": secret, "pass": secret}).text)
    shown += [guarded.get("/metrics", headers=door.bearer("the-viewer")).text, caplog.text]
    shown.append(repr(guarded.app.state.runtime.access.__dict__) + repr(guarded.app.state.runtime.access._held))
    for secret in secrets:
        assert not [text for text in shown if secret in text]
    assert "the-viewer" not in shown[-3], "metrics name nobody"
