"""What the service says about itself is so: its health, who left early, which files, and one model for each answer."""

from __future__ import annotations

import itertools
import json
import shutil
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest

import finq_predictor
from finq_predictor.adapters.snapshots.store import SnapshotStore, path_of
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.serving.reasons import Reasons
from finq_predictor.serving.settings import Settings
from serving import small_market
from serving.conftest import started, wait_until
from serving.servers import BENTO, UVICORN, running
from synthetic_values import make_version

SOURCE = Path(finq_predictor.__file__).parent.parent
PROBES = ("/ready", "/readyz", "/health", "/healthz", "/livez")
PAGES = ("/", *PROBES, "/models", "/metrics", "/ranking", "/docs", "/nothing")
BOTH = {"requests": [{"instrument": "AAPL"}, {"instrument": "no"}]}


@pytest.mark.slow
@pytest.mark.parametrize("command", [BENTO, UVICORN], ids=["bentoml", "uvicorn"])
def test_every_probe_tells_the_same(own_root, tmp_path, command):
    pointer = SnapshotStore(own_root, "equity").pointer
    content = pointer.read_text()
    pointer.write_text("nothing\n")
    variables = {"FINQ_DATA_ROOT": str(own_root), "FINQ_POLL_SECONDS": "0.1", "FINQ_RETRY_SECONDS": "0.2"}
    with (
        running(command, tmp_path, wait_for="/health", ready=(503,), **variables) as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):
        for expected, status in (("unavailable", 503), ("ok", 200), ("degraded", 200)):
            wait_until(lambda wanted=expected: client.get("/health").json()["status"] == wanted, 30)
            told = {path: client.get(path) for path in PROBES}
            assert {path: one.json()["status"] for path, one in told.items()} == dict.fromkeys(told, expected)
            assert {path: one.status_code for path, one in told.items()} == {
                **dict.fromkeys(("/health", "/ready", "/readyz"), status),
                # Starting the process again would mend nothing.
                **dict.fromkeys(("/livez", "/healthz"), 200),
            }
            pointer.write_text(content if expected == "unavailable" else "nothing\n")
        assert client.get("/schema.json").status_code == client.get("/static_content/x").status_code == 404


def _leave(url: str, request: bytes, seconds: float) -> None:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        time.sleep(seconds)


@pytest.mark.slow
def test_a_client_that_leaves_is_recorded_and_no_failure(either_server):
    bars = {
        "market": "equity",
        "prediction_dates": [f"2022-0{month}-{day:02d}" for month in (1, 2, 3) for day in range(1, 29)],
    }
    body = json.dumps(bars).encode()
    half = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"
    whole = b"POST /batch_predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    url, told = either_server.url, len(either_server.log.read_text())
    _leave(url, half, 0.2)
    _leave(url, whole, 0.2)
    counted = 'finq_prediction_requests_total{route="%s",status="499"} 1.0'

    def both() -> bool:
        text = httpx.get(f"{url}/metrics", timeout=10).text
        # A request is counted before its line is in the file.
        lines = either_server.log.read_text()[told:].count('"status":499')
        return lines >= 2 and all(counted % route in text for route in ("/predict", "/batch_predict"))

    wait_until(both, 20)
    assert 'status="500"' not in httpx.get(f"{url}/metrics", timeout=10).text
    log = either_server.log.read_text()[told:]
    assert log.count('"status":499') == 2, log[-3000:]
    for word in ("Traceback", "ClientDisconnect", "CancelledError", "ERROR"):
        assert word not in log, log[-3000:]


def test_what_waits_for_the_answer_is_not_left_waiting_by_a_client_that_left(client):
    """BentoML waited a minute for an answer to begin; a server that was told to stop did not until then."""
    scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": b"", "headers": []}
    scope["client"] = ("127.0.0.1", 1)
    sent = []

    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    client.run(client.app(scope, receive, send))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == 499


def _nothing(root: Path) -> None:
    shutil.rmtree(root)
    root.mkdir()


def _no_folder(root: Path) -> None:
    shutil.rmtree(root)


def _pointer(root: Path) -> None:
    SnapshotStore(root, "equity").pointer.write_text("nothing\n")


def _loop(root: Path) -> None:
    pointer = SnapshotStore(root, "equity").pointer
    pointer.unlink()
    pointer.symlink_to("current")


def _manifest(root: Path) -> None:
    store = SnapshotStore(root, "equity")
    (store.folder / f"{store.newest().id}.json").write_text("{}")


def _bars(root: Path) -> None:
    path_of(root, "equity", "silver_bars").write_bytes(b"PAR1 not")


def _no_bars(root: Path) -> None:
    path_of(root, "equity", "silver_bars").unlink()


def _model(root: Path) -> None:
    (path_of(root, "equity", "champion") / "model.json").write_text("{}")


def _no_model(root: Path) -> None:
    shutil.rmtree(path_of(root, "equity", "champion"))


def _half_model(root: Path) -> None:
    (path_of(root, "equity", "champion") / "bundle.json").unlink()


