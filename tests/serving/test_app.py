from __future__ import annotations

import json
import math
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finq_predictor.serving.app import PATHS
from finq_predictor.serving.routes import OPERATIONS
from finq_predictor.serving.schemas import (
    BatchAnswer,
    ErrorAnswer,
    ModelsAnswer,
    PredictAnswer,
    RankingAnswer,
    Standing,
)
from finq_predictor.serving.settings import Settings
from serving.conftest import started
from serving.parity import TOLERANCE, largest_difference


def _error(response, status, kind):
    assert response.status_code == status, response.text
    error = ErrorAnswer.model_validate(response.json()).error
    assert error.type == kind, response.text
    assert error.request_id == response.headers["x-request-id"]
    return error.message


def test_predict_answers_from_the_newest_bar(client):
    response = client.post("/predict", {"instrument": "AAPL"})
    assert response.status_code == 200
    answer = PredictAnswer.model_validate(response.json())
    assert answer.question == "Will AAPL beat its benchmark over the next 5 trading days?"
    assert answer.prediction == (answer.probability > 0.5)
    assert answer.direction == ("outperform" if answer.prediction else "underperform")
    assert answer.confidence == pytest.approx(2 * abs(answer.probability - 0.5))
    assert answer.decision == "predict"
    assert answer.reason is None
    assert answer.simulated is True
    assert (answer.model.name, answer.model.status, answer.model.provisional) == ("logistic", "promoted", False)
    assert answer.feature_age_hours == 0
    assert (answer.label_window.entry_bar, answer.label_window.exit_bar) == (1, 6)
    assert answer.label_window.exit_ts is None


def test_fx_speaks_of_up_and_down_and_says_provisional(client):
    answer = client.post("/predict", {"instrument": "EUR_USD"}).json()
    assert answer["market"] == "fx"
    assert answer["direction"] in {"up", "down"}
    assert answer["model"] == {"name": "xgboost", "version": "3", "status": "provisional", "provisional": True}


@pytest.mark.parametrize("name", ["instrument", "ticker", "symbol"])
@pytest.mark.parametrize("spelling", ["EUR_USD", "eur/usd", " EURUSD "])
def test_aliases_and_spellings(client, name, spelling):
    assert client.post("/predict", {name: spelling}).json()["instrument"] == "EUR_USD"


def test_a_date_means_the_last_bar_of_its_day_and_a_time_the_last_bar_by_then(client):
    def asked(when):
        return client.post("/predict", {"instrument": "AAPL", "prediction_date": when}).json()["feature_ts"]

    friday = "2022-03-11T21:00:00+00:00"
    assert asked("2022-03-11") == asked("2022-03-12") == asked("2022-03-13") == friday
    assert asked("2022-03-11T21:00:00Z") == asked("2022-03-11T23:00:00+02:00") == friday
    assert asked("2022-03-11T20:59:59Z") == asked("2022-03-11T20:59:59") == "2022-03-10T21:00:00+00:00"
    past = client.post("/predict", {"instrument": "AAPL", "timestamp": "2022-03-11"}).json()
    assert past["label_window"]["entry_ts"] == "2022-03-14T21:00:00+00:00"
    assert past["label_window"]["exit_ts"] == "2022-03-21T21:00:00+00:00"
    assert past["feature_age_hours"] > 24


def test_an_instrument_that_left_is_not_predicted_at_the_newest_bar(client):
    answer = client.post("/predict", {"instrument": "ORCL"}).json()
    assert (answer["probability"], answer["prediction"], answer["decision"]) == (None, None, "abstain")
    assert answer["reason"].startswith("stale: no bar at")
    assert answer["feature_age_hours"] > 0
    dated = client.post("/predict", {"instrument": "ORCL", "prediction_date": answer["feature_ts"]}).json()
    assert dated["probability"] is not None


def test_a_newcomer_is_abstained_from_while_its_features_are_missing(client):
    answer = client.post("/predict", {"instrument": "TSLA"}).json()
    assert answer["probability"] is not None
    assert (answer["decision"], answer["reason"].split(":")[0]) == ("abstain", "missing features")


