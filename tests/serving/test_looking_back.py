"""GET /history and POST /feedback: what was said then is told apart from what is said now."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from finq_predictor.adapters.database.reading import frame_of
from finq_predictor.adapters.database.schema import feedback
from finq_predictor.adapters.database.served_reading import feedback_about
from finq_predictor.adapters.database.served_store import ServedStore, store_engine
from finq_predictor.domain.labels import make_labels
from finq_predictor.serving.keeper import Keeper
from finq_predictor.serving.settings import Settings
from serving.conftest import started
from serving.test_recording import recorded


@pytest.fixture
def root(own_root, monkeypatch):
    monkeypatch.delenv("FINQ_STORE_URL", raising=False)
    return own_root


def drain(root) -> None:
    assert Keeper(root, lambda: ServedStore(store_engine(root, {}))).run_once().problem == ""


def test_the_history_tells_what_was_served_from_what_is_computed_now(root):
    with started(Settings(data_root=root)) as client:
        asked = client.post("/predict", {"instrument": "EUR_USD"}).json()
        assert client.get("/history?instrument=eurusd&limit=2").json()["store"] == "absent"
        client.post("/feedback", {"request_id": asked["request_id"], "outcome": True})
        client.post("/feedback", {"request_id": "never-heard-of", "outcome": True})
        drain(root)
        told = client.get("/history?instrument=eurusd&limit=5").json()
        served = client.store.get("fx")
        then = [
            client.post("/predict", {"instrument": "EUR_USD", "prediction_date": bar["ts"]}) for bar in told["bars"]
        ]
    assert (told["store"], told["instrument"], told["market"], told["horizon_bars"]) == ("read", "EUR_USD", "fx", 1)
    assert [bar["source"] for bar in told["bars"]] == ["served", *["computed"] * 4]
    assert told["bars"][0]["feedback"] == [True]
    assert (told["bars"][0]["outcome"], told["bars"][0]["known_at"]) == (None, None)
    assert [bar["probability"] for bar in told["bars"]] == [answer.json()["probability"] for answer in then]
    labels = make_labels(served.predictor.panel, served.market, (1,)).set_index(["instrument", "ts"])
    panel = served.predictor.panel
    for place, bar in enumerate(told["bars"], start=1):
        known = labels.loc[("EUR_USD", panel.ts[-place])]
        assert bar["ts"] == panel.ts[-place].isoformat()
        assert bar["close"] == panel.fields["close"][-place, panel.instruments.index("EUR_USD")]
        if place > 1:
            assert (bar["forward_return"], bar["outcome"]) == (known["forward_return_1"], known["label_1"] == 1.0)


@pytest.mark.parametrize(
    ("query", "status", "what"),
    [
        ("", 422, "Which instrument"),
        ("?instrument=NOBODY", 404, "Unknown instrument"),
        ("?instrument=AAPL&limit=61", 422, "from 1 to 60"),
        ("?instrument=AAPL&limit=x", 422, "from 1 to 60"),
        ("?instrument=AAPL&market=fx", 404, "Unknown instrument"),
        (f"?instrument={'A' * 65}", 422, "longer than"),
    ],
)
def test_a_history_that_cannot_be_told_is_refused(client, query, status, what):
    answer = client.get(f"/history{query}")
    assert (answer.status_code, what in answer.json()["error"]["message"]) == (status, True)


@pytest.mark.parametrize(
    ("body", "status", "what"),
    [
        ({"outcome": True}, 422, "Which prediction"),
        ({"prediction_id": "a-1", "request_id": "r", "outcome": True}, 422, "Which prediction"),
        ({"feature_ts": "2024-01-31T21:00:00Z", "outcome": True}, 422, "needs 'instrument'"),
        ({"instrument": "AAPL", "feature_ts": "2024-01-31", "outcome": True}, 422, "is a day"),
        ({"instrument": "NOBODY", "feature_ts": "2024-01-31T21:00:00Z", "outcome": True}, 404, "NOBODY"),
        ({"prediction_id": "a-1", "instrument": "AAPL", "outcome": True}, 422, "says it all"),
        ({"prediction_id": "no id", "outcome": True}, 422, "prediction_id"),
        ({"prediction_id": "a-1", "outcome": "yes"}, 422, "outcome"),
        ({"prediction_id": "a-1"}, 422, "outcome"),
        ({"prediction_id": "a-1", "outcome": True, "comment": "x" * 1001}, 422, "comment"),
        ([], 400, "object"),
    ],
    ids=str,
)
def test_feedback_that_says_nothing_is_refused(client, body, status, what):
    answer = client.post("/feedback", body)
    assert (answer.status_code, what in answer.json()["error"]["message"]) == (status, True)


def test_feedback_is_safe_while_the_store_is_away_and_said_twice_is_once(root):
    with started(Settings(data_root=root)) as client:
        batch = client.post("/batch_predict", {"market": "fx"}).json()
        about = {"request_id": batch["request_id"], "instrument": "EUR_USD", "outcome": False, "comment": "seen"}
        first, second = (client.post("/feedback", about).json() for _ in range(2))
        other = client.post("/feedback", {**about, "outcome": True}).json()
        vague = client.post("/feedback", {"request_id": batch["request_id"], "outcome": True}).json()
        assert len(recorded(root)) == batch["count"] + 4
    assert first["recorded"] is True
    assert first["feedback_id"] == second["feedback_id"] != other["feedback_id"]
    drain(root)
    engine = store_engine(root, {})
    kept = frame_of(engine, select(feedback)).set_index("id")
    assert sorted(kept.index) == sorted({first["feedback_id"], other["feedback_id"], vague["feedback_id"]})
    assert kept.loc[first["feedback_id"], "comment"] == "seen"
    # One does not say which of a batch it means, and nobody guesses.
    heard = feedback_about(engine)
    assert heard[["market", "instrument", "outcome", "given"]].values.tolist() == [
        ["fx", "EUR_USD", False, 1],
        ["fx", "EUR_USD", True, 1],
    ]


def test_feedback_that_cannot_be_recorded_is_never_acknowledged(root):
    with started(Settings(data_root=root, record=False)) as client:
        answer = client.post("/feedback", {"prediction_id": "a-1", "outcome": True})
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "unavailable")


def test_a_store_that_is_away_takes_no_history_away(root, monkeypatch):
    monkeypatch.setenv("FINQ_STORE_URL", "postgresql://finq:hidden@127.0.0.1:9/x")
    with started(Settings(data_root=root)) as client:
        answer = client.get("/history?instrument=AAPL&limit=3")
    assert (answer.status_code, answer.json()["store"], len(answer.json()["bars"])) == (200, "unavailable", 3)
    assert "hidden" not in answer.text
