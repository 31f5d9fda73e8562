"""A provider on this machine that says what a test tells it to, faults included, and remembers what it was asked.

    with ProviderServer() as provider:
        provider.queue("/prices", failing(503), json_answer({"close": 1.5}))
        ... the code under test asks provider.url ...
        assert provider.count("/prices") == 2

Answers of a path are given in turn, one a request. `always` sets what comes when they are used up; without it that is
status 404 with a text that says so, which no test takes for the provider's. `Answer` describes any answer; the
functions below make the usual ones.
"""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import struct
import threading
import zlib
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from finq_predictor.adapters.http.hosts import HOSTS


@dataclass(frozen=True)
class Answer:
    """One answer, or the lack of one.

    Args:
        status: HTTP status.
        body: Content.
        headers: Headers beside or in place of ``Date`` and ``Content-Length``; None for a value leaves one out.
        play: Writes the answer itself, where it is to go wrong; None for one that is sent as it should be.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str | None] = field(default_factory=dict)
    play: Callable[[_Handler, Answer], None] | None = None

    def with_headers(self, **headers: str | None) -> Answer:
        """The same with further headers; ``_`` in a name stands for ``-``."""
        return replace(self, headers={**self.headers, **{key.replace("_", "-"): val for key, val in headers.items()}})


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """By name in lower case."""


def json_answer(value: Any, status: int = 200) -> Answer:
    """A value as JSON."""
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


def text_answer(text: str, status: int = 200, content_type: str = "text/plain; charset=utf-8") -> Answer:
    """A text in UTF-8, whatever charset ``content_type`` says."""
    return Answer(status, text.encode(), {"Content-Type": content_type})


def packed(answer: Answer) -> Answer:
    """An answer packed by gzip."""
    return replace(answer, body=gzip.compress(answer.body)).with_headers(Content_Encoding="gzip")


def failing(status: int = 500, said: str = "out of order", retry_after: int | str | datetime | None = None) -> Answer:
    """An error of the provider's own."""
    answer = json_answer({"message": said}, status)
    return answer if retry_after is None else answer.with_headers(Retry_After=_when(retry_after))


def throttled(retry_after: int | str | datetime | None = None) -> Answer:
    """429, with ``Retry-After`` in seconds, as a date, as any text, or without."""
    return failing(429, "too many requests", retry_after)


def denied(status: int = 401, said: str = "invalid key") -> Answer:
    """The key is not accepted."""
    return json_answer({"message": said}, status)


def html(text: str = "<html><title>Sign in</title></html>", status: int = 200) -> Answer:
    """A page where data were asked for."""
    return text_answer(text, status, "text/html; charset=utf-8")


def empty() -> Answer:
    """Status 200 and nothing."""
    return Answer(headers={"Content-Type": "application/json"})


def moved(to: str, status: int = 301) -> Answer:
    """A redirect."""
    return Answer(status, headers={"Location": to})


def skewed(answer: Answer, by: timedelta) -> Answer:
    """An answer of a server whose clock is wrong; dates of its ``Retry-After`` are yours to give."""
    return answer.with_headers(Date=format_datetime(datetime.now(UTC) + by, usegmt=True))


def dripping(body: bytes = b'{"a": 1}', seconds: float = 0.03) -> Answer:
    """A body that comes byte by byte, with a pause before each."""
    return Answer(body=body, play=lambda handler, answer: _drip(handler, answer, seconds))


def dripping_headers(seconds: float = 0.03) -> Answer:
    """Headers that come byte by byte."""

    def play(handler: _Handler, answer: Answer) -> None:
        handler.slowly(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000, seconds)

    return Answer(play=play)


def silent() -> Answer:
    """No answer at all, with the connection held open until the server closes."""
    return Answer(play=lambda handler, answer: handler.hold())


def cut_off(body: bytes = b'{"a": 1}', announced: int = 1000) -> Answer:
    """Fewer bytes than ``Content-Length`` says."""

    def play(handler: _Handler, answer: Answer) -> None:
        handler.begin(answer.with_headers(Content_Length=str(announced)))
        handler.wfile.write(answer.body)

    return Answer(body=body, headers={"Content-Type": "application/json"}, play=play)


