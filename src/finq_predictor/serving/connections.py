"""What a connection may take of the service: bytes of headers, time for a request, and its place among the others.

uvicorn bounds none of them. It is told to use this protocol by `hosting` under BentoML, else by its own option:
`uvicorn finq_predictor.serving.app:app --http finq_predictor.serving.connections:Connection`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from functools import cache
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from finq_predictor.domain.errors import FinqError
from finq_predictor.serving.settings import Settings

_AT_ONCE = 16
"""Connections that are taken in a round of the loop beyond the one that uvloop takes; the rest is left to siblings."""


@cache
def limits() -> Settings:
    """The settings of this process; what cannot work is told by the service itself, and its limits are the usual."""
    try:
        return Settings.from_environment()
    except FinqError:
        return Settings()


class Connection(HttpToolsProtocol):
    """A connection of uvicorn that ends when its headers are too long, or a request does not come to its end.

    An idle connection that has never asked for anything is one whose headers do not come; one that has waits as long
    as uvicorn's `timeout_keep_alive` says.

    Attributes:
        straight_to: The application that takes the requests in place of the one that uvicorn was started with, whose
            life goes on. BentoML's puts a span, a task and a timer of a minute around each of them; ten thousands of
            those timers wait at any time, and every collection of garbage walks through all they hold.
    """

    straight_to: ClassVar[Any] = None
    _coming: ClassVar[set[asyncio.Task[Any]]] = set()

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        if self.straight_to is not None:
            self.app = self.straight_to
        self._given = (given, named)
        self._fetches = True
        self._head = 0
        self._in_head = True
        self._got_on = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the headers, or send away who is too many."""
        super().connection_made(transport)
        if self._fetches and not self.config.is_ssl:
            self._fetch_others(transport)
        if len(self.connections) > limits().connections:
            self._refuse(503, "Too many connections; come again later.")
        else:
            self._wait(limits().header_seconds)

    def _fetch_others(self, transport: asyncio.Transport) -> None:
        """Take others who wait to be let in.

        uvloop takes one in each round of its loop, and a round lasts as long as all that those already inside have
        asked for: of some hundreds who come at a time the last would wait for seconds.
        """
        descriptor = _listener(transport.get_extra_info("sockname"))
        if descriptor is None:
            return
        with contextlib.suppress(OSError):
            listener = socket.socket(fileno=descriptor)
            try:
                # It is so already; were it not, the loop would stand still when nobody waits.
                listener.setblocking(False)
                for _ in range(_AT_ONCE):
                    other, _ = listener.accept()
                    self._let_in(other)
            finally:
                # It is the server's to close.
                listener.detach()

    def _let_in(self, other: socket.socket) -> None:
        def sibling() -> Connection:
            given, named = self._given
            made = type(self)(*given, **named)
            made._fetches = False
            return made

        other.setblocking(False)
        if other.family != socket.AF_UNIX:
            other.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self.loop.create_task(self.loop.connect_accepted_socket(sibling, other))
        # The loop alone would not keep it.
        self._coming.add(task)
        task.add_done_callback(self._coming.discard)

    def connection_lost(self, exc: Exception | None) -> None:
        """End to wait."""
        self._wait(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; of headers never more than the limit, however large a piece has come."""
        while data and not self.transport.is_closing():
            room = limits().header_limit - self._head if self._in_head else len(data)
            if room <= 0:
                self._refuse(431, f"The headers are longer than {limits().header_limit:,} bytes.")
                return
            piece, data = data[:room], data[room:]
            self._got_on = False
            super().data_received(piece)
            # What a piece brings of the next headers behind a body is not counted.
            self._head = 0 if self._got_on or not self._in_head else self._head + len(piece)
        # Whatever has come of a next request stopped the wait of uvicorn for it.
        if self._in_head and self._deadline is None and self.timeout_keep_alive_task is None:
            self._wait(limits().header_seconds)

    def on_headers_complete(self) -> None:
        """Begin to wait for the body."""
        self._in_head, self._got_on = False, True
        self._wait(limits().body_seconds)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Wait for nothing while the answer is made."""
        self._in_head = self._got_on = True
        self._wait(None)
        super().on_message_complete()

    def _wait(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._too_late)

    def _too_late(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self._refuse(408, "The request did not come in time.")
        elif self._in_head:
            # The one before it is still being answered.
            self._wait(limits().header_seconds)
        else:
            # The application is told that the client has left; it may be about to answer, so nothing is written here.
            self.transport.close()

    def _refuse(self, status: int, message: str) -> None:
        self._wait(None)
        if not self.transport.is_closing():
            head = b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: "
            self.transport.write(STATUS_LINE[status] + head + f"{len(message)}\r\n\r\n{message}".encode())
            self.transport.close()


@cache
def _listener(name: Any) -> int | None:
    """The open file through which connections to an address come in; None where that cannot be found out."""
    port = name[1] if isinstance(name, tuple) else name
    for word in os.listdir("/dev/fd") if os.path.isdir("/dev/fd") else ():
        with contextlib.suppress(OSError):
            found = socket.socket(fileno=int(word))
            try:
                here = found.getsockname()
                listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
                # Where it listens on all addresses of the machine, only the port is the same.
                if listens and (here[1] if isinstance(here, tuple) else here) == port:
                    return int(word)
            finally:
                found.detach()
    return None
