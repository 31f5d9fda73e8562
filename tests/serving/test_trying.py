"""What is tried beside a champion is recorded with it and changes nothing of it; callers keep who answers them."""

from __future__ import annotations

import json
import shutil
from collections import Counter

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.adapters.challengers import (
    Mode,
    Step,
    add_challenger,
    change_challenger,
    read_experiment,
    read_key,
    remove_challenger,
)
from finq_predictor.adapters.layout import Layout
from finq_predictor.domain.errors import ConfigurationError, StoreError, UnknownNameError
from finq_predictor.domain.evaluation.sticky_arms import Arm, arm_of
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.serving.contest import Contest, Rival
from finq_predictor.serving.settings import Settings
from finq_predictor.serving.short_way import ShortWay
from serving import small_market
from serving.conftest import started
from serving.test_recording import recorded

LONG_AGO = "2020-01-01T00:00:00+00:00"
OF_THE_ANSWER = {"prediction_id", "request_id", "arm"}


@pytest.fixture(scope="module")
def rival(two_markets):
    """Another model of the same market, as a run would train it."""
    market = MARKETS["equity"]
    panel = small_market.panel_of(market, small_market.silver(market, 330, 7))
    return small_market.train(market, panel, "logistic", seed=1, version="9")


@pytest.fixture
def root(two_markets, tmp_path):
    return shutil.copytree(two_markets, tmp_path / "data", ignore=shutil.ignore_patterns("served", "07_access", "fx"))


def serving(root):
    return started(Settings(data_root=root, markets=("equity",), auth="off"))


def asked(client) -> list[dict]:
    """Answers of every way: short, at length, of an older bar, and a batch."""
    names = client.store.served[0].predictor.panel.instruments
    older = client.store.served[0].predictor.panel.ts[-8].isoformat()
    one = [client.post("/predict", {"instrument": name}).json() for name in names]
    one += [client.post("/predict", {"instrument": names[0], "market": "equity"}).json()]
    one += [client.post("/predict", {"instrument": names[0], "prediction_date": older}).json()]
    many = client.post("/batch_predict", {"market": "equity", "prediction_dates": [older]}).json()["predictions"]
    return one + many


def plain(answer: dict) -> dict:
    return {name: value for name, value in answer.items() if name not in OF_THE_ANSWER}


def test_a_shadow_is_recorded_once_with_every_answer_and_changes_none(root, rival):
    with serving(root) as client:
        alone = asked(client)
    shutil.rmtree(Layout(root).served)
    add_challenger(root, "equity", rival)
    with serving(root) as client:
        together = asked(client)
        overridden = {
            "instrument": "AAPL",
            "features": {client.get("/models").json()["models"][0]["feature_names"][0]: 1.0},
        }
        assert client.post("/predict", overridden).status_code == 200
        listed = client.get("/models").json()["models"][0]["challengers"]
        assert client.get("/health").json()["status"] == "ok"
    assert [plain(one) for one in together] == [plain(one) for one in alone]
    assert [(one["name"], one["mode"], one["share"], one["problem"]) for one in listed] == [
        ("logistic-9", "shadow", 0.0, None)
    ]
    rows = recorded(root)
    assert len({row["id"] for row in rows}) == len(rows)
    said = Counter((row["arm"], row["version"]) for row in rows)
    assert said == {("champion", "1"): len(together) + 1, ("shadow", "9"): len(together)}
    per_request = Counter((row["request_id"], row["instrument"], row["ts"]) for row in rows)
    assert sorted(Counter(per_request.values()).items()) == [(1, 1), (2, len(together))]
    assert {row["id"] for row in rows if row["arm"] == "champion"} >= {one["prediction_id"] for one in together}


