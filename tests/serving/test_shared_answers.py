"""What one process has computed another one answers, to the last bit, and without Redis each computes for itself."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.serving.settings import Settings
from finq_predictor.serving.shared_answers import SharedAnswers
from redis_server import running_redis
from serving.conftest import started

KEY = b"k" * 32


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


def counted(served, shared):
    """The market as another process serves it, and the bars it has computed."""
    computed = []
    other = replace(served, shared=shared)
    decided = type(other)._decided

    def deciding(ts):
        computed.append(ts)
        return decided(other, ts)

    object.__setattr__(other, "_decided", deciding)
    return other, computed


@pytest.mark.parametrize("key", [None, KEY])
def test_another_process_answers_from_what_was_computed_to_the_last_bit(client, redis, key):
    served = client.store.get("equity")
    bars = served.predictor.panel.ts[-6:-3]
    one, ours = counted(served, SharedAnswers(redis, key=key))
    other, theirs = counted(served, SharedAnswers(redis, key=key))
    for ts in bars:
        assert other.answers(ts) == one.answers(ts) == served.answers(ts)
    assert ours + theirs == list(bars), "each bar is computed once by whoever is asked first"


def test_another_snapshot_model_or_rule_is_another_answer(client, redis):
    served = client.store.get("fx")
    ts = served.predictor.panel.ts[-7]
    shared = SharedAnswers(redis)
    first, _ = counted(served, shared)
    first.answers(ts)
    stricter = type(served.predictor)(
        served.predictor.bundle, served.predictor.panel, replace(served.predictor.rules, min_confidence=1.0)
    )
    for changed in (replace(served, snapshot="another"), replace(served, predictor=stricter)):
        other, computed = counted(changed, shared)
        other.answers(ts)
        assert computed == [ts]
    same, computed = counted(served, shared)
    same.answers(ts)
    assert computed == []


@pytest.mark.parametrize("content", [b"", b"\n{", b"x\n[1]", b"nothing", b"0" * 64 + b"\n{}"])
def test_what_somebody_else_wrote_is_not_believed(client, redis, content):
    from redis import Redis

    served = client.store.get("fx")
    ts = served.predictor.panel.ts[-8]
    shared = SharedAnswers(redis, key=KEY)
    one, _ = counted(served, shared)
    expected = one.answers(ts)
    (name,) = (key for key in Redis.from_url(redis).keys(f"*{ts.isoformat()}*") if b"fx" in key)
    Redis.from_url(redis).set(name, content)
    other, computed = counted(served, shared)
    assert other.answers(ts) == expected
    assert computed == [ts]


def test_without_redis_each_computes_for_itself_says_so_and_does_not_wait_long(two_markets, tmp_path, monkeypatch):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("FINQ_REDIS_URL", f"redis://127.0.0.1:{port}/0")
    with started(Settings(data_root=two_markets, markets=("fx",))) as client:
        assert client.post("/predict", {"instrument": "EUR_USD"}).status_code == 200
        state = client.get("/health").json()
        assert state["status"] == "degraded"
        assert state["dependencies"]["answers_in_redis"].startswith("Redis does not answer")
        assert str(port) not in client.get("/health").text
        shared = client.store.shared
        for number in range(5):
            shared.get(str(number))
        shared._redis = None  # It is asked no more: whatever is done with it now would raise.
        assert shared.get("more") is None
    with running_redis(tmp_path, port) as url:
        again = SharedAnswers(url)
        again._well = False
        again.put("a", {"b": 1})
        assert again.get("a") == {"b": 1}
        assert again.problem is None


def test_an_address_that_is_none_is_refused_without_being_shown():
    with pytest.raises(ConfigurationError, match="FINQ_REDIS_URL is none that is known") as refused:
        SharedAnswers("http://user:hunter2@host")
    assert "hunter2" not in str(refused.value)


def test_bars_that_were_asked_for_lately_are_answered_when_something_new_comes(own_root):
    with started(Settings(data_root=own_root, markets=("equity",), poll_seconds=0.05, warm_bars=2)) as client:
        before = client.store.get("equity")
        asked = [ts.isoformat() for ts in before.predictor.panel.ts[-5:-2]]
        for day in asked:
            client.post("/predict", {"instrument": "AAPL", "prediction_date": day})
        client.store._markets["equity"]._seen = None
        client.store.refresh()
        after = client.store.get("equity")
        assert after is not before
        remembered = [after.remembered(ts) is not None for ts in before.predictor.panel.ts[-5:-2]]
        assert remembered == [False, True, True]