def test_low_confidence_abstains(two_markets):

    with started(Settings(data_root=two_markets, predict_min_confidence=1.0)) as client:
        answer = client.post("/predict", {"instrument": "AAPL"}).json()
    assert answer["decision"] == "abstain"
    assert re.match(r"low confidence: 0\.\d+ is below the minimum 1", answer["reason"])
    assert answer["probability"] is not None


@pytest.mark.parametrize(
    ("body", "status", "kind", "words"),
    [
        ({"instrument": "APPL"}, 404, "unknown_instrument", "Did you mean 'AAPL'"),
        ({"instrument": "AAPL", "market": "equities"}, 404, "unknown_market", "Did you mean 'equity'"),
        ({"instrument": "AAPL", "market": "fx"}, 404, "unknown_instrument", "'AAPL'"),
        (
            {"instrument": "AAPL", "prediction_date": "2999-01-01"},
            422,
            "prediction_refused",
            "2021-01-04 to 2022-04-08",
        ),
        (
            {"instrument": "AAPL", "prediction_date": "1999-01-01"},
            422,
            "prediction_refused",
            "2021-01-04 to 2022-04-08",
        ),
        ({"instrument": "AAPL", "prediction_date": "yesterday"}, 422, "invalid_request", "'yesterday' is not a date"),
        ({"instrument": "AAPL", "prediction_date": "2022-02-30"}, 422, "invalid_request", "is not a date"),
        ({"instrument": "AAPL", "prediction_date": 20220311}, 422, "invalid_request", "prediction_date"),
        ({"instrument": 7}, 422, "invalid_request", "instrument"),
        ({"instrument": "  "}, 422, "invalid_request", "is empty"),
        ({"instrument": "A" * 65}, 422, "invalid_request", "64"),
        ({"instrument": None}, 422, "invalid_request", "instrument"),
        ({}, 422, "invalid_request", '{"instrument": "AAPL"}'),
        (
            {"instrument": "AAPL", "predicton_date": "2022-03-11"},
            422,
            "invalid_request",
            "Did you mean 'prediction_date'",
        ),
        (["AAPL"], 400, "malformed_body", "array"),
        ("AAPL", 400, "malformed_body", "string"),
    ],
)
def test_what_is_wrong_with_a_request_is_said(client, body, status, kind, words):
    assert words in _error(client.post("/predict", body), status, kind)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"{'instrument': 'AAPL'}", b"[" * 5000])
def test_a_body_that_is_not_json(client, body):
    assert "send an object like" in _error(client.post("/predict", content=body), 400, "malformed_body")


def test_a_body_that_is_too_long(client):
    body = b'{"instrument": "' + b"A" * 2_000_000 + b'"}'
    assert "16,384" in _error(client.post("/predict", content=body), 413, "too_large")
    assert "1,048,576" in _error(client.post("/batch_predict", content=body), 413, "too_large")


