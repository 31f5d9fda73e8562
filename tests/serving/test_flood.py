"""No request holds up the others: what an anonymous client can send is sent in a loop while another one is timed."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import httpx
import pandas as pd
import pytest

from finq_predictor.domain.market.markets import MARKETS
from serving import small_market
from serving.servers import UVICORN, Server, running

NAMES = tuple(f"{a}{b}{c}X" for a in "ABCDEF" for b in "GHIJKLM" for c in "NOPQ")
ATTACKERS = 4
SECONDS = 1.5
WORST_S = 0.5
JSON = {"Content-Type": "application/json"}
DAYS = [day.date().isoformat() for day in pd.bdate_range("2021-06-01", periods=390)]
Sent = tuple[str, str, bytes, dict[str, str]]


@pytest.fixture(scope="module")
def wide(tmp_path_factory) -> Path:
    """A data root of one market with as many names as near misses need to be dear."""
    root = tmp_path_factory.mktemp("wide")
    market = MARKETS["equity"]
    tables = small_market.silver(market, 330, 7, NAMES)
    small_market.write_silver(root, market, tables)
    small_market.crown(root, small_market.train(market, small_market.panel_of(market, tables)))
    return root


@pytest.fixture(scope="module")
def server(wide, tmp_path_factory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with running(UVICORN, folder, FINQ_DATA_ROOT=str(wide), FINQ_MARKETS="equity") as server:
        yield server


def _post(path: str, body: object, **headers: str) -> Sent:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return "POST", path, content, {**JSON, **headers}


def _batch(body: object, **headers: str) -> Sent:
    return _post("/batch_predict", body, **headers)


def _near_misses() -> Sent:
    return _batch({"instruments": [f"{one}{letter}" for one in NAMES for letter in "YZ0123456789"]})


ATTACKS: dict[str, Callable[[], list[Sent]]] = {
    "near misses": lambda: [_near_misses()],
    "one near miss": lambda: [_post("/predict", {"instrument": f"{one}0"}) for one in NAMES],
    "numbers for names": lambda: [_batch(b'{"instruments":[' + b"1," * 500_000 + b"1]}")],
    "empty names": lambda: [_batch(b'{"instruments":[' + b'"",' * 9_000 + b'""]}')],
    "wrong dates": lambda: [_batch({"instruments": ["AGNX"], "prediction_dates": ["x"] * 9_999})],
    "empty objects": lambda: [_batch(b'{"requests":[' + b"{}," * 300_000 + b"{}]}")],
    "fields of requests": lambda: [_batch({"requests": [{f"{n}": 1 for n in range(15)}] * 5_000})],
    "many fields": lambda: [_post("/predict", {f"{n}": 1 for n in range(80_000)})],
    "the same field again": lambda: [_post("/predict", b"{" + b'"a":1,' * 150_000 + b'"a":1}')],
    "deep arrays": lambda: [_post("/predict", b"[" * 900_000), _post("/predict", b'{"a":' * 200_000)],
    "arrays as deep as is read": lambda: [_post("/predict", b'{"instrument":' + b"[" * 900 + b"]" * 900 + b"}")],
    "huge numbers": lambda: [_post("/predict", b'{"instrument":' + b"9" * 1_000_000 + b"}")],
    "a long string": lambda: [_post("/predict", {"instrument": "A" * 1_000_000})],
    "a long field": lambda: [_post("/predict", {"A" * 1_000_000: 1})],
    "unicode": lambda: [_batch({"instruments": ["\U0001f4a9\u202e\u0130" * 20] * 5_000})],
    "many distinct dates": lambda: [_batch({"instruments": ["AGNX"], "prediction_dates": _minutes(9_999)})],
    "cold bars": lambda: [_batch({"market": "equity", "prediction_dates": DAYS[:100]})],
    "everything at every bar": lambda: [_batch({"market": "equity", "prediction_dates": DAYS[:59]})],
    "cold bars, one by one": lambda: [_post("/predict", {"instrument": "AGNX", "timestamp": day}) for day in DAYS],
    "rankings": lambda: [("GET", "/ranking", b"", {}), ("GET", "/", b"", {})],
    "query parameters": lambda: [("GET", "/ranking?" + "&".join(f"a{n}=1" for n in range(8_000)), b"", {})],
    "a long path": lambda: [("GET", "/" + "a" * 8_000, b"", {}), ("GET", "/ranking?market=" + "e" * 8_000, b"", {})],
    "compressed": lambda: [_batch(gzip.compress(b" " * 100_000_000), **{"Content-Encoding": "gzip"})],
    "another type": lambda: [_post("/predict", b"a=1&" * 200_000, **{"Content-Type": "multipart/form-data"})],
    "methods and routes": lambda: [(f"M{n}", f"/r{n}", b"", {}) for n in range(500)],
    "documents": lambda: [("GET", path, b"", {}) for path in ("/docs", "/openapi.json", "/metrics", "/models")],
}


def _minutes(number: int) -> list[str]:
    return [str(one) for one in pd.date_range("2022-03-01", periods=number, freq="min", tz="UTC")]


def _connection(server: Server) -> http.client.HTTPConnection:
    host, port = server.url.removeprefix("http://").split(":")
    return http.client.HTTPConnection(host, int(port), timeout=60)


def _send(connection: http.client.HTTPConnection, sent: Sent) -> int:
    method, path, body, headers = sent
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def _flood(server: Server, requests: list[Sent], stop: threading.Event, statuses: list[int]) -> None:
    connection = _connection(server)
    for sent in cycle(requests):
        if stop.is_set():
            break
        try:
            statuses.append(_send(connection, sent))
        except (OSError, http.client.HTTPException):
            connection.close()
            connection = _connection(server)
    connection.close()


def _delays(server: Server, seconds: float) -> list[float]:
    """How long cheap requests take, one after the other."""
    cheap = cycle([("GET", "/health", b"", {}), _post("/predict", {"instrument": "AGNX"})])
    connection, delays, end = _connection(server), [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        assert _send(connection, next(cheap)) == 200
        delays.append(time.perf_counter() - started)
        time.sleep(0.005)
    connection.close()
    return delays


def _memory(server: Server) -> int:
    (line,) = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{server.pid}/status").read_text())
    return int(line) // 1024


@pytest.mark.parametrize("name", ATTACKS)
def test_nobody_waits_for_what_another_one_sends(server, name, record_property):
    requests, before = ATTACKS[name](), _memory(server)
    stop, statuses = threading.Event(), []
    attackers = [
        threading.Thread(target=_flood, args=(server, requests, stop, statuses), daemon=True) for _ in range(ATTACKERS)
    ]
    for attacker in attackers:
        attacker.start()
    try:
        delays = sorted(_delays(server, SECONDS))
    finally:
        stop.set()
        for attacker in attackers:
            attacker.join(timeout=60)
    worst, usual = delays[-1], delays[len(delays) // 2]
    grown = _memory(server) - before
    figures = f"worst {1e3 * worst:.0f} ms, half {1e3 * usual:.1f} ms, {grown:+d} MB, {sorted(set(statuses))}"
    print(f"\n{name}: {figures}")
    record_property("figures", figures)
    assert worst < WORST_S, figures
    assert grown < 200, figures
    assert statuses
    assert not [status for status in statuses if status == 500], figures
    assert os.path.exists(f"/proc/{server.pid}")
    assert httpx.get(f"{server.url}/ready", timeout=10).json()["status"] == "ok"


def test_no_more_wait_than_there_is_room_for(wide, tmp_path):
    variables = {"FINQ_MARKETS": "equity", "FINQ_WORK_THREADS": "1", "FINQ_WORK_WAITING": "1"}
    answers: list[httpx.Response] = []
    with running(UVICORN, tmp_path, FINQ_DATA_ROOT=str(wide), **variables) as server:

        def ask(number: int) -> None:
            body = {"market": "equity", "prediction_dates": DAYS[number * 30 : number * 30 + 30]}
            answers.append(httpx.post(f"{server.url}/batch_predict", json=body, timeout=60))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        remembered = [httpx.post(f"{server.url}/predict", json={"instrument": "AGNX"}, timeout=10) for _ in range(5)]
        for thread in threads:
            thread.join(timeout=60)
        assert {one.status_code for one in remembered} == {200}
        refused = [one for one in answers if one.status_code == 503]
        assert 200 in {one.status_code for one in answers}
        assert refused
        assert {one.json()["error"]["type"] for one in refused} == {"overloaded"}
        assert all(int(one.headers["retry-after"]) > 0 for one in refused)
        assert httpx.post(f"{server.url}/batch_predict", json={"instruments": ["AGNX"]}, timeout=10).status_code == 200
        # Routes and methods that do not exist make no series of their own.
        for number in range(50):
            httpx.request("GET", f"{server.url}/none{number}", timeout=10)
        text = httpx.get(f"{server.url}/metrics", timeout=10).text
        assert "none" not in text
        assert len({line.split(" ")[0] for line in text.splitlines() if line.startswith("finq_")}) < 400
