"""A connection that asks for nothing, or for too much, takes nothing from the others."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import httpx
import psutil
import pytest
import uvicorn

from serving.servers import BENTO, UVICORN, running

pytestmark = pytest.mark.slow

T = TypeVar("T")
LIMITS = {"FINQ_HEADER_SECONDS": "2", "FINQ_BODY_SECONDS": "3", "FINQ_CONNECTIONS": "40", "FINQ_MARKETS": "fx"}
OURS = ("--http", "finq_predictor.serving.connections:Connection")
LIMIT = 16_384
LONG = 30.0
"""Seconds after which something that should have ended in two or three never will."""


@pytest.fixture(scope="module", params=["bentoml", "uvicorn"])
def server(request, two_markets, tmp_path_factory):
    command, arguments = (BENTO, ()) if request.param == "bentoml" else (UVICORN, OURS)
    folder = tmp_path_factory.mktemp(request.param)
    with running(
        command, folder, arguments=arguments, FINQ_DATA_ROOT=str(two_markets), seconds=240.0, **LIMITS
    ) as server:
        yield server


@contextlib.contextmanager
def connected(server):
    port = int(server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=LONG) as connection:
        yield connection


def rest(connection: socket.socket) -> bytes:
    """All that comes until the server closes; fails where it never does."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            received += piece
    return received


def ask(server, content: bytes) -> bytes:
    with connected(server) as connection:
        connection.sendall(content)
        return rest(connection)


BODY = json.dumps({"instrument": "EUR_USD"}).encode()
HEAD = b"POST /predict HTTP/1.1\r\nhost: finq\r\ncontent-type: application/json\r\n"
WHOLE = HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY


@pytest.mark.parametrize(
    "content",
    [
        HEAD + b"x-long: " + b"a" * LIMIT + b"\r\n\r\n",
        HEAD + b"".join(b"x-%d: a\r\n" % number for number in range(4000)) + b"\r\n",
        b"GET /" + b"a" * 2 * LIMIT + b" HTTP/1.1\r\nhost: finq\r\n\r\n",
        WHOLE + HEAD + b"x-long: " + b"a" * 3 * LIMIT,
    ],
    ids=["one", "many", "url", "of a second request"],
)
def test_headers_that_are_too_long_are_refused(content, server):
    assert b"HTTP/1.1 431 Request Header Fields Too Large\r\n" in ask(server, content)


def test_headers_without_end_take_no_memory(server):
    """256 MB of one header were read, and kept."""
    processes = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    before = sum(process.memory_info().rss for process in processes)
    sent = 0
    with connected(server) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(HEAD + b"x-long: ")
        while sent < 256 * 2**20:
            sent += connection.send(b"a" * 65536)
    assert sent < 32 * 2**20, "what lies in the buffers of the system, no more"
    assert sum(process.memory_info().rss for process in processes) - before < 64 * 2**20


def test_headers_up_to_the_limit_and_long_bodies_are_read(server):
    rows = {"requests": [{"instrument": "EUR_USD"}] * 3000}
    with httpx.Client(base_url=server.url, timeout=LONG) as one_connection:
        for size in (12_000, 0, 12_000):
            answer = one_connection.post("/batch_predict", json=rows, headers={"x-much": "a" * size})
            assert answer.json()["count"] == 3000
    assert httpx.post(f"{server.url}/predict", content=b" " * 2_000_000, timeout=LONG).status_code == 413


def test_long_bodies_one_after_the_other_on_one_connection_are_read(server):
    rows = {"requests": [{"instrument": "EUR_USD"}] * 3000}
    with httpx.Client(timeout=LONG) as client:
        found = [client.post(f"{server.url}/batch_predict", json=rows).status_code for _ in range(5)]
    assert found == [200] * 5


def test_requests_in_one_piece_are_all_answered(server):
    received = ask(server, WHOLE * 20 + WHOLE.replace(b"host: finq", b"host: finq\r\nconnection: close"))
    assert received.count(b"HTTP/1.1 200 OK") == 21