def test_callers_are_divided_and_keep_who_answers_them_through_restarts(root, rival):
    add_challenger(root, "equity", rival, name="nine", mode=Mode.AB, steps=(Step(LONG_AGO, 0.5),))
    roll_out = read_experiment(root, "equity").named("nine").roll_out
    callers = [f"desk-{number}" for number in range(12)]
    runs = []
    for _ in range(2):
        with serving(root) as client:
            way = ShortWay(client.app.state.runtime)
            found = {}
            for who in callers:
                body = {"instrument": "AAPL", "user_id": who}
                short = json.loads(way.answer(json.dumps(body).encode(), "r")[0])
                long = client.post("/predict", {**body, "market": "equity"}).json()
                assert plain(short) == plain(long)
                assert short["arm"] == long["arm"]
                found[who] = short["arm"]
                assert short["model"]["version"] == {"champion": "1", "challenger": "9"}[short["arm"]]
            nobody = client.post("/predict", {"instrument": "AAPL"}).json()
            pinned = client.post(
                "/predict", {"instrument": "AAPL", "user_id": callers[0], "model": "logistic@1"}
            ).json()
            assert nobody["arm"] == pinned["arm"] == "champion"
            ranked = client.get("/ranking").json()
            assert {one["model"]["version"] for one in ranked["ranking"]} == {"1"}
            assert client.get("/models").json()["models"][0]["challengers"][0]["share"] == 0.5
        runs.append(found)
    assert runs[0] == runs[1]
    assert set(runs[0].values()) == {"champion", "challenger"}
    key, now = read_key(root, "equity"), pd.Timestamp.now("UTC")
    assert runs[0] == {who: arm_of(key, roll_out, who, now).value for who in callers}
    pairs = Counter((row["version"], row["arm"]) for row in recorded(root))
    assert pairs["9", "challenger"] == pairs["1", "shadow"] > 0
    assert pairs["1", "champion"] == pairs["9", "shadow"] > 0


@pytest.mark.parametrize("broken", ["bundle", "file", "key"])
def test_a_challenger_that_cannot_be_read_leaves_the_champion_alone_and_is_told(root, rival, broken):
    layout = Layout(root)
    add_challenger(root, "equity", rival, name="nine", mode=Mode.AB, steps=(Step(LONG_AGO, 1.0),))
    damaged = {
        "bundle": layout.challengers("equity") / "nine" / "model.json",
        "file": layout.experiment("equity"),
        "key": layout.experiment_key("equity"),
    }[broken]
    kept = damaged.read_bytes()
    damaged.write_bytes(b"{")
    with serving(root) as client:
        answer = client.post("/predict", {"instrument": "AAPL", "user_id": "desk"})
        assert answer.status_code == 200
        assert answer.json()["model"]["version"] == "1"
        health = client.get("/health")
        assert health.status_code == 200
        assert health.json()["status"] == "degraded"
        reason = health.json()["markets"]["equity"]["reason"]
        assert "nine" in reason or "experiment" in reason
        assert str(root) not in reason
        damaged.write_bytes(kept)
        client.store.refresh()
        assert client.get("/health").json()["status"] == "ok"
        assert client.post("/predict", {"instrument": "AAPL", "user_id": "desk"}).json()["arm"] == "challenger"
        remove_challenger(root, "equity", "nine")
        client.store.refresh()
        assert "arm" not in client.post("/predict", {"instrument": "AAPL", "user_id": "desk"}).json()


def test_a_challenger_that_dies_while_it_answers_harms_nobody(root, rival, monkeypatch):
    add_challenger(root, "equity", rival, name="nine", mode=Mode.AB, steps=(Step(LONG_AGO, 1.0),))
    with serving(root) as client:
        served = client.store.served[0]
        nine = served.contest.rivals[0].served

        def die(ts):
            raise ZeroDivisionError("as it happens")

        monkeypatch.setattr(nine.predictor, "features_at", die)
        older = served.predictor.panel.ts[-8].isoformat()
        body = {"instrument": "AAPL", "user_id": "desk", "prediction_date": older}
        answer = client.post("/predict", body).json()
        assert (answer["arm"], answer["model"]["version"], answer["recorded"]) == ("champion", "1", True)
        assert 'finq_compared_failures_total{arm="challenger",market="equity"} 1.0' in client.get("/metrics").text
        # The champion of a comparison is counted alike, but not a client who asks for nothing that there is.
        monkeypatch.setattr(served.predictor, "features_at", die)
        failed = client.post("/predict", {"instrument": "AAPL", "prediction_date": older[:8] + "01"})
        assert failed.status_code == 500
        assert client.post("/predict", {"instrument": "NOPE"}).status_code == 404
    failure, answered, own = sorted(recorded(root), key=lambda row: row.get("at") or row["served_at"])
    assert (failure["arm"], failure["version"], failure["kind"]) == ("challenger", "9", "unanswered")
    assert failure["request_id"] == answered["request_id"]
    assert (answered["arm"], "kind" in answered) == ("champion", False)
    assert (own["arm"], own["version"], own["kind"]) == ("champion", "1", "internal")


