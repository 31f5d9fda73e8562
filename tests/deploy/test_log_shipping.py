"""Lines of JSON reach whoever collects them, through a real syslog-ng and the file that is deployed, once each."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from debian_servers import installed
from finq_predictor.adapters.log_lines import JsonLine
from log_laws import lawful
from postgres_server import free_port

LINES = [
    {
        "at": "2024-01-02T03:04:05.000001+00:00",
        "event": "node",
        "message": 'a "b" \\ é',
        "run": "r-1",
        "rows": 3,
        "level": "INFO",
    },
    {
        "at": "2024-01-02T03:04:06+00:00",
        "event": "request",
        "level": "INFO",
        "request": "q-1",
        "status": 200,
        "ms": 0.75,
        "user": None,
    },
]


class Sink(ThreadingHTTPServer):
    """Takes bulk requests as Elasticsearch does; what it was told to refuse first it refuses."""

    def __init__(self, port: int, refusals: tuple[int, ...]) -> None:
        self.refusals, self.kept, self.asked = list(refusals), {}, 0
        super().__init__(("127.0.0.1", port), Taking)


class Taking(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(200, {"version": {"number": "8.0.0"}})

    do_HEAD = do_GET  # noqa: N815 - the library calls it so

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        sink: Sink = self.server
        sink.asked += 1
        if sink.refusals:
            self._answer(sink.refusals.pop(0), {"error": "later"})
            return
        rows = [json.loads(line) for line in body.splitlines() if line]
        for said, document in zip(rows[::2], rows[1::2], strict=True):
            sink.kept[said["index"]["_id"]] = {"index": said["index"]["_index"], **document}
        self._answer(200, {"errors": False, "items": [{"index": {"status": 201}} for _ in rows[::2]]})

    def _answer(self, status: int, said: dict) -> None:
        content = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def sink_at(port: int, refusals: tuple[int, ...] = ()) -> Iterator[Sink]:
    with Sink(port, refusals) as sink:
        thread = threading.Thread(target=sink.serve_forever, daemon=True)
        thread.start()
        try:
            yield sink
        finally:
            sink.shutdown()
            thread.join()


@pytest.fixture
def config(project_path) -> Path:
    return project_path / "deploy" / "logging" / "syslog-ng.conf"


def environment(folder: Path, port: int) -> dict[str, str]:
    told = {"FINQ_LOG_FOLDER": folder, "FINQ_LOG_STATE": folder / "state", "FINQ_LOG_SINK": f"http://127.0.0.1:{port}"}
    return {**os.environ, **{name: str(value) for name, value in told.items()}}


def program() -> str:
    found = installed("syslog-ng", "syslog-ng-core")
    if not list(Path("/usr/lib/syslog-ng").glob("*/libhttp.so")):
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "syslog-ng-mod-http"], timeout=180
        )
    if not list(Path("/usr/lib/syslog-ng").glob("*/libhttp.so")):
        pytest.skip("syslog-ng sends nothing by HTTP here; install it with: apt-get install -y syslog-ng-mod-http")
    return found


@contextmanager
def shipping(config: Path, folder: Path, port: int) -> Iterator[None]:
    state = folder / "state"
    state.mkdir(exist_ok=True)
    places = {"persist-file": "persist", "pidfile": "pid", "control": "control"}
    told = [f"--{name}={state / place}" for name, place in places.items()]
    with (folder / "shipper.log").open("wb") as log:
        shipper = subprocess.Popen(
            [program(), "--foreground", "--no-caps", "--stderr", f"--cfgfile={config}", *told],
            stdout=log,
            stderr=log,
            env=environment(folder, port),
        )
        try:
            yield
        finally:
            shipper.terminate()
            shipper.wait(20)


def until(found, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not found() and time.monotonic() < end:
        time.sleep(0.05)
    assert found()


def write(folder: Path, *lines: str, name: str = "api.jsonl") -> None:
    with (folder / name).open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def messages(sink: Sink) -> list[str | None]:
    return sorted(str(one.get("message") or one.get("request")) for one in sink.kept.values())


def test_every_line_arrives_as_it_was_written_and_one_that_is_no_json_as_text(config, tmp_path):
    port = free_port()
    write(tmp_path, *map(json.dumps, LINES), "Started server process [7]")
    with sink_at(port) as sink, shipping(config, tmp_path, port):
        until(lambda: len(sink.kept) == 3)
        write(tmp_path, json.dumps({"event": "log", "message": "later"}), name="another.jsonl")
        until(lambda: len(sink.kept) == 4)
    said = {one["event"]: one for one in sink.kept.values()}
    for line in LINES:
        found = said[line["event"]]
        assert {name: found.get(name) for name in line} == line
        assert found["index"].startswith("finq-2")
    assert said["text"]["message"] == "Started server process [7]"


def test_what_is_refused_or_finds_nobody_is_sent_again_and_once_is_enough(config, tmp_path):
    port = free_port()
    write(tmp_path, *map(json.dumps, LINES))
    with shipping(config, tmp_path, port):
        # Nobody takes anything yet.
        time.sleep(1.0)
        with sink_at(port, refusals=(503, 429)) as sink:
            until(lambda: len(sink.kept) == 2, 40)
            # The same line again, as after a crash between the answer and the note of it, is the same document.
            write(tmp_path, json.dumps(LINES[0]), json.dumps({"message": "last"}))
            until(lambda: "last" in messages(sink))
            assert len(sink.kept) == 3
            assert sink.asked >= 3


def test_a_shipper_that_ends_goes_on_where_it_was(config, tmp_path):
    port = free_port()
    with sink_at(port) as sink:
        write(tmp_path, json.dumps({"message": "first"}))
        with shipping(config, tmp_path, port):
            until(lambda: messages(sink) == ["first"])
        sink.kept.clear()
        write(tmp_path, json.dumps({"message": "second"}))
        with shipping(config, tmp_path, port):
            until(lambda: "second" in messages(sink))
        assert messages(sink) == ["second"]


@pytest.mark.parametrize(
    ("old", "new"), [("", ""), ("batch-lines(500)", "batch-line(500)"), ("filter(is_json)", "filtr(is_json)")]
)
def test_a_mistake_in_the_file_is_found(config, tmp_path, old, new):
    wrong = tmp_path / "wrong.conf"
    wrong.write_text(config.read_text().replace(old, new))
    checked = subprocess.run(
        [program(), "--syntax-only", "--no-caps", f"--cfgfile={wrong}"],
        capture_output=True,
        text=True,
        timeout=30,
        env=environment(tmp_path, 9),
    )
    assert (checked.returncode != 0) == bool(old), checked.stderr


def test_the_lines_of_the_product_are_such_lines():
    import logging

    assert all(lawful(json.dumps(line)) for line in LINES)
    record = logging.LogRecord("finq_predictor", logging.INFO, "", 0, "two\nlines of %s", ("é",), None)
    (line,) = JsonLine().format(record).splitlines()
    assert json.loads(line)["message"] == "two\nlines of é"