FAILURES = (_nothing, _no_folder, _pointer, _loop, _manifest, _bars, _no_bars, _model, _no_model, _half_model)


@pytest.mark.parametrize("damage", FAILURES)
@pytest.mark.parametrize("when", ["before the start", "while it runs"])
def test_no_answer_tells_where_files_lie(own_root, damage, when):
    """All of it in a folder whose name is nowhere else, with a space in it."""
    root = own_root.parent / "a secret place" / "data"
    root.parent.mkdir()
    own_root.rename(root)
    if when == "before the start":
        damage(root)
    with started(Settings(data_root=root, poll_seconds=0.02, retry_seconds=0.1)) as client:
        if when == "while it runs":
            damage(root)
            pointer = SnapshotStore(root, "equity").pointer
            if pointer.exists():
                pointer.write_text(pointer.read_text() + " ")
            wait_until(lambda: client.store.problems(), 20)
            (problem,) = list(client.store.problems().values())[:1]
            assert problem
        texts = {path: client.get(path).text for path in PAGES}
        texts["predict"] = client.post("/predict", {"instrument": "AAPL", "market": "equity"}).text
        texts["any"] = client.post("/predict", {"instrument": "AAPL"}).text
        texts["batch"] = client.post(
            "/batch_predict", {"requests": [{"instrument": "AAPL"}, {"instrument": "no"}]}
        ).text
    for path, text in texts.items():
        for place in (str(root), "secret", str(SOURCE), str(Path.home()) + "/", str(own_root.parent), "site-packages"):
            assert place not in text, (path, text)
    assert "\n" not in texts["/ready"]


def test_settings_that_cannot_work_tell_no_path(monkeypatch, tmp_path):
    monkeypatch.setenv("FINQ_DATA_ROOT", str(tmp_path))
    monkeypatch.setenv("FINQ_POLL_SECONDS", f"{tmp_path}/secret place")
    with started(None, loaded=False) as client:
        for path in (*PAGES, "/ranking?market=equity"):
            assert str(tmp_path) not in client.get(path).text
        assert "FINQ_POLL_SECONDS" in client.get("/ready").text


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("No champion below /srv/my data; run", "No champion below the folder of the data; run"),
        ("/srv/my data/02_silver/fx/bars.parquet cannot be read", "02_silver/fx/bars.parquet cannot be read"),
        (
            "[Errno 40] Too many levels: '/srv/my data/snapshots/fx/current'",
            "[Errno 40] Too many levels: 'snapshots/fx/current'",
        ),
        ("File '/opt/other/place/lib.so': no", "File 'lib.so': no"),
        (f"at {SOURCE}/finq_predictor/serving/app.py line 3", "at app.py line 3"),
        ("/srv/my database/x", "my database/x"),
        ("a share of 3/4, EUR/USD, 2024/01/31, and/or", "a share of 3/4, EUR/USD, 2024/01/31, and/or"),
        ("see https://example.com/a/b", "see https://example.com/a/b"),
    ],
)
def test_reasons_name_files_as_they_lie_in_the_data(given, expected):
    told = Reasons(Path("/srv/my data")).told(given)
    if given == "/srv/my database/x":
        assert "/srv" not in told
    else:
        assert told == expected


@pytest.mark.slow
def test_no_batch_mixes_two_snapshots(own_root):
    """Bars and champions change all the time; a batch over both markets sees one state of each."""
    states: dict[str, list[str]] = {}
    for name, bars in (("equity", 335), ("fx", 405)):
        store, market = SnapshotStore(own_root, name), MARKETS[name]
        states[name] = [store.newest().id]
        small_market.write_silver(own_root, market, small_market.silver(market, bars, 7))
        small_market.crown(own_root, small_market.champion(own_root, name).registered_as(make_version("7")))
        states[name].append(store.newest().id)
    stop = threading.Event()

    def publish() -> None:
        for turn in itertools.count():
            for name, ids in states.items():
                SnapshotStore(own_root, name).roll_back(ids[turn % 2], by="a test")
            if stop.wait(0.5):
                return

    asked = {"requests": [{"instrument": name} for name in ("AAPL", "EUR_USD", "MSFT", "USD_JPY")] * 1000}
    snapshots = set()
    with started(Settings(data_root=own_root, poll_seconds=0.01)) as client:
        publishing = threading.Thread(target=publish, daemon=True)
        publishing.start()
        try:
            end = time.monotonic() + 60
            while time.monotonic() < end and len(snapshots) < 16:
                answer = client.post("/batch_predict", asked).json()
                seen = {(one["market"], one["snapshot"], one["model"]["version"]) for one in answer["predictions"]}
                bars = {(one["market"], one["feature_ts"]) for one in answer["predictions"]}
                assert sorted(market for market, *_ in seen) == list(states), seen
                assert sorted(market for market, *_ in bars) == list(states), bars
                snapshots |= seen
        finally:
            stop.set()
            publishing.join(timeout=30)
    assert len(snapshots) > 4, "the files did not change while batches were answered"
