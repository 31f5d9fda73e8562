"""Stand-ins of those who are told: a server that takes JSON, and one that takes mail."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Receiver:
    """A server that keeps what is posted to it.

    Attributes:
        url: Its address.
        got: Path, headers and content of each request, and when it came.
        answers: What is answered, in turn; the last one for ever. None answers nothing and holds the connection.
    """

    url: str = ""
    got: list[tuple[str, dict[str, str], Any, float]] = field(default_factory=list)
    answers: list[Answer | None] = field(default_factory=lambda: [(200, {}, b"ok")])

    @property
    def bodies(self) -> list[Any]:
        return [content for _, _, content, _ in self.got]


@contextmanager
def receiving(*answers: Answer | None) -> Iterator[Receiver]:
    """Start one."""
    receiver = Receiver()
    if answers:
        receiver.answers = list(answers)
    free = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            receiver.got.append((self.path, dict(self.headers), json.loads(content), time.monotonic()))
            answer = receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0]
            if answer is None:
                free.wait(30)
                self.close_connection = True
                return
            status, headers, body = answer
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *about: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        free.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


@dataclass
class Mailbox:
    """A server that keeps what is mailed to it.

    Attributes:
        host: Its host.
        port: Its port.
        mails: Sender, recipients and content of each mail, and when it came.
        refuse: What it answers instead of taking a mail, such as ``"451 Come back later"``.
    """

    host: str = "127.0.0.1"
    port: int = 0
    mails: list[tuple[str, list[str], str, float]] = field(default_factory=list)
    refuse: str | None = None


@contextmanager
def mailbox(tls: ssl.SSLContext | None = None, password: str = "") -> Iterator[Mailbox]:
    """Start one.

    Args:
        tls: Its certificate, where it takes mails by STARTTLS only.
        password: Of whoever may send, by any name; only with a certificate.
    """
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult, LoginPassword

    from redis_server import free_port

    box = Mailbox()

    class Handler:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - their name
            if box.refuse is not None:
                return box.refuse
            content = envelope.content.decode("utf-8", errors="replace")
            box.mails.append((envelope.mail_from, envelope.rcpt_tos, content, time.monotonic()))
            return "250 Message accepted for delivery"

    def let_in(_server: Any, _session: Any, _envelope: Any, _mechanism: str, told: Any) -> AuthResult:
        known = isinstance(told, LoginPassword) and told.password.decode() == password
        return AuthResult(success=known, handled=False)

    locked = {"tls_context": tls, "require_starttls": True, "auth_required": True, "authenticator": let_in}
    # What it asks for then is not what clients of LOGIN expect.
    locked["auth_exclude_mechanism"] = ["LOGIN"]
    box.port = free_port()
    controller = Controller(Handler(), hostname=box.host, port=box.port, **(locked if tls else {}))
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def wait_for(found: Callable[[], bool], seconds: float, what: str) -> float:
    """Seconds until something is so; fails where it is not in time."""
    began = time.monotonic()
    while not found():
        assert time.monotonic() - began < seconds, f"{what} did not come within {seconds:g} s"
        time.sleep(0.05)
    return time.monotonic() - began
