"""The service follows its files for as long as it runs, whatever happens to the files, the machine or the thread."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from finq_predictor.adapters.snapshots.store import SnapshotStore, path_of
from finq_predictor.serving import store as store_module
from finq_predictor.serving.settings import Settings
from serving import small_market
from serving.conftest import started, wait_until
from serving.servers import UVICORN, Server, running
from synthetic_values import make_version

QUICK = {"FINQ_POLL_SECONDS": "0.1", "FINQ_RETRY_SECONDS": "1", "FINQ_WATCH_POLLS": "10"}


@contextmanager
def following(root: Path, folder: Path, **options: Any) -> Iterator[tuple[Server, httpx.Client]]:
    """A server that looks for new files all the time, and a client of it."""
    with (
        running(UVICORN, folder, FINQ_DATA_ROOT=str(root), **QUICK, **options) as server,
        httpx.Client(base_url=server.url, timeout=10) as client,
    ):
        yield server, client


def crown(root: Path, version: str) -> None:
    small_market.crown(root, small_market.champion(root, "equity").registered_as(make_version(version)))


def standing(client: httpx.Client) -> dict:
    answer = client.get("/health")
    assert answer.status_code in {200, 503}
    return answer.json()


def version(client: httpx.Client) -> str | None:
    model = standing(client)["markets"]["equity"]["model"]
    return model and model["version"]


def metric(client: httpx.Client, name: str) -> float:
    (line,) = [line for line in client.get("/metrics").text.splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[1])


def exhaust(server: Server, sockets: ExitStack) -> None:
    """Let other clients take every file descriptor the process may have."""
    _, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    held = len(os.listdir(f"/proc/{server.pid}/fd"))
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (held + 20, hard))
    host, port = server.url.removeprefix("http://").split(":")
    for _ in range(60):
        sockets.enter_context(socket.create_connection((host, int(port)), timeout=5))
    wait_until(lambda: len(os.listdir(f"/proc/{server.pid}/fd")) >= held + 20, 10)


@pytest.mark.slow
def test_a_process_without_file_descriptors_says_so_and_recovers(own_root, tmp_path):
    with following(own_root, tmp_path) as (server, client):
        with ExitStack() as sockets:
            assert version(client) == "1"
            exhaust(server, sockets)
            crown(own_root, "2")
            wait_until(lambda: standing(client)["status"] == "degraded", 15)
            assert version(client) == "1"
            assert "Too many open files" in client.get("/health").text
            sockets.close()
            # As it is for ever: no file changes any more, and the limit stays.
            wait_until(lambda: version(client) == "2", 30)
            assert standing(client)["status"] == "ok"
            assert metric(client, "finq_watch_age_seconds") < 5
        log = server.log.read_text()
        assert 1 <= log.count("Too many open files: ") + log.count("Too many open files\n") < 20, log[-3000:]


@pytest.mark.parametrize("place", ["pointer", "market folder", "model"])
def test_a_loop_of_links_is_told_and_mended(own_root, tmp_path, place):
    folder = SnapshotStore(own_root, "equity").folder
    looped = {"pointer": folder / "current", "market folder": folder, "model": path_of(own_root, "equity", "champion")}
    target, kept = looped[place], tmp_path / "kept"
    with following(own_root, tmp_path) as (server, client):
        if place == "model":
            # The files of a version are read when the pointer changes.
            crown(own_root, "2")
            wait_until(lambda: version(client) == "2", 20)
            target = path_of(own_root, "equity", "champion")
        target.rename(kept)
        target.symlink_to(target.name)
        if place == "model":
            _touch_pointer(own_root)
        wait_until(lambda: standing(client)["status"] == "degraded", 15)
        assert client.post("/predict", json={"instrument": "AAPL"}).status_code == 200
        target.unlink()
        kept.rename(target)
        wait_until(lambda: standing(client)["status"] == "ok", 20)
        crown(own_root, "3")
        wait_until(lambda: version(client) == "3", 20)
        assert server.log.read_text().count("market equity cannot be read") <= 3


def test_a_loop_of_links_at_the_start_is_a_failure_and_no_absence(own_root, tmp_path):
    pointer = SnapshotStore(own_root, "equity").pointer
    pointer.rename(tmp_path / "kept")
    pointer.symlink_to("current")
    with following(own_root, tmp_path, wait_for="/health", ready=(503,)) as (_, client):
        assert standing(client)["markets"]["equity"]["status"] == "failed"
        pointer.unlink()
        (tmp_path / "kept").rename(pointer)
        wait_until(lambda: standing(client)["status"] == "ok", 20)


def _touch_pointer(root: Path) -> None:
    pointer = SnapshotStore(root, "equity").pointer
    os.utime(pointer, ns=(time.time_ns(), time.time_ns()))


@pytest.mark.parametrize("trouble", ["folder in the place of a file", "truncated, put right with the same stamp"])
def test_an_error_that_passes_is_not_held_for_ever(own_root, tmp_path, trouble):
    """The stamp of the pointer does not change when the file it leads to is readable again."""
    with following(own_root, tmp_path) as (_server, client):
        bars = path_of(own_root, "equity", "silver_bars")
        whole, stamp = bars.read_bytes(), bars.stat().st_mtime_ns
        if trouble.startswith("folder"):
            bars.unlink()
            bars.mkdir()
        else:
            bars.write_bytes(whole[:500])
            os.utime(bars, ns=(stamp, stamp))
        crown(own_root, "2")
        wait_until(lambda: standing(client)["status"] == "degraded", 20)
        if bars.is_dir():
            bars.rmdir()
        bars.write_bytes(whole)
        os.utime(bars, ns=(stamp, stamp))
        wait_until(lambda: version(client) == "2", 20)
        assert standing(client)["status"] == "ok"


@pytest.mark.parametrize(
    "error", [MemoryError("no room"), RecursionError("too deep"), OSError(5, "Input/output error")]
)
def test_any_error_of_a_look_is_told_and_tried_again(own_root, monkeypatch, caplog, error):
    whole = store_module.load_market
    failing = threading.Event()

    def load(*given):
        if failing.is_set():
            raise error
        return whole(*given)

    monkeypatch.setattr(store_module, "load_market", load)
    with started(Settings(data_root=own_root, poll_seconds=0.02, retry_seconds=0.2)) as client:
        failing.set()
        crown(own_root, "2")
        wait_until(lambda: client.get("/ready").json()["status"] == "degraded", 20)
        assert str(error) in client.get("/ready").json()["markets"]["equity"]["reason"]
        time.sleep(1)
        failing.clear()
        wait_until(lambda: client.get("/ready").json()["status"] == "ok", 20)
        assert client.post("/predict", {"instrument": "AAPL"}).json()["model"]["version"] == "2"
    assert len([record for record in caplog.records if "cannot be read" in record.message]) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_is_started_again(own_root, monkeypatch):
    whole = store_module.load_market
    deaths = []

    def load(*given):
        if len(deaths) in {1, 2}:
            deaths.append(threading.current_thread())
            raise SystemExit
        return whole(*given)

    monkeypatch.setattr(store_module, "load_market", load)
    with started(Settings(data_root=own_root, poll_seconds=0.02, retry_seconds=0.2)) as client:
        deaths.append(None)
        crown(own_root, "2")
        # Nobody asks for the health of the service meanwhile.
        wait_until(lambda: client.store.get("equity").model["version"] == "2", 30)
        assert len(set(deaths)) == 3
        wait_until(lambda: client.get("/ready").json()["status"] == "ok", 20)


def test_a_look_that_does_not_end_is_told(own_root, tmp_path):
    """A pipe in the place of the pointer is opened for ever."""
    pointer = SnapshotStore(own_root, "equity").pointer
    with following(own_root, tmp_path) as (_server, client):
        content = pointer.read_text()
        pointer.unlink()
        os.mkfifo(pointer)
        wait_until(lambda: standing(client)["status"] == "degraded", 20)
        assert "no look" in standing(client)["reason"].lower()
        assert client.get("/ready").status_code == 200
        assert metric(client, "finq_watch_age_seconds") > 0.5
        # Whoever writes into the pipe ends the look.
        writing = threading.Thread(target=lambda: pointer.write_text(content), daemon=True)
        writing.start()
        writing.join(timeout=10)
        pointer.unlink(missing_ok=True)
        pointer.write_text(content)
        crown(own_root, "2")
        wait_until(lambda: version(client) == "2", 20)


def test_a_market_without_a_run_is_absent_and_one_whose_root_is_a_file_has_failed(tmp_path):
    (tmp_path / "file").write_text("")
    for root, expected in ((tmp_path / "nothing", "absent"), (tmp_path / "file", "failed")):
        with started(Settings(data_root=root, poll_seconds=0.05)) as client:
            states = client.get("/health").json()["markets"].values()
            assert {one["status"] for one in states} == {expected}
    shutil.rmtree(tmp_path / "nothing", ignore_errors=True)
