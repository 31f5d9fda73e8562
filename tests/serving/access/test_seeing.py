"""Whoever may ask about one market reads no name of another in any answer, whatever they ask."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

import finq_predictor.serving.routes as routes
from finq_predictor.serving.access.callers import Caller, Role
from finq_predictor.serving.errors import ForbiddenError
from finq_predictor.serving.routes import OPERATIONS
from finq_predictor.serving.settings import AuthMode, Settings
from serving.access.doors import door_beside
from serving.conftest import started
from serving.small_market import PAIRS, STOCKS

# Documentation says them whatever is served: the examples of the document, and of messages about a body.
EXAMPLES = {"AAPL", "MSFT"}
NAMES = {"equity": set(STOCKS) - EXAMPLES | {"logistic"}, "fx": set(PAIRS) | {"xgboost"}}
PUBLIC = {"/openapi.json", "/docs"}
"""The same in every installation."""


@pytest.fixture(scope="module")
def door(two_markets, tmp_path_factory):
    door = door_beside(two_markets, tmp_path_factory.mktemp("seeing"))
    told = {
        "equity-desk": {"markets": frozenset({"equity"})},
        "fx-admin": {"markets": frozenset({"fx"})},
        "trees": {"models": frozenset({"xgboost"})},
    }
    for name, limits in told.items():
        door.store.add_account(name, Role.ADMIN, **limits)
        door.keys[name] = door.store.make_key(name, "test").text
    return door


@pytest.fixture(scope="module")
def client(door):
    settings = Settings(data_root=door.root, auth=AuthMode.ON, record=False, caller_concurrency=0)
    with started(settings) as client:
        yield client


def asked_of(operation, hidden, seen):
    """What somebody may send to a route in order to hear of what they may not see."""
    other = "equity" if hidden == "fx" else "fx"
    first = sorted(NAMES[hidden])[0]
    names, markets = [first, f"{first}X", "", seen], [None, hidden, other]
    if operation.method == "get":
        known = [name for name, _ in operation.query]
        yield ""
        for name, market in product(names if {"instrument", "name"} & set(known) else [None], markets):
            given = {"instrument": name, "name": name, "market": market, "model": name, "prediction_date": None}
            query = "&".join(f"{key}={given[key]}" for key in known if given.get(key) is not None)
            yield f"?{query}"
        return
    yield {}
    yield operation.example
    for name, market in product(names, markets):
        said = {"instrument": name} | ({} if market is None else {"market": market})
        yield said
        yield {"instruments": [name, seen], **({} if market is None else {"market": market})}
        yield {**said, "model": "no-such-model"}
        yield {**said, "feature_ts": "2022-01-31T21:00:00Z", "outcome": True}
        yield {**said, "features": {"no_such": 1.0}}


def told_by(client, operation, asked, headers):
    path, method = operation.path, operation.method.upper()
    if isinstance(asked, str):
        return client.request(method, path + asked, headers=headers), asked
    return client.request(method, path, json=asked, headers=headers), str(asked)


@pytest.mark.parametrize(
    ("who", "hidden", "seen"),
    [
        ("fx-admin", "equity", "EUR_USD"),
        ("equity-desk", "fx", "NVDA"),
        ("trees", "equity", "EUR_USD"),
        (None, "equity", "EUR_USD"),
    ],
)
def test_no_route_names_what_somebody_may_not_see(client, door, who, hidden, seen):
    headers = {} if who is None else door.bearer(who)
    answered = set()
    for operation in OPERATIONS:
        if operation.path in PUBLIC or operation.path.startswith(("/auth", "/session")):
            continue
        for asked in asked_of(operation, hidden, seen):
            answer, given = told_by(client, operation, asked, headers)
            assert answer.status_code != 500, (operation.path, given, answer.text[:300])
            answered.add(answer.status_code)
            # What they sent themselves tells nothing to them.
            text = answer.text.replace("&#39;", "'").replace(f"/{hidden}", "")
            found = {name for name in NAMES[hidden] if re.search(rf"(?<![\w]){re.escape(name)}(?![\w])", text)}
            assert not {name for name in found if name not in given}, (operation.path, given, text[:500])
            if who in ("fx-admin", "equity-desk") and hidden not in given:
                assert hidden not in text.lower().replace(who, ""), (operation.path, given, text[:500])
    assert who is None or {200, 403, 404} <= answered


def test_guessing_a_name_tells_not_whether_there_is_one(client, door):
    answers = [
        client.post("/predict", {"instrument": name}, headers=door.bearer("fx-desk")).json()["error"]
        for name in ("ORCL", "QRCL")
    ]
    for one, name in zip(answers, ("ORCL", "QRCL"), strict=True):
        del one["request_id"]
        one["message"] = one["message"].replace(name, "")
    assert answers[0] == answers[1]


def test_probes_answer_strangers_without_what_is_served(client, door):
    for path in ("/health", "/ready", "/readyz", "/livez", "/healthz"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["status"], answer.json()["markets"]) == (200, "ok", {})
        assert set(client.get(path, headers=door.bearer("the-viewer")).json()["markets"]) == {"equity", "fx"}
        assert set(client.get(path, headers=door.bearer("fx-desk")).json()["markets"]) == {"fx"}


def test_metrics_are_for_those_who_may_ask_about_all(client, door):
    assert client.get("/metrics", headers=door.bearer("the-viewer")).status_code == 200
    assert client.get("/metrics", headers=door.bearer("fx-admin")).status_code == 403


def test_a_view_for_somebody_says_what_they_may_and_nothing_else(client):
    view = client.store.view()
    mine = view.seen_by(Caller("trees", Role.VIEWER, models=frozenset({"xgboost"}), way="key"))
    assert set(mine.markets) == {"fx"}
    with pytest.raises(ForbiddenError, match="The model of the market equity may not answer trees, only xgboost"):
        mine.get("equity")
    with pytest.raises(ForbiddenError, match="Nothing of what is served may answer"):
        view.seen_by(Caller("none", Role.VIEWER, models=frozenset({"another"}), way="key")).find("EUR_USD")


def test_routes_get_what_is_served_from_one_place():
    """Whatever lists names of it has to know who asks."""
    for file in Path(routes.__file__).parent.glob("*.py"):
        found = re.findall(r"store\.(?:view|get|values|standing|problems)\b|store\.served\b(?! else)", file.read_text())
        assert not found, f"{file.name}: {found}; take it from access/seeing.py"