def test_wrong_method_and_unknown_route(client):
    response = client.get("/predict")
    assert "POST" in _error(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "POST"
    assert "Did you mean '/predict'" in _error(client.post("/predicts", {}), 404, "not_found")


def test_request_id_is_echoed_or_made(client):
    given = client.post("/predict", {"instrument": "AAPL"}, headers={"X-Request-ID": "order-42"})
    assert given.json()["request_id"] == given.headers["x-request-id"] == "order-42"
    made = client.post("/predict", {"instrument": "AAPL"}, headers={"X-Request-ID": "not ok " + "x" * 200})
    assert re.fullmatch(r"[0-9a-f]{32}", made.json()["request_id"])


def test_batch_crosses_instruments_and_dates(client):
    body = {"instruments": ["AAPL", "eurusd"], "prediction_dates": ["2022-03-11"]}
    answer = BatchAnswer.model_validate(client.post("/batch_predict", body).json())
    assert [one.instrument for one in answer.predictions] == ["AAPL"]
    assert [(one.instrument, one.type, one.status) for one in answer.errors] == [("eurusd", "prediction_refused", 422)]
    everything = client.post("/batch_predict", {"market": "equity", "prediction_date": ["2022-03-10", "2022-03-11"]})
    assert everything.json()["count"] == 16


def test_batch_of_single_requests_keeps_their_order(client):
    asked = [{"symbol": "MSFT"}, {"ticker": "EUR_USD"}, {"instrument": "AAPL", "timestamp": "2022-03-11"}]
    answer = client.post("/batch_predict", {"requests": asked}).json()
    assert [one["instrument"] for one in answer["predictions"]] == ["MSFT", "EUR_USD", "AAPL"]
    singles = [client.post("/predict", one).json() for one in asked]
    assert [one["probability"] for one in answer["predictions"]] == [one["probability"] for one in singles]


@pytest.mark.parametrize(
    ("body", "status", "kind", "words"),
    [
        ({}, 422, "invalid_request", "'instruments'"),
        ({"instruments": []}, 422, "invalid_request", "instruments"),
        ({"instruments": ["NOPE"]}, 404, "unknown_instrument", "'NOPE'"),
        ({"instruments": ["AAPL"], "requests": [{"instrument": "AAPL"}]}, 422, "invalid_request", "either"),
        ({"instruments": ["AAPL"] * 101, "prediction_dates": ["2022-03-11"] * 100}, 413, "too_large", "10,100"),
        ({"requests": [{"instrument": "AAPL", "dat": "2022-03-11"}]}, 422, "invalid_request", "Unknown field"),
    ],
)
def test_batch_errors(client, body, status, kind, words):
    assert words in _error(client.post("/batch_predict", body), status, kind)


def test_batch_limits_how_many_bars_it_computes(two_markets):
    days = [f"2022-03-{day:02d}" for day in (9, 10, 11)]
    with started(Settings(data_root=two_markets, batch_bars=2)) as client:
        response = client.post("/batch_predict", {"instruments": "AAPL", "prediction_dates": days})
    assert "3 different bars" in _error(response, 413, "too_large")


def test_ranking_falls_and_ends_with_the_unknown(client):
    answer = RankingAnswer.model_validate(client.get("/ranking?market=equity").json())
    known = [one.probability for one in answer.ranking if one.probability is not None]
    assert known == sorted(known, reverse=True)
    assert answer.ranking[-1].instrument == "ORCL"
    assert len(client.get("/ranking?market=fx&limit=2&prediction_date=2024-01-10").json()["ranking"]) == 2


@pytest.mark.parametrize(
    ("query", "status", "kind"),
    [
        ("", 422, "invalid_request"),
        ("?market=bonds", 404, "unknown_market"),
        ("?market=fx&limit=0", 422, "invalid_request"),
        ("?market=fx&limit=x", 422, "invalid_request"),
        ("?market=fx&prediction_date=soon", 422, "invalid_request"),
        ("?market=fx&prediction_date=2999-01-01", 422, "prediction_refused"),
    ],
)
def test_ranking_errors(client, query, status, kind):
    _error(client.get(f"/ranking{query}"), status, kind)


def test_health_ready_models(client):
    for path in ("/health", "/ready"):
        response = client.get(path)
        assert response.status_code == 200
        assert Standing.model_validate(response.json()).status == "ok"
    models = ModelsAnswer.model_validate(client.get("/models").json()).models
    assert [(one.market, one.version, one.simulated) for one in models] == [("equity", "1", True), ("fx", "3", True)]


def test_metrics_count_requests_errors_and_models(client):
    client.post("/predict", {"instrument": "AAPL"})
    client.post("/predict", {"instrument": "NOPE"})
    client.get("/nowhere")
    text = client.get("/metrics").text
    assert 'finq_prediction_requests_total{route="/predict",status="200"}' in text
    assert 'finq_prediction_errors_total{route="/predict",type="unknown_instrument"}' in text
    assert 'finq_prediction_duration_seconds_bucket{le="0.001",route="/predict"}' in text
    assert 'finq_prediction_requests_total{route="other",status="404"}' in text
    assert 'finq_predictions_total{decision="predict",market="equity"}' in text
    assert 'finq_model_info{market="fx",name="xgboost",simulated="true",status="provisional",version="3"} 1.0' in text
    assert "NOPE" not in text


def test_openapi_documents_every_route_and_schema(client):
    document = client.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]) == {operation.paths[0] for operation in OPERATIONS if operation.listed}
    assert set(PATHS) == {path for operation in OPERATIONS for path in operation.paths}
    assert {"/v1/predict", "/v1/models", "/livez"} <= set(document["paths"])
    referred = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))
    assert referred <= set(document["components"]["schemas"])


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.method == "get"], ids=lambda one: one.path)
def test_every_path_of_a_route_says_the_same_and_is_counted_as_one(client, operation):
    market = {"market": "fx"}
    one = {"instrument": "EUR_USD"}
    asked = {"/ranking": market, "/experiment": market, "/history": one}
    asked["/features"] = market | {"instruments": "EUR_USD"}
    query = asked.get(operation.path, {})
    same = {"X-Request-ID": "the-same"}
    answers = [client.get(path, params=query, headers=same) for path in operation.paths]
    assert len(operation.paths) == (1 if operation.plain else 2)
    if not operation.plain:
        assert answers[0].json() == answers[1].json()
        counted = f'finq_prediction_requests_total{{route="{operation.path}",status="200"}}'
        assert counted in client.get("/metrics").text
        assert '"/v1' not in client.get("/metrics").text