def chunk_aborted(body: bytes = b'{"a": 1}') -> Answer:
    """A chunked body whose connection ends within a chunk."""

    def play(handler: _Handler, answer: Answer) -> None:
        handler.begin(answer.with_headers(Transfer_Encoding="chunked", Content_Length=None))
        handler.wfile.write(b"%x\r\n" % (len(answer.body) + 10) + answer.body)

    return Answer(body=body, headers={"Content-Type": "application/json"}, play=play)


def reset() -> Answer:
    """The connection is reset before an answer."""
    return Answer(play=lambda handler, answer: handler.reset())


def gzip_cut_off(body: bytes = b'{"a": 1}') -> Answer:
    """A gzip body that ends early although all bytes came that were announced."""
    answer = packed(json_answer(json.loads(body)))
    return replace(answer, body=answer.body[:-6])


def gzip_broken() -> Answer:
    """What says that it is gzip, and is not."""
    return Answer(body=b"nothing of the kind", headers={"Content-Encoding": "gzip"})


def gzip_bomb(mebibytes: int = 200) -> Answer:
    """A few bytes that unpack to many."""
    return Answer(body=_zeros(mebibytes), headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})


class ProviderServer:
    """A scriptable server on a free port of this machine; a context manager, safe to ask from several threads.

    Args:
        tls: Its certificate, for https.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._scheme = "http" if tls is None else "https"
        self._lock = threading.Lock()
        self._queued: dict[str, deque[Answer]] = defaultdict(deque)
        self._always: dict[str, Answer] = {}
        self.requests: list[Asked] = []
        """What was asked, in order."""
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.provider = self
        if tls is not None:
            # The handshake is made where the connection is read, so that none of them holds up the others.
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> ProviderServer:
        # A port may have been that of another server, which did not want to be asked any more.
        HOSTS.forget(self.host)
        self._thread.start()
        return self

    def __exit__(self, *about: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def host(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self._scheme}://{self.host}"

    def queue(self, path: str, *answers: Answer) -> None:
        """Answers to the next requests for a path, after those that are queued already."""
        with self._lock:
            self._queued[path].extend(answers)

    def always(self, path: str, answer: Answer) -> None:
        """The answer for a path whenever none is queued."""
        self._always[path] = answer

    def count(self, path: str | None = None) -> int:
        """How many requests came, for one path or in all."""
        return sum(path in (None, asked.path) for asked in self.requests)

    def forget(self) -> None:
        """Forget all requests and answers."""
        with self._lock:
            self.requests.clear()
            self._queued.clear()
            self._always.clear()

    def answer_to(self, asked: Asked) -> Answer:
        """Note a request, and take the next answer to it."""
        with self._lock:
            self.requests.append(asked)
            if self._queued[asked.path]:
                return self._queued[asked.path].popleft()
        nothing = text_answer(f"the test queued no answer for {asked.path}", 404)
        return self._always.get(asked.path, nothing)


class _Server(ThreadingHTTPServer):
    provider: ProviderServer

    def shutdown_request(self, request: Any) -> None:
        # No polite end first: what was reset is to stay reset.
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go away in the middle of a fault; nobody needs to read that."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers)
        answer = self.server.provider.answer_to(asked)
        if answer.play is not None:
            self.close_connection = True
            answer.play(self, answer)
            return
        self.begin(answer)
        self.wfile.write(answer.body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def begin(self, answer: Answer) -> None:
        """Send status and headers."""
        given = {"Date": self.date_time_string(), "Content-Length": str(len(answer.body))}
        self.send_response_only(answer.status)
        for name, value in {**given, **answer.headers}.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()

    def slowly(self, content: bytes, seconds: float) -> None:
        """Send byte by byte, until all is sent or the server closes."""
        for byte in content:
            if self.server.provider.closing.wait(seconds):
                return
            self.wfile.write(bytes([byte]))

    def hold(self) -> None:
        """Say nothing until the server closes."""
        self.server.provider.closing.wait(10)

    def reset(self) -> None:
        """End the connection at once, without a farewell."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the screen."""


def _when(value: int | str | datetime) -> str:
    return format_datetime(value, usegmt=True) if isinstance(value, datetime) else str(value)


def _drip(handler: _Handler, answer: Answer, seconds: float) -> None:
    handler.begin(answer)
    handler.slowly(answer.body, seconds)


@cache
def _zeros(mebibytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(packer.compress(b"0" * (1 << 20)) for _ in range(mebibytes)), packer.flush()])
