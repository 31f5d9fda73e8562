"""Spans of requests, as a collector of OpenTelemetry gets them over the wire."""

from __future__ import annotations

import json
import sys

import httpx
import pytest

from finq_predictor.serving import tracing
from finq_predictor.serving.settings import AuthMode, Settings
from finq_predictor.serving.tracing import VARIABLES, Request, part, tracing_of
from serving.access.doors import make_door
from serving.collector import collecting, plain_of
from serving.conftest import started
from serving.servers import BENTO, UVICORN, free_port, running

try:
    import opentelemetry.exporter.otlp.proto.http  # noqa: F401 - only whether it is there
except ImportError:
    exported = False
else:
    exported = True
needs_the_extra = pytest.mark.skipif(not exported, reason="the extra `otel` is not installed")
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ABOVE = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "desk=7"}
SERVER, INNER, FAILED = 2, 1, 2


@pytest.fixture
def collector():
    with collecting() as found:
        yield found


@pytest.fixture
def named(collector, monkeypatch):
    """A collector that is named by the variables of this process, and is sent to at once."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    return collector


@needs_the_extra
def test_each_request_is_a_span_below_that_of_its_client(named, two_markets, capsys):
    with started(Settings(data_root=two_markets, cache_bars=1)) as client:
        short = client.post("/predict", {"instrument": "AAPL"}, headers={**ABOVE, "X-Request-ID": "short-1"})
        asked = {"instrument": "EUR_USD", "prediction_date": "2024-01-12"}
        long = client.post("/v1/predict", asked, headers=ABOVE)
        wrong = client.get("/ranking?market=none&secret=in-the-query")
        spans = named.wait(lambda found: sum(one.kind == SERVER for one in found) >= 3)
    assert (short.status_code, long.status_code, wrong.status_code) == (200, 200, 404)
    first, second, third = sorted(
        (one for one in spans if one.kind == SERVER), key=lambda one: one.start_time_unix_nano
    )
    assert [one.name for one in (first, second, third)] == ["POST /predict", "POST /predict", "GET /ranking"]
    for one in (first, second):
        assert (one.trace_id.hex(), one.parent_span_id.hex(), one.trace_state) == (TRACE, PARENT, "desk=7")
    assert plain_of(first.attributes) == {
        "http.request.method": "POST",
        "http.route": "/predict",
        "http.response.status_code": 200,
        "finq.request_id": "short-1",
        "finq.models": ["equity:logistic@1"],
        "finq.snapshots": [short.json()["snapshot"]],
    }
    assert plain_of(second.attributes)["finq.request_id"] == long.json()["request_id"]
    inner = [one for one in spans if one.kind == INNER]
    assert {one.name for one in inner} == {"features", "model", "record"}, "what took its time on the long way"
    assert {one.parent_span_id for one in inner} == {second.span_id}
    assert all(second.start_time_unix_nano <= one.start_time_unix_nano <= one.end_time_unix_nano for one in inner)
    assert (third.parent_span_id, third.status.code) == (b"", 0), "an error of the client is none of the server"
    assert named.services == {"finq-api"}
    assert b"in-the-query" not in b"".join(named.bodies)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith('{"at"')]
    traces = [line["trace"] for line in lines if line["event"] == "request"]
    assert traces == [TRACE, TRACE, third.trace_id.hex()], "a line of the log leads to its span"


@needs_the_extra
def test_nothing_secret_is_in_a_span(named, two_markets, tmp_path):
    for folder in two_markets.iterdir():
        (tmp_path / folder.name).symlink_to(folder)
    door = make_door(tmp_path)
    secrets = [*door.keys.values(), "a-users-label", "only-in-the-body"]
    with started(Settings(data_root=tmp_path, auth=AuthMode.ON)) as client:
        for name in ("the-predictor", "fx-desk"):
            for body in ({"instrument": "EUR_USD", "user_id": secrets[-2]}, {"instrument": secrets[-1]}):
                client.post("/predict", body, headers={**door.bearer(name), "Cookie": f"finq={door.keys[name]}"})
        client.get(f"/ranking?market={secrets[-1]}", headers={"X-API-Key": door.keys["the-viewer"]})
        named.wait(lambda found: sum(one.kind == SERVER for one in found) >= 5)
    sent = b"".join(named.bodies)
    assert not [secret for secret in secrets if secret.encode() in sent]
    assert not [name for name in door.keys if name.encode() in sent], "who asked is in our own log and store"


@needs_the_extra
def test_a_client_who_wants_no_span_gets_none(named, two_markets):
    with started(Settings(data_root=two_markets)) as client:
        client.post("/predict", {"instrument": "AAPL"}, headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
        client.post("/predict", {"instrument": "AAPL"}, headers={"traceparent": "00-no-such-thing"})
        (one,) = named.wait(len)
    assert (one.trace_id.hex() != TRACE, one.parent_span_id) == (True, b"")


@needs_the_extra
def test_a_failure_of_ours_is_marked_and_whose_answer_it_was_is_told(named):
    made = tracing_of()
    with tracing.noting() as parts:
        for _ in range(100):
            with part("features"):
                pass
    assert made.told(Request("r", "GET", "/history", 503, 0.01, (), "challenger"), [], parts) is not None
    made.stop()
    (server,) = [one for one in named.spans if one.kind == SERVER]
    assert server.status.code == FAILED
    assert plain_of(server.attributes)["finq.arm"] == "challenger"
    assert len(named.spans) == 1 + 64, "of a batch of hundreds of bars a few are enough"


@needs_the_extra
def test_a_collector_that_is_gone_costs_no_request(two_markets, monkeypatch, caplog):
    monkeypatch.setattr(tracing, "_STOP_S", 0.05)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    for name, value in (("SCHEDULE_DELAY", "1"), ("MAX_QUEUE_SIZE", "4"), ("MAX_EXPORT_BATCH_SIZE", "2")):
        monkeypatch.setenv(f"OTEL_BSP_{name}", value)
    with started(Settings(data_root=two_markets)) as client:
        answers = [client.post("/predict", {"instrument": "AAPL"}).status_code for _ in range(50)]
        answers += [client.get("/ranking?market=fx").status_code for _ in range(20)]
        assert client.get("/health").json()["status"] == "ok", "and is nothing that an answer leans on"
    assert answers == [200] * 70
    said = [one for one in caplog.records if one.name.startswith("opentelemetry.exporter")]
    assert len(said) <= len({one.msg for one in said}), "the same words are said once a minute"


@needs_the_extra
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "expected http/protobuf"),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "1"}, "OTEL_ variables that are set"),
    ],
)
def test_what_cannot_work_is_told_and_nothing_is_traced(named, monkeypatch, caplog, given, words):
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert tracing_of() is None
    assert words in caplog.text


def test_without_the_extra_it_is_told_and_nothing_is_traced(monkeypatch, caplog):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    assert tracing_of() is None
    assert "install the extra `otel`" in caplog.text


@pytest.mark.parametrize(
    "given",
    [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": " "}]
    + [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", **off}
        for off in ({"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"})
    ],
)
def test_who_names_no_collector_gets_none(given):
    assert tracing_of(given) is None


@needs_the_extra
@pytest.mark.parametrize(
    "command", [pytest.param(UVICORN, id="uvicorn"), pytest.param(BENTO, id="bentoml", marks=pytest.mark.proof)]
)
def test_a_server_sends_what_it_answered_before_it_ends(command, two_markets, tmp_path, collector):
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_SERVICE_NAME": "desk-api"}
    told |= {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip", "FINQ_RECORD": "false", "FINQ_DATA_ROOT": str(two_markets)}
    with running(command, tmp_path, seconds=240.0, **told) as server:
        answer = httpx.post(f"{server.url}/predict", json={"instrument": "AAPL"}, headers=ABOVE)
        assert answer.status_code == 200
    (span,) = [one for one in collector.spans if one.name == "POST /predict"]
    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.kind) == (TRACE, PARENT, SERVER)
    assert collector.services == {"desk-api"}


def test_the_variables_are_those_of_the_specification():
    from opentelemetry.sdk import environment_variables as known

    assert [name for name in VARIABLES if getattr(known, name, None) != name] == []
