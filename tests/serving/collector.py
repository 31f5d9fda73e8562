"""A collector of OTLP over HTTP, for tests: it takes what comes over the wire and reads it as the protocol says."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Collector:
    """What has come.

    Attributes:
        url: Its address.
        bodies: Each message as it came, unpacked.
        status: What it answers.
    """

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    status: int = 200

    @property
    def spans(self) -> list[Any]:
        """All spans, in the order in which they came."""
        return [
            span for one in self._read() for part in one.resource_spans for s in part.scope_spans for span in s.spans
        ]

    @property
    def services(self) -> set[str]:
        """What those who sent call themselves."""
        told = [plain_of(part.resource.attributes) for one in self._read() for part in one.resource_spans]
        return {one["service.name"] for one in told}

    def _read(self) -> Iterator[Any]:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        for body in list(self.bodies):
            yield ExportTraceServiceRequest.FromString(body)

    def wait(self, enough: Callable[[list[Any]], bool]) -> list[Any]:
        """The spans, as soon as there are enough."""
        waiting = threading.Event()
        for _ in range(1000):
            if enough(found := self.spans):
                return found
            waiting.wait(0.02)
        raise TimeoutError(f"{len(self.spans)} spans came: {[span.name for span in self.spans]}")


def plain_of(attributes: Any) -> dict[str, Any]:
    """Attributes as plain values."""
    found: dict[str, Any] = {}
    for one in attributes:
        kind = one.value.WhichOneof("value")
        value = getattr(one.value, kind)
        found[one.key] = [each.string_value for each in value.values] if kind == "array_value" else value
    return found


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port of this machine."""
    found = Collector()

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            if found.status == 200:
                assert self.path in ("/v1/traces", "/v1/logs")
                assert self.headers["Content-Type"] == "application/x-protobuf"
                found.bodies.append(body)
            self.send_response(found.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
