"""The ASGI application: Starlette, with a short way past it for what is asked most."""

from __future__ import annotations

import logging
import time
from typing import Any

from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send

from finq_predictor.domain.errors import FinqError
from finq_predictor.serving.errors import RequestError
from finq_predictor.serving.metrics import Metrics
from finq_predictor.serving.middleware import REFUSED, SAFETY_HEADERS, called_by, is_request_id, new_request_id
from finq_predictor.serving.request_log import RequestLog, trace_of
from finq_predictor.serving.runtime import Runtime
from finq_predictor.serving.short_way import ShortWay
from finq_predictor.serving.tracing import Request as Traced

logger = logging.getLogger(__name__)
_ROUTE = "/predict"
# Whoever says more of the body than that it is JSON is listened to at length.
_PLAIN = frozenset({b"application/json", b""})
_AT_LENGTH = frozenset({b"content-encoding", b"expect", b"origin"})
_HEADERS = [(b"content-type", b"application/json"), *SAFETY_HEADERS.items()]


class Application(Starlette):
    """Starlette, but that a single prediction which is known already is answered before it.

    Around a request stand a dozen calls of Starlette; around an answer that is there already they are nearly all of its
    cost. What the short way does not know goes through Starlette as if nothing had been tried.
    """

    _way: ShortWay | None = None
    _allowed: tuple[str, ...] = ()

    def shorten(self, api: Runtime, paths: frozenset[str], metrics: Metrics, log: RequestLog) -> None:
        """Open the short way.

        Args:
            api: What the routes work with.
            paths: Those of a single prediction.
            metrics: Where requests are counted.
            log: Takes a line about each request.
        """
        self._way, self._paths, self._allowed, self._log = ShortWay(api), paths, api.settings.allowed_hosts, log
        self._access, self._tracing = api.access, api.tracing
        self._counters: tuple[Any, Any] = (metrics.requests.labels(_ROUTE, "200"), metrics.duration.labels(_ROUTE))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if self._way is not None and scope["type"] == "http" and scope["path"] in self._paths:
            message = await self._shortly(self._way, scope, receive, send)
            if message is None:
                return
            receive = _first(message, receive)
        await super().__call__(scope, receive, send)

    async def _shortly(self, way: ShortWay, scope: Scope, receive: Receive, send: Send) -> Message | None:
        """Answer what is known; else give back what was received."""
        started = time.perf_counter()
        message = await receive()
        if scope["method"] != "POST" or message.get("more_body") or scope["query_string"]:
            return message
        request_id, trace = b"", None
        given = scope["headers"]
        for name, value in given:
            if name == b"x-request-id":
                if not is_request_id(value):
                    return message
                request_id = request_id or bytes(value)
            elif name == b"traceparent":
                trace = trace_of(value)
            elif name in _AT_LENGTH or (name == b"content-type" and value not in _PLAIN):
                return message
        if self._allowed and not called_by(scope, self._allowed):
            return message
        try:
            caller = self._access.caller(given, scope["client"][0] if scope.get("client") else None)
        except FinqError:
            return message
        request_id = request_id or new_request_id()
        word = request_id.decode()
        try:
            found = way.answer(message.get("body", b""), word, caller, started)
        except RequestError as error:
            # Said at length, but not tried again: what was taken from the caller is taken, and what failed is counted.
            scope[REFUSED] = error
            return message
        except Exception:
            # At length it is answered all the same, or its failure is one like any other.
            logger.exception("The short way failed on request %s", word)
            return message
        if found is None:
            return message
        body, served, taken, arm = found
        length = b"%d" % len(body)
        headers = [*_HEADERS, (b"content-length", length), (b"x-request-id", request_id)]
        if taken is not None:
            headers += taken.headers()
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        seconds = time.perf_counter() - started
        requests, duration = self._counters
        requests.inc()
        duration.observe(seconds)
        if self._tracing is not None:
            traced = Traced(word, "POST", _ROUTE, 200, seconds, (served.signature,), arm)
            trace = self._tracing.told(traced, given) or trace
        self._log.told(word, "POST", _ROUTE, 200, seconds, (served.signature,), trace, caller.user)
        return None


def _first(message: Message, receive: Receive) -> Receive:
    """What a client sends, from a message on that was received already."""
    waiting = [message]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
