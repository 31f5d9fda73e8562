"""What is answered before the application says the same as the application would, and what it does not know is left."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finq_predictor.serving.access.callers import Caller, Role
from finq_predictor.serving.errors import TooManyError
from finq_predictor.serving.metrics import Metrics
from finq_predictor.serving.request_log import trace_of
from finq_predictor.serving.settings import Settings
from finq_predictor.serving.short_way import ShortWay
from log_laws import lawful_lines
from serving.conftest import started

SAME = {"X-Request-ID": "the-same"}


def names_of(client) -> list[str]:
    return [name for served in client.store.served for name in served.predictor.panel.instruments]


def other(api, **changes):
    """Another runtime, which counts for itself and records nothing."""
    return replace(api, metrics=Metrics(), **changes)


def shortly(client, body: object, clock: float | None = None):
    api = client.app.state.runtime
    way = ShortWay(api if clock is None else other(api, now=lambda: clock))
    return way.answer(json.dumps(body).encode(), "the-same")


def test_both_ways_say_the_same_of_every_instrument(client):
    assert len(names_of(client)) == 12
    for served in client.store.served:
        for name in served.predictor.panel.instruments:
            body, by, *_ = shortly(client, {"instrument": name})
            at_length = client.post("/predict", {"instrument": name, "market": served.market.name}, headers=SAME)
            answered = client.post("/predict", {"ticker": name}, headers=SAME)
            said = [json.loads(body), at_length.json(), answered.json()]
            assert len({one.pop("prediction_id") for one in said}) == 3
            assert said[0] == said[1] == said[2]
            assert by is served
            same = {"content-type", "content-length", "x-request-id", "cache-control", "content-security-policy"}
            assert same <= set(answered.headers)
            # Ids and counts of requests grow.
            growing = {"content-length", "ratelimit-remaining", "ratelimit-reset"}
            headers = [
                {key: value for key, value in one.headers.items() if key not in growing}
                for one in (answered, at_length)
            ]
            assert headers[0] == headers[1]


def test_the_label_of_who_asks_is_taken_along(client):
    label = 'desk "7" é'
    body, *_ = shortly(client, {"user_id": label, "instrument": "AAPL"})
    at_length = client.post("/predict", {"instrument": "AAPL", "user_id": label, "market": "equity"}, headers=SAME)
    said = [json.loads(body), at_length.json()]
    for one in said:
        del one["prediction_id"]
    assert said[0] == said[1]
    assert said[0]["user_id"] == label
    for wrong in ("", " a", "a" * 65, 7, None, ["a"]):
        assert shortly(client, {"user_id": wrong, "instrument": "AAPL"}) is None
    assert shortly(client, {"user_id": "a", "market": "fx"}) is None


@pytest.mark.parametrize(
    "body",
    [
        {"instrument": "eur/usd"},
        {"instrument": "NOPE"},
        {"instrument": 1},
        {"instrument": ["AAPL"]},
        {"instruments": "AAPL"},
        {"instrument": "AAPL", "prediction_date": None},
        {"instrument": "AAPL", "ticker": "AAPL"},
        {"instrument": "A" * 300},
        {},
        [],
        "AAPL",
        None,
    ],
)
def test_what_is_not_plain_goes_at_length(client, body):
    assert shortly(client, body) is None


def test_a_request_that_says_more_of_itself_goes_at_length(client):
    def status(body=b'{"instrument": "AAPL"}', path="/predict", **headers):
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.post(path, content=body, headers=given).status_code

    assert status() == status(content_type="application/json") == status(path="/v1/predict") == 200
    assert status(content_type="application/vnd.bentoml+pickle") == 415
    assert status(content_encoding="gzip") == 415
    assert status(path="/predict?x=1") == 200
    assert status(body=b'{"instrument": "AAPL"') == 400
    assert client.get("/predict").status_code == 405
    made = client.post("/predict", {"instrument": "AAPL"}, headers={"X-Request-ID": "not ok"})
    assert made.json()["request_id"] == made.headers["x-request-id"] != "not ok"


def test_a_body_in_pieces_and_a_name_that_is_not_ours(two_markets):
    ours = Settings(data_root=two_markets, markets=("equity",), allowed_hosts=("finq.example.com",), auth="off")
    with started(ours) as client:
        known = {"Host": "finq.example.com"}
        pieces = [b'{"instrument"', b': "AAPL"}', b""]
        scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": b"", "client": ("127.0.0.1", 1)}
        sent = []

        async def receive():
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

        async def send(message):
            sent.append(message)

        client.run(client.app(scope | {"headers": [(b"host", b"finq.example.com")]}, receive, send))
        assert json.loads(sent[1]["body"])["instrument"] == "AAPL"
        assert client.post("/predict", {"instrument": "AAPL"}, headers=known).status_code == 200
        assert client.post("/predict", {"instrument": "AAPL"}, headers={"Host": "evil.com"}).status_code == 400


def test_a_served_request_takes_the_short_way(client, monkeypatch):
    """Else the tests of both ways would compare the long one with itself."""
    asked = []
    answer = ShortWay.answer

    def told(self, *given):
        asked.append(answer(self, *given))
        return asked[-1]

    monkeypatch.setattr(ShortWay, "answer", told)
    for body in ({"instrument": "AAPL"}, {"symbol": "EUR_USD", "user_id": "desk"}):
        assert client.post("/v1/predict", body).status_code == 200
    assert [one is not None for one in asked] == [True, True]


def test_both_ways_are_counted_and_written_down_alike(two_markets, capsys):
    counted = 'finq_prediction_requests_total{route="/predict",status="200"} 2.0'
    with started(Settings(data_root=two_markets, markets=("fx",))) as client:
        client.post("/predict", {"instrument": "EUR_USD"}, headers={"X-Request-ID": "short"})
        client.post("/predict", {"instrument": "EUR_USD", "market": "fx"}, headers={"X-Request-ID": "long"})
        text = client.get("/metrics").text
        assert counted in text
        assert 'finq_prediction_duration_seconds_count{route="/predict"} 2.0' in text
        assert 'finq_predictions_total{decision="predict",market="fx"} 2.0' in text
    lines = lawful_lines(capsys.readouterr().err)
    short, long = (next(line for line in lines if line["request"] == one) for one in ("short", "long"))
    assert {**short, "at": 0, "request": 0, "ms": 0} == {**long, "at": 0, "request": 0, "ms": 0}


def test_a_caller_gets_what_the_long_way_would_give_him(client):
    api = client.app.state.runtime
    way, ask = ShortWay(api), b'{"instrument": "EUR_USD"}'
    someone = Caller("someone", Role.PREDICTOR)
    assert way.answer(ask, "a", someone) is not None
    for barred in (
        replace(someone, role=Role.VIEWER),
        replace(someone, markets=frozenset({"equity"})),
        replace(someone, models=frozenset({"logistic"})),
    ):
        assert way.answer(ask, "a", barred) is None
    limited = ShortWay(other(api, settings=api.settings.model_copy(update={"caller_rate": 2, "total_rate": 0})))
    assert [limited.answer(ask, "a", someone)[2].left for _ in range(2)] == [1, 0]
    with pytest.raises(TooManyError, match="2 requests of one caller"):
        limited.answer(ask, "a", someone)
    assert limited.answer(ask, "a", replace(someone, name="another")) is not None


def test_a_fault_of_the_short_way_is_told_and_the_request_answered(two_markets, monkeypatch, caplog):
    with started(Settings(data_root=two_markets, markets=("fx",))) as client:
        monkeypatch.setattr(ShortWay, "_look", lambda *_: 1 / 0)
        assert client.post("/predict", {"instrument": "EUR_USD"}).status_code == 200
    assert "The short way failed on request" in caplog.text


@pytest.mark.parametrize(("hours", "acts"), [(0.0, True), (1.0, True), (72.0, False)])
def test_of_a_real_market_the_age_grows_and_what_is_stale_is_looked_at_again(client, hours, acts):
    served = client.store.get("fx")
    origin = replace(served.predictor.bundle.origin, simulated=False)
    predictor = SimpleNamespace(**vars(served.predictor), **_parts(served.predictor))
    predictor.bundle = replace(served.predictor.bundle, origin=origin)
    real = replace(served, predictor=predictor)
    real.answers(real.predictor.newest)
    clock = (real.predictor.newest + pd.Timedelta(hours=hours)).timestamp()
    api = other(client.app.state.runtime, now=lambda: clock, store=SimpleNamespace(values=(real,)))
    found = ShortWay(api).answer(b'{"instrument": "EUR_USD"}', "the-same")
    assert (found is not None) == acts
    if found is not None:
        answer = real.answers(real.predictor.newest)["EUR_USD"]
        timed = real.timed(answer, api.clock(), current=True)
        unrecorded = {"prediction_id": None, "recorded": False, "request_id": "the-same"}
        assert json.loads(found[0]) == timed | unrecorded
        assert timed["feature_age_hours"] == hours


def _parts(predictor):
    names = ("newest", "oldest", "bar_at", "features_at", "decide", "members_at", "last_bar")
    return {name: getattr(predictor, name) for name in names}


def test_a_name_of_two_markets_is_asked_back_and_what_is_new_is_seen(client):
    equity, fx = (client.store.get(name) for name in ("equity", "fx"))
    store = SimpleNamespace(values=(equity, fx))
    way = ShortWay(other(client.app.state.runtime, store=store))
    ask = b'{"instrument": "EUR_USD"}'
    assert way.answer(ask, "a")[1] is fx
    later = replace(fx, snapshot="another")
    later.answers(later.predictor.newest)
    store.values = (equity, later)
    body, by, *_ = way.answer(ask, "a")
    assert by is later
    assert json.loads(body)["snapshot"] == "another"
    store.values = (fx, later)
    assert way.answer(ask, "a") is None
    store.values = (None, None)
    assert way.answer(ask, "a") is None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=60) | st.text(max_size=40).map(lambda name: json.dumps({"symbol": name}).encode()))
def test_no_bytes_are_answered_that_the_application_would_refuse(client, body):
    found = ShortWay(client.app.state.runtime).answer(body, "the-same")
    if found is not None:
        assert client.post("/predict", content=body).status_code == 200


@pytest.mark.parametrize(
    ("given", "trace"),
    [
        (b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "4bf92f3577b34da6a3ce929d0e0e4736"),
        (b"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", "4bf92f3577b34da6a3ce929d0e0e4736"),
        (b"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None),
        (b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01", None),
        (b"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", None),
        (b"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", None),
        (b"forged\nid=x", None),
    ],
)
def test_a_trace_is_taken_where_it_is_well_formed(given, trace):
    assert trace_of(given) == trace
