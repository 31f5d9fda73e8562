"""Every answer carries the headers of safety, and every request leaves one line that nobody else can write."""

from __future__ import annotations

import json
import re
import socket
from typing import Any

import httpx
import pandas as pd
import pytest

from finq_predictor.serving.settings import Settings
from serving.conftest import started, wait_until

ASKED = (
    ("GET", "/", None),
    ("GET", "/docs", None),
    ("GET", "/openapi.json", None),
    ("GET", "/ready", None),
    ("GET", "/readyz", None),
    ("GET", "/livez", None),
    ("GET", "/metrics", None),
    ("GET", "/models", None),
    ("HEAD", "/health", None),
    ("GET", "/ranking?market=fx", None),
    ("POST", "/predict", b'{"instrument": "AAPL"}'),
    ("POST", "/predict", b"{"),
    ("POST", "/predict", b'{"instrument": "NOPE"}'),
    ("POST", "/predict", b" " * 1_100_000),
    ("POST", "/batch_predict", b"{}"),
    ("GET", "/nothing", None),
    ("GET", "/predict", None),
    ("GET", "/predict/", None),
    ("OPTIONS", "/predict", None),
    ("GET", "/" + "a" * 9_000, None),
)


@pytest.mark.slow
def test_every_answer_carries_the_headers(either_server):
    statuses = set()
    for method, path, body in ASKED:
        answer = httpx.request(method, either_server.url + path, content=body, timeout=30)
        statuses.add(answer.status_code)
        headers = answer.headers
        place = f"{method} {path[:40]} {answer.status_code}"
        assert headers["x-content-type-options"] == "nosniff", place
        assert headers["cache-control"] == "no-store", place
        assert "frame-ancestors 'none'" in headers["content-security-policy"], place
        assert headers["x-frame-options"] == "DENY", place
        # A form of a page has to say where it comes from, to us.
        page = headers.get("content-type", "").startswith("text/html")
        assert headers["referrer-policy"] == ("same-origin" if page else "no-referrer"), place
        assert re.fullmatch(r"[0-9a-f]{32}", headers["x-request-id"]), place
        assert not re.search(r"\d", headers.get("server", "")), headers["server"]
        assert "x-powered-by" not in headers
        assert "location" not in headers
    assert statuses == {200, 400, 404, 405, 413, 414, 422}


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith('{"at"')]


@pytest.mark.slow
def test_every_request_leaves_a_line_without_what_was_asked(either_server):
    url = either_server.url
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"X-Request-ID": "order-42", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    answer = httpx.post(f"{url}/predict", json={"instrument": "MSFT"}, headers=headers, timeout=30)
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "order-42"
    httpx.get(f"{url}/ranking?market=fx&secret=hidden", headers={"X-Request-ID": "order-43"}, timeout=30)
    httpx.get(f"{url}/hidden%0Arequest id=forged", headers={"X-Request-ID": "order-44"}, timeout=30)
    batch = {"instruments": ["MSFT", "EUR_USD"]}
    httpx.post(f"{url}/batch_predict", json=batch, headers={"X-Request-ID": "order-45"}, timeout=30)
    wait_until(lambda: "order-45" in either_server.log.read_text(), 10)
    log = either_server.log.read_text()
    lines = {line["request"]: line for line in _lines(log)}
    one = lines["order-42"]
    assert (one["method"], one["route"], one["status"], one["trace"]) == ("POST", "/predict", 200, trace)
    assert (one["models"], one["snapshots"]) == (["equity:logistic@1"], [answer.json()["snapshot"]])
    assert abs(pd.Timestamp(one["at"]) - pd.Timestamp.now("UTC")) < pd.Timedelta(minutes=2)
    assert (lines["order-43"]["route"], lines["order-43"]["models"]) == ("/ranking", ["fx:xgboost@3"])
    assert (lines["order-44"]["route"], lines["order-44"]["status"]) == ("other", 404)
    assert (lines["order-45"]["models"], lines["order-45"]["trace"]) == (["equity:logistic@1", "fx:xgboost@3"], None)
    assert "forged" not in lines
    for asked in ("MSFT", "hidden", "market=fx"):
        assert asked not in log


@pytest.mark.parametrize(
    "given",
    [b"a\tb", b"a b", b'"quoted"', b"<script>", b"x" * 129, b"", b"-first", "\u00e9".encode(), b"a\x0bb", b"${jndi:x}"],
)
def test_an_id_that_is_not_well_formed_is_replaced(client, given):
    made = client.post("/predict", {"instrument": "AAPL"}, headers={"X-Request-ID": given})
    assert re.fullmatch(r"[0-9a-f]{32}", made.headers["x-request-id"])


@pytest.mark.slow
def test_no_bytes_in_a_request_make_a_line_of_their_own(either_server):
    host, port = either_server.url.removeprefix("http://").split(":")
    for raw in (
        b"GET /x HTTP/1.1\r\nHost: a\r\nX-Request-ID: a\x85forged\r\nConnection: close\r\n\r\n",
        b"GET /%0d%0arequest%20id=forged HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"FORGED /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET /x\x00forged HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nX-Request-ID: a\r\n forged\r\nConnection: close\r\n\r\n",
    ):
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(raw)
            while connection.recv(65536):
                pass
    log = either_server.log.read_text()
    assert "forged" not in log.lower(), log[-2000:]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("finq.example.com", 200),
        ("FINQ.example.com:8000", 200),
        ("a.inner.example.org", 200),
        ("inner.example.org", 400),
        ("evil.com", 400),
        ("finq.example.com.evil.com", 400),
        ("finq.example.com@evil.com", 400),
        ("[::1]:80", 400),
        ("", 400),
    ],
)
def test_only_known_names_are_answered_where_they_are_set(two_markets, host, status):
    names = "finq.example.com, *.inner.example.org"
    with started(Settings(data_root=two_markets, allowed_hosts=names)) as client:
        answer = client.get("/ready", headers={"Host": host})
        assert answer.status_code == status
        if status == 400:
            assert answer.json()["error"]["type"] == "unknown_host"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert host == "" or host not in answer.text


def test_any_name_is_answered_where_none_is_set(client):
    assert client.get("/ready", headers={"Host": "anything"}).status_code == 200
