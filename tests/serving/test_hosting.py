"""What a started server opens to others, what it reads from them, and what is left of it when it is killed."""

from __future__ import annotations

import os
import pickle
import re
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path

import httpx
import psutil
import pytest

from finq_predictor.serving.access.callers import Role
from finq_predictor.serving.access.store import open_store
from finq_predictor.serving.hosting import why_closed
from serving.parity import TOLERANCE, largest_difference
from serving.servers import BENTO, BIN, UVICORN, free_port, running

pytestmark = pytest.mark.slow

PICKLE = "application/vnd.bentoml+pickle"
WITHOUT_HOST = (str(BIN / "bentoml"), "serve", "finq_predictor.serving.service:Api", "--port")


class Deed:
    """What a pickle does to whoever reads it."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self):
        return (Path.touch, (self.file,))


def family(pid: int) -> list[psutil.Process]:
    """A process and all that it started."""
    first = psutil.Process(pid)
    return [first, *first.children(recursive=True)]


def addresses(pid: int) -> set[tuple[str, int]]:
    """Where the processes of a server listen to the network."""
    return {
        (connection.laddr.ip, connection.laddr.port)
        for one in family(pid)
        for connection in one.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN or connection.type == socket.SOCK_DGRAM
    }


def port_of(server) -> int:
    return int(server.url.rpartition(":")[2])


@pytest.fixture(scope="module")
def hopping(two_markets, tmp_path_factory):
    """A server of two workers that hop to the inference service."""
    folder = tmp_path_factory.mktemp("hopping")
    variables = {"FINQ_DATA_ROOT": str(two_markets), "FINQ_WORKERS": "2", "FINQ_INFERENCE": "service"}
    with running(BENTO, folder, seconds=240.0, FINQ_DEVICE="auto", **variables) as server:
        yield server


@pytest.mark.parametrize(("name", "inference"), [("bentoml_server", "in_process"), ("hopping", "service")])
def test_a_server_listens_on_one_port_and_its_sockets_lie_where_nobody_else_can_enter(name, inference, request):
    """Two ports took commands to start any program as the user of the service, from whoever can log in."""
    server = request.getfixturevalue(name)
    assert addresses(server.pid) == {("127.0.0.1", port_of(server))}
    paths = {Path(one.laddr) for process in family(server.pid) for one in process.net_connections("unix")}
    listening = {path for path in paths if path.is_absolute() and path.exists()}
    assert {path.name for path in listening} >= {"control", "events"}
    names = " ".join(word for process in family(server.pid) for word in process.cmdline())
    assert ("finq-inference" in names) == (inference == "service"), "it runs where it is asked"
    for path in listening:
        closed = path.parent.stat()
        assert stat.S_IMODE(closed.st_mode) == 0o700, path
        assert closed.st_uid == os.getuid()


def test_what_comes_through_the_inference_service_is_what_the_batch_says(hopping, two_markets):
    def post(path, body):
        response = httpx.post(hopping.url + path, json=body, timeout=30)
        response.raise_for_status()
        return response.json()

    for market in ("equity", "fx"):
        assert largest_difference(post, two_markets, market) <= TOLERANCE
    text = httpx.get(f"{hopping.url}/metrics", timeout=30).text
    assert not re.search(r"finq_inference_fallbacks_total\{.*\} [1-9]", text), text


@pytest.fixture(scope="module")
def over_tcp(two_markets, tmp_path_factory):
    """A server whose services speak over ports, as where there are no unix sockets."""
    folder = tmp_path_factory.mktemp("over_tcp")
    variables = {"FINQ_DATA_ROOT": str(two_markets), "FINQ_INFERENCE": "service", "BENTOML_NO_UDS": "1"}
    with running(BENTO, folder, seconds=240.0, **variables) as server:
        (other,) = {port for _, port in addresses(server.pid)} - {port_of(server)}
        yield server, f"http://127.0.0.1:{other}"


def test_the_inference_service_reads_no_pickle(over_tcp, tmp_path):
    _, inference = over_tcp
    for media_type in (PICKLE, PICKLE.upper(), f"{PICKLE}; charset=utf-8", "multipart/form-data", "text/plain"):
        content = pickle.dumps({"questions": Deed(tmp_path / "done")})
        headers = {"content-type": media_type}
        answer = httpx.post(f"{inference}/score", content=content, headers=headers, timeout=30)
        assert not (tmp_path / "done").exists(), "the pickle was run"
        assert answer.status_code == 415, media_type
    answer = httpx.post(f"{inference}/device", json={}, timeout=30)
    assert answer.json()["device"] in ("cpu", "cuda"), "what the API sends is read"


def test_the_hop_works_without_pickles(over_tcp):
    server, _ = over_tcp
    for instrument in ("AAPL", "EUR_USD"):
        answer = httpx.post(f"{server.url}/predict", json={"instrument": instrument}, timeout=30)
        assert answer.status_code == 200, answer.text
    text = httpx.get(f"{server.url}/metrics", timeout=30).text
    assert "finq_inference_fallbacks_total{" not in text, "nothing was scored in process"


@pytest.mark.parametrize("path", ["/predict", "/batch_predict", "/metrics", "/schema.json", "/nowhere"])
def test_the_api_answers_no_pickle(path, over_tcp, tmp_path):
    server, _ = over_tcp
    content = pickle.dumps(Deed(tmp_path / "done"))
    answer = httpx.post(server.url + path, content=content, headers={"content-type": PICKLE}, timeout=30)
    ours = path in ("/predict", "/batch_predict", "/metrics")
    assert answer.status_code == 415 if ours else 400 <= answer.status_code < 500
    assert not (tmp_path / "done").exists()


def test_a_pickle_is_told_what_to_be_and_counted(client):
    answer = client.post("/predict", content=b"x", headers={"content-type": PICKLE})
    assert answer.status_code == 415
    assert answer.json()["error"]["type"] == "media_type"
    assert "application/json" in answer.json()["error"]["message"]
    assert 'finq_prediction_errors_total{route="/predict",type="media_type"}' in client.get("/metrics").text
    plain = client.post("/predict", content=b'{"instrument": "AAPL"}', headers={"content-type": "text/plain"})
    assert plain.status_code == 200, "what curl calls a body by itself is read as ever"


def test_a_bento_that_is_told_nothing_listens_to_this_machine_alone(project_path, two_markets, tmp_path):
    command = (str(BIN / "bentoml"), "serve", str(project_path / "bentos"), "-p")
    with running(command, tmp_path, FINQ_DATA_ROOT=str(two_markets), FINQ_MARKETS="fx") as server:
        assert addresses(server.pid) == {("127.0.0.1", port_of(server))}


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_public_server_is_one_only_when_it_is_intended(host, two_markets, tmp_path):
    variables = {"FINQ_DATA_ROOT": str(two_markets), "FINQ_MARKETS": "fx", "BENTOML_HOST": host}
    done = subprocess.run(
        [*WITHOUT_HOST, str(free_port())],
        env={**os.environ, **variables, "BENTOML_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode != 0
    assert f"would listen on {host}, where others can reach it" in done.stdout + done.stderr
    assert "finq auth add NAME --role admin" in done.stdout + done.stderr
    assert "FINQ_AUTH=off" in done.stdout + done.stderr
    if host == "0.0.0.0":
        with running(WITHOUT_HOST, tmp_path, FINQ_AUTH="off", seconds=240.0, **variables) as server:
            assert addresses(server.pid) == {(host, port_of(server))}


def test_whoever_has_accounts_may_be_reached(tmp_path, monkeypatch):
    monkeypatch.setenv("FINQ_DATA_ROOT", str(tmp_path))
    for mode in ("auto", "on"):
        monkeypatch.setenv("FINQ_AUTH", mode)
        assert "finq auth add NAME" in why_closed()
    monkeypatch.setenv("FINQ_AUTH", "off")
    assert why_closed() is None, "that was said"
    monkeypatch.setenv("FINQ_AUTH", "sometimes")
    assert "expected one of on, off, auto" in why_closed()
    monkeypatch.delenv("FINQ_AUTH")
    open_store(tmp_path, make=True).add_account("first", Role.ADMIN)
    assert why_closed() is None


def killed(server) -> None:
    """Kill a server, and see that nothing of it lives on."""
    children = psutil.Process(server.pid).children(recursive=True)
    assert len(children) >= 2
    os.kill(server.pid, signal.SIGKILL)
    end = time.monotonic() + 20
    while any(_lives(child) for child in children) and time.monotonic() < end:
        time.sleep(0.1)
    assert [child for child in children if _lives(child) and "tracker" not in " ".join(child.cmdline())] == []
    # A connection may still be taken out of the queue of a port whose process is going: it is reset, not answered.
    with pytest.raises(httpx.TransportError):
        httpx.get(server.url, timeout=5)
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", port_of(server)))


def test_nothing_is_left_of_a_plain_server_that_is_killed(two_markets, tmp_path):
    variables = {"FINQ_DATA_ROOT": str(two_markets), "FINQ_MARKETS": "fx"}
    with running(UVICORN, tmp_path, arguments=("--workers", "2"), **variables) as server:
        killed(server)


def test_nothing_is_left_of_a_server_that_is_killed_and_the_next_one_clears_its_folder(
    two_markets, tmp_path, short_folder
):
    variables = {"FINQ_DATA_ROOT": str(two_markets), "FINQ_MARKETS": "fx", "TMPDIR": str(short_folder)}
    with running(WITHOUT_HOST, tmp_path, seconds=240.0, FINQ_WORKERS="2", **variables) as server:
        assert addresses(server.pid) == {("127.0.0.1", port_of(server))}, "it was told nothing"
        (left,) = short_folder.glob("finq-serving-*")
        killed(server)
    assert left.is_dir()
    with running(BENTO, tmp_path, **variables):
        (present,) = short_folder.glob("finq-serving-*")
        assert present != left
    assert list(short_folder.glob("finq-serving-*")) == [], "one that ends in good order clears away its own"


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