def test_pages_stand_alone(client):
    for path in ("/", "/docs"):
        page = client.get(path)
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert not re.search(r"""(src|href)=["']?(https?:)?//""", page.text)
        assert "default-src 'none'" in page.headers["content-security-policy"]


def test_the_page_shows_ranking_model_and_warnings_without_scripts(client):
    text = client.get("/").text.split("<script>")[0]
    for word in ("AAPL", "EUR_USD", "SIMULATED.", "PROVISIONAL.", "version 3", "Fri 08 Apr 2022, 21:00"):
        assert word in text


@pytest.mark.parametrize("market", ["equity", "fx"])
def test_replayed_days_equal_the_batch_predictions(client, two_markets, market):
    def post(path, body):
        response = client.post(path, body)
        assert response.status_code == 200, response.text
        return response.json()

    assert largest_difference(post, two_markets, market, last_bars=8) <= TOLERANCE


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
fields = st.sampled_from(
    ["instrument", "ticker", "prediction_date", "timestamp", "market", "instruments", "prediction_dates", "requests"]
)
tempting = st.sampled_from(["AAPL", "EUR_USD", "equity", "fx", "2022-03-11", "9999-12-31T23:59:59-14:00", "0001-01-01"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(["/predict", "/batch_predict"]), body=st.dictionaries(fields, json_values | tempting))
def test_no_json_body_breaks_the_service(client, path, body):
    response = client.post(path, content=json.dumps(body).encode("utf-8", "replace"))
    assert response.status_code in {200, 400, 404, 413, 422}, response.text
    if response.status_code == 200:
        json.loads(response.text, parse_constant=lambda name: pytest.fail(f"{name} in an answer"))
    else:
        ErrorAnswer.model_validate(response.json())


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(["/predict", "/batch_predict"]), body=st.binary(max_size=200))
def test_no_bytes_break_the_service(client, path, body):
    assert client.post(path, content=body).status_code in {400, 404, 413, 422}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(when=st.datetimes() | st.dates())
def test_every_date_is_answered_or_refused(client, when):
    response = client.post("/predict", {"instrument": "GBP_USD", "prediction_date": when.isoformat()})
    assert response.status_code in {200, 422}, response.text


def test_probabilities_are_finite(client):
    answers = client.get("/ranking?market=equity").json()["ranking"]
    assert all(one["probability"] is None or math.isfinite(one["probability"]) for one in answers)


def test_settings_that_cannot_work_are_the_reason_of_every_503(monkeypatch):
    monkeypatch.setenv("FINQ_DEVICE", "gpu")
    reason = "FINQ_DEVICE is 'gpu'; expected one of auto, cpu, cuda."
    with started(None, loaded=False) as client:
        ready = client.get("/ready")
        answer = client.post("/predict", json={"instrument": "AAPL"})
    assert (ready.status_code, ready.json()["reason"]) == (503, reason)
    assert answer.status_code == 503
    assert reason in answer.json()["error"]["message"]
