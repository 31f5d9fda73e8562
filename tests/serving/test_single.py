"""What a single request may ask for beyond what is remembered: other features, a model, a horizon, an explanation."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from finq_predictor.domain.features import compute_features
from finq_predictor.domain.modelling.prediction import predict_rows
from finq_predictor.serving.settings import Settings
from serving.conftest import started


def served(client, market="equity"):
    return client.store.get(market)


def ask(client, path="/predict", status=200, **body):
    answer = client.post(path, {"instrument": "AAPL", **body})
    assert answer.status_code == status, answer.text
    return answer.json()


def test_answers_say_what_they_know_of_their_limits(client):
    answer = ask(client)
    assert answer["prediction_set"] in (["yes", "no"], ["yes"], ["no"], [])
    assert answer["coverage"] == 0.9
    decided = answer["prediction_set"][0] if len(answer["prediction_set"]) == 1 else "undecided"
    assert answer["conformal_decision"] == decided
    assert answer["prediction_set"] == [name for name in ("yes", "no") if answer[f"p_{name}"] > 0.1]
    trained = pd.Timestamp(served(client).predictor.bundle.origin.trained_to)
    assert answer["model_age_days"] == (pd.Timestamp(answer["feature_ts"]) - trained) / pd.Timedelta(days=1)
    assert answer["flags"][0] == "simulated"
    assert "provisional" not in answer["flags"]
    assert "provisional" in ask(client, instrument="EUR_USD")["flags"]
    stale = ask(client, instrument="ORCL")
    assert (stale["prediction_set"], stale["p_yes"], stale["conformal_decision"]) == (None, None, None)
    assert "no_bar" in stale["flags"]


@pytest.mark.parametrize("market", ["equity", "fx"])
def test_sets_and_flags_over_http_are_those_of_the_batch(market, client, two_markets):
    predictor = served(client, market).predictor
    gold = compute_features(predictor.panel, predictor.bundle.feature_set)
    bars = predictor.panel.ts[-4:]
    batch = predict_rows(predictor.bundle, gold[gold["ts"].isin(bars)].reset_index(drop=True), predictor.rules)
    wanted = {(row.ts.isoformat(), row.instrument): row for row in batch.itertuples()}
    body = {"market": market, "prediction_dates": [ts.isoformat() for ts in bars]}
    answers = client.post("/batch_predict", body).json()["predictions"]
    known = [answer for answer in answers if answer["probability"] is not None]
    assert len(known) == len(wanted)
    for answer in known:
        row = wanted[answer["feature_ts"], answer["instrument"]]
        for name in ("p_yes", "p_no", "coverage", "probability"):
            assert answer[name] == pytest.approx(getattr(row, name), abs=1e-9)
        assert (answer["conformal_decision"], answer["reason"]) == (row.conformal_decision, row.reason)
        assert " ".join(answer["prediction_set"]) == row.prediction_set
        assert [flag for flag in answer["flags"] if flag not in ("simulated", "provisional")] == row.flags.split()


def test_an_undecided_set_abstains_where_that_is_asked_for(two_markets):
    with started(Settings(data_root=two_markets, markets=("equity",), conformal="act", coverage=0.99)) as client:
        answer = ask(client)
        assert (answer["decision"], answer["coverage"]) == ("abstain", 0.99)
        assert answer["reason"] == "undecided: the prediction set of 99% holds both answers"
        assert "undecided" in answer["flags"]


def test_the_age_of_the_model_is_a_limit_that_can_be_set(two_markets):
    with started(Settings(data_root=two_markets, markets=("equity",), max_model_age_bars=1)) as client:
        assert ask(client)["reason"].startswith("model too old: 6 bars closed since the last one")
        assert "model_too_old" in ask(client)["flags"]


def test_changed_features_answer_apart_and_say_so(client):
    before = ask(client, include=["features"])
    names = list(served(client).predictor.bundle.feature_set.names)
    assert list(before["features_used"]) == names
    assert "features_overridden" not in before["flags"]
    same = ask(client, features={names[0]: before["features_used"][names[0]]}, include=["features"])
    assert same["probability"] == before["probability"]
    assert same["flags"] == [*before["flags"], "features_overridden"]
    other = ask(client, features=dict.fromkeys(names[:40], 1000000.0) | {names[50]: None}, include=["features"])
    assert other["probability"] != before["probability"]
    assert other["features_used"][names[0]] == 1e6
    assert other["features_used"][names[50]] is None
    assert ask(client)["probability"] == before["probability"], "nothing of it is remembered"
    assert ask(client)["flags"] == before["flags"]


def test_features_far_from_the_training_are_refused_with_the_reason(two_markets):
    # So few rows are held out in a market of the tests that none of them is as rare as the default asks for.
    rules = Settings(data_root=two_markets, markets=("equity",), guard_false_alarms=0.1)
    with started(rules) as client:
        names = served(client).predictor.bundle.feature_set.names
        answer = ask(client, features=dict.fromkeys(names, 1e6))
        assert answer["decision"] == "abstain"
        assert answer["reason"].startswith("out of range: 100% of the features lie outside")
        assert {"out_of_range", "features_overridden"} <= set(answer["flags"])
        assert ask(client, features=dict.fromkeys(names))["reason"].startswith("missing features")


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"features": {"ret_55": 1.0}}, 422, "the model reads no feature 'ret_55'. Did you mean"),
        ({"features": {"ret_5": 1e300}}, 422, "'features.ret_5'"),
        ({"features": {"ret_5": "x"}}, 422, "'features.ret_5'"),
        ({"features": [1.0]}, 422, "'features'"),
        ({"features": {f"x{place}": 0.0 for place in range(1001)}}, 422, "'features'"),
        ({"instrument": "ORCL", "features": {}}, 422, "ORCL has no features at"),
        ({"model": "xgboost"}, 404, "Unknown model 'xgboost'"),
        ({"horizon": 20}, 422, "horizon 20 is not served; equity is answered over 5 bars"),
        ({"horizon": "5"}, 422, "'horizon'"),
        ({"user_id": "  "}, 422, "'user_id'"),
        ({"include": ["everything"]}, 422, "'include"),
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/explain"])
def test_what_is_not_served_is_refused_and_says_what_is(path, body, status, said, client):
    message = ask(client, path, status, **body)["error"]["message"]
    assert said in message


def said(answer):
    """An answer without what belongs to the request alone."""
    own = {"request_id", "prediction_id", "recorded"}
    return {name: value for name, value in answer.items() if name not in own}


def test_a_model_and_a_horizon_that_are_served_change_nothing(client):
    plain = ask(client)
    for model in ("logistic", f"logistic@{plain['model']['version']}"):
        named = ask(client, model=model, horizon=5, user_id="desk-7")
        assert named.pop("user_id") == "desk-7"
        assert said(named) == said(plain)
    assert "user_id" not in plain
    assert client.post("/batch_predict", {"requests": [{"instrument": "AAPL", "features": {}}]}).status_code == 422


@pytest.mark.parametrize(("instrument", "market"), [("AAPL", "equity"), ("EUR_USD", "fx")])
def test_an_explanation_adds_up_to_the_served_probability(instrument, market, client):
    answer = ask(client, "/explain", instrument=instrument, top=1000)
    plain = ask(client, instrument=instrument)
    told = answer.pop("explanation")
    assert said(answer) == said(plain)
    total = told["base"] + sum(part["contribution"] for part in told["contributions"])
    assert total == pytest.approx(told["log_odds"], abs=1e-9)
    assert 1.0 / (1.0 + math.exp(-total)) == pytest.approx(plain["probability"], abs=1e-9)
    assert (told["exact"], told["rest"]) == (True, 0.0)
    assert sum(told["families"].values()) == pytest.approx(total - told["base"], abs=1e-9)
    assert "other" not in told["families"], "every feature has a meaning"
    sizes = [abs(part["contribution"]) for part in told["contributions"]]
    assert sizes == sorted(sizes, reverse=True)
    first = told["contributions"][0]
    assert first["words"].startswith(f"{first['feature']} ({first['meaning']})")
    assert 0.0 <= first["percentile"] <= 100.0


def test_the_rest_is_summed_and_changed_features_are_explained(client):
    whole = ask(client, "/explain", top=1000)["explanation"]
    short = ask(client, "/explain", top=3, include=["features"])
    assert len(short["features_used"]) > 100
    short = short["explanation"]
    assert short["contributions"] == whole["contributions"][:3]
    assert short["rest"] == pytest.approx(sum(part["contribution"] for part in whole["contributions"][3:]))
    name = whole["contributions"][0]["feature"]
    changed = ask(client, "/explain", top=1000, features={name: None})
    assert "features_overridden" in changed["flags"]
    part = next(part for part in changed["explanation"]["contributions"] if part["feature"] == name)
    assert (part["value"], part["percentile"]) == (None, None)
    assert "is missing" in part["words"]


def test_the_models_name_their_features_and_when_they_were_loaded(client):
    for model in client.get("/models").json()["models"]:
        assert len(model["feature_names"]) == model["features"]
        assert pd.Timestamp(model["loaded_at"]) <= pd.Timestamp.now("UTC")