def test_how_long_it_took_is_recorded_of_answers_that_somebody_waited_for(root, rival):
    add_challenger(root, "equity", rival, name="nine")
    with serving(root) as client:
        older = client.store.served[0].predictor.panel.ts[-8].isoformat()
        client.post("/predict", {"instrument": "AAPL"}, headers={"X-Request-ID": "short"})
        client.post("/predict", {"instrument": "AAPL", "market": "equity"}, headers={"X-Request-ID": "long"})
        client.post("/predict", {"instrument": "AAPL", "prediction_date": older}, headers={"X-Request-ID": "older"})
        many = {"instruments": ["AAPL"], "prediction_dates": [older]}
        client.post("/batch_predict", many, headers={"X-Request-ID": "batch"})
    rows = {(row["request_id"], row["arm"]): row for row in recorded(root)}
    assert len(rows) == 8
    for (request, arm), row in rows.items():
        given = arm == "champion" and request != "batch"
        assert (row["latency_us"] is not None) == given, (request, arm)
        # Of each model, however it was asked: those who look at the same bar tell the same.
        assert row["took_us"] > 0
    assert rows["older", "champion"]["latency_us"] >= rows["older", "champion"]["took_us"]
    for arm in ("champion", "shadow"):
        assert len({rows[request, arm]["took_us"] for request in ("short", "long")}) == 1
        assert len({rows[request, arm]["took_us"] for request in ("older", "batch")}) == 1


def test_what_is_added_is_whole_or_not_there(root, rival, two_markets):
    layout = Layout(root)
    champion = small_market.champion(root, "equity")
    fx = small_market.champion(two_markets, "fx")
    for wrong, told in ((champion, "is the champion"), (fx, "of the market fx")):
        with pytest.raises(StoreError, match=told):
            add_challenger(root, "equity", wrong)
    for options, told in (
        ({"name": "../up"}, "no name of a challenger"),
        ({"mode": Mode.AB}, "no step says"),
        ({"mode": Mode.AB, "steps": (Step("2026-01-01", 0.1),)}, "has no zone"),
        ({"mode": Mode.AB, "steps": (Step(LONG_AGO, 1.5),)}, "expected one from 0 to 1"),
    ):
        with pytest.raises(ConfigurationError, match=told):
            add_challenger(root, "equity", rival, **options)
    assert not layout.experiment("equity").exists()
    assert not layout.challengers("equity").exists()
    add_challenger(root, "equity", rival, name="nine")
    key = layout.experiment_key("equity")
    assert key.stat().st_mode & 0o777 == 0o600
    before = key.read_bytes()
    with pytest.raises(ConfigurationError, match="tried already"):
        add_challenger(root, "equity", rival, name="ten")
    change_challenger(root, "equity", "nine", Mode.AB, (Step(LONG_AGO, 0.1),))
    grown = change_challenger(root, "equity", "nine", Mode.AB, (Step("2030-01-01T00:00:00+00:00", 0.4),))
    assert [step.share for step in grown.steps] == [0.1, 0.4]
    with pytest.raises(ConfigurationError, match="no smaller shares"):
        change_challenger(root, "equity", "nine", Mode.AB, (Step("2031-01-01T00:00:00+00:00", 0.2),))
    with pytest.raises(UnknownNameError):
        remove_challenger(root, "equity", "eight")
    remove_challenger(root, "equity", "nine")
    assert read_experiment(root, "equity").challengers == ()
    assert list(layout.challengers("equity").iterdir()) == []
    assert key.read_bytes() == before


class _Market:
    name = "equity"


class _Champion:
    market = _Market()


@settings(max_examples=40, deadline=None)
@given(
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=4).map(sorted),
    who=st.text(min_size=1, max_size=20),
    hours=st.integers(-10, 60),
)
def test_the_short_way_divides_callers_as_the_law_says(shares, who, hours):
    from finq_predictor.adapters.challengers import Challenger

    start = pd.Timestamp("2026-01-01T00:00Z")
    steps = tuple(Step((start + pd.Timedelta(hours=10 * n)).isoformat(), one) for n, one in enumerate(shares))
    entry = Challenger("nine", "e", "logistic", "9", Mode.AB, steps)
    key = b"k" * 32
    contest = Contest(_Champion(), (Rival(entry, object()),), key)
    clock = start + pd.Timedelta(hours=hours)
    said = contest.sides(who, clock.timestamp())
    assert said.arm is arm_of(key, entry.roll_out, who, clock)
    assert contest.sides(None, clock.timestamp()).arm is Arm.CHAMPION
    assert contest.sides(who, clock.timestamp(), lambda _market, _model: False).arm is Arm.CHAMPION