def at_the_same_time(ask_one: Callable[[bytes], T], contents: Sequence[bytes]) -> dict[bytes, T]:
    """What comes of each; they wait beside each other, for what takes its seconds by itself."""
    with ThreadPoolExecutor(len(contents)) as threads:
        return dict(zip(contents, threads.map(ask_one, contents), strict=True))


def test_headers_that_do_not_come_are_not_waited_for(server):
    contents = (b"", b"\r\n", b"GET / HT", HEAD, HEAD + b"x-unfinished: ", HEAD.lower()[:20])
    for content, received in at_the_same_time(lambda content: ask(server, content), contents).items():
        late = received.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert late or b"400 Bad Request" in received, content


def test_a_header_that_comes_drop_by_drop_is_not_waited_for(server):
    """A byte now and then kept a connection for ever; here after an answer, when the wait of the server begins anew."""
    assert at_the_same_time(lambda drop: closed_after(server, drop), (b"a", b"\r\n")) == {b"a": True, b"\r\n": True}


def closed_after(server, drop: bytes) -> bool:
    """Whether a connection is closed on which a drop comes now and then."""
    with connected(server) as connection:
        connection.sendall(WHOLE)
        assert b"200 OK" in connection.recv(65536)
        if drop == b"a":
            connection.sendall(HEAD + b"x-slow: ")
        connection.settimeout(0.5)
        end = time.monotonic() + LONG
        closed = False
        while not closed and time.monotonic() < end:
            try:
                connection.sendall(drop)
                received = connection.recv(65536)
                closed = received == b"" or b" 408 " in received
            except TimeoutError:
                continue
            except ConnectionError:
                closed = True
    return closed


def test_a_body_that_does_not_come_is_not_waited_for(server):
    ask(server, HEAD + b"content-length: 100\r\n\r\n{")


def test_an_answered_client_that_is_silent_is_let_go(server):
    assert b"200 OK" in ask(server, WHOLE)


def test_who_is_too_many_is_sent_away_and_the_others_come_back(server):
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(connected(server)) for _ in range(60)]
        refused = 0
        for connection in held:
            connection.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                refused += b"503 Service Unavailable" in connection.recv(65536)
        assert refused >= 20
        # Those that said nothing are let go while they still hold on.
        end = time.monotonic() + LONG
        status = 0
        while status != 200 and time.monotonic() < end:
            with contextlib.suppress(httpx.HTTPError):
                status = httpx.post(f"{server.url}/predict", content=BODY, timeout=5).status_code
        assert status == 200


def test_the_pages_name_the_protocol_where_it_must_be_asked_for(project_path):
    page = (project_path / "docs/how-to/serve-to-others.md").read_text(encoding="utf-8")
    assert " ".join(OURS) in page
    assert Path(project_path / "src/finq_predictor/serving/connections.py").exists()


def test_all_who_come_at_a_time_are_let_in_within_a_few_rounds_of_the_loop():
    number, here, rounds = 64, threading.Event(), 0

    async def app(scope, receive, send):
        nonlocal rounds
        here.wait(LONG)
        while len(server.server_state.connections) <= number and rounds < 100 * number:
            rounds += 1
            await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    with socket.create_server(("127.0.0.1", 0), backlog=2 * number) as listener:
        options = {"http": "finq_predictor.serving.connections:Connection", "loop": "uvloop", "lifespan": "off"}
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", **options))
        running = threading.Thread(target=server.run, args=([listener],))
        running.start()
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(socket.create_connection(listener.getsockname(), timeout=LONG))
            first.sendall(b"GET / HTTP/1.1\r\nhost: finq\r\n\r\n")
            for _ in range(number):
                stack.enter_context(socket.create_connection(listener.getsockname(), timeout=LONG))
            here.set()
            assert first.recv(65536).startswith(b"HTTP/1.1 204")
        server.should_exit = True
        running.join(LONG)
    assert rounds < number / 4
