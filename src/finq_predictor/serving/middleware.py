"""What happens around every request: its id, its limits, its headers, its line in the log, its metrics, its errors."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from fnmatch import fnmatchcase
from itertools import count
from typing import Any

import anyio
import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from finq_predictor.domain.errors import FinqError, closest
from finq_predictor.domain.evaluation.sticky_arms import Arm
from finq_predictor.serving.answers import Served
from finq_predictor.serving.errors import MediaTypeError, SlowAnswerError, TooLargeError, status_of, type_of
from finq_predictor.serving.metrics import Metrics
from finq_predictor.serving.reasons import Reasons
from finq_predictor.serving.request_log import RequestLog, trace_of
from finq_predictor.serving.tracing import Part, Tracing, noting
from finq_predictor.serving.tracing import Request as Traced

logger = logging.getLogger(__name__)
CLIENT_LEFT = 499
ASKED_BY = "finq_user"
"""Where a request says which account sent it; whoever lets it in writes that there."""
ARMS = "finq_arms"
"""Where a request says whose its answers are, by market, where callers are divided."""
REFUSED = "finq_refused"
"""Where a request says with which error it was refused already, on the short way."""
STARTED = "finq_started"
"""Where a request says when it came, by ``time.perf_counter``."""
URL_LIMIT = 8192
_REQUEST_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:@+=-]{0,127}")
# Workers are forked from nobody: each reads this anew.
_PROCESS, _NUMBERS = os.urandom(10).hex().encode(), count(1)
_HOST = re.compile(r"(\[[0-9a-f:.]*\]|[^:]*)(:\d*)?")
_HTTP_TYPES = {404: "not_found", 405: "method_not_allowed"}
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SAFETY_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
}
# Whoever left while so little was worked on may as well have got the answer.
_SOON_S = 0.005


class JsonResponse(Response):
    """JSON written by orjson."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Content as bytes; NaN becomes null."""
        return orjson.dumps(content)


class Observed:
    """ASGI middleware around every request of the service.

    Gives it an id, holds it to the limits, counts and times it, writes one line about it, puts the headers of safety
    on its answer, and answers for failures nobody expected.

    Args:
        app: The application.
        metrics: Returns where to count.
        routes: The paths that are counted, and by which names; all others are counted together.
        log: Takes a line about each request.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: Mapping[str, str], log: RequestLog) -> None:
        self.app = app
        self.metrics = metrics
        self.routes = routes
        self.log = log
        self._children: dict[tuple[str, int], Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        with noting() if _tracing(scope) is not None else nullcontext(()) as parts:
            await self._observe(scope, receive, send, parts)

    async def _observe(self, scope: Scope, receive: Receive, send: Send, parts: Sequence[Part]) -> None:
        started = time.perf_counter()
        path = self.routes.get(scope["path"], "other")
        request_id = _request_id(scope)
        scope["finq_request_id"], scope["finq_route"], scope["finq_served"] = request_id.decode(), path, {}
        scope[ARMS], scope[STARTED] = {}, started
        status, left = 0, False

        async def observed_receive() -> Message:
            nonlocal left
            message = await receive()
            left = left or message["type"] == "http.disconnect"
            return message

        async def observed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                if not left and time.perf_counter() - started > _SOON_S:
                    await _glance(observed_receive)
                status = CLIENT_LEFT if left else message["status"]
                message["headers"] = _with_headers(message.get("headers", ()), request_id)
            await send(message)

        try:
            refusal = self._refusal(scope)
            await _in_time(refusal or self.app, scope, observed_receive, observed_send)
        except ClientDisconnect:
            status = CLIENT_LEFT
            # Nobody reads it; but what is around us, such as BentoML's time-out, waits for an answer to begin.
            await Response(status_code=CLIENT_LEFT)(scope, receive, send)
        except SlowAnswerError as error:
            if status:
                raise
            slow = error_response(scope, 503, type_of(error), str(error), self.metrics, {"Retry-After": "2"})
            await slow(scope, observed_receive, observed_send)
        except Exception as error:
            logger.exception("Request %s to %s failed", request_id.decode(), path)
            if status:
                raise
            message = f"The service failed ({type(error).__name__}); the log has the request id."
            answer = error_response(scope, 500, "internal", message, self.metrics)
            await answer(scope, observed_receive, observed_send)
        finally:
            # Without a status the server itself gave up: it stops, or its own time for an answer is over.
            status = status or CLIENT_LEFT
            if status == CLIENT_LEFT:
                self.metrics.errors.labels(path, "client_left").inc()
            self._told(scope, status, time.perf_counter() - started, parts)

    def _refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that goes no further."""
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > URL_LIMIT:
            message = f"The URL is longer than {URL_LIMIT:,} bytes; send what is asked in the body."
            return error_response(scope, 414, "url_too_long", message, self.metrics)
        api = getattr(scope["app"].state, "runtime", None)
        if api is not None and not called_by(scope, api.settings.allowed_hosts):
            message = "The service is not called by this name; FINQ_ALLOWED_HOSTS lists those it has."
            return error_response(scope, 400, "unknown_host", message, self.metrics)
        return None

    def _told(self, scope: Scope, status: int, seconds: float, parts: Sequence[Part]) -> None:
        requests, duration = self._counters(scope["finq_route"], status)
        requests.inc()
        duration.observe(seconds)
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        asked = (scope["finq_request_id"], method, scope["finq_route"], status, seconds)
        served = tuple(scope["finq_served"].values())
        trace = next((trace_of(value) for name, value in scope["headers"] if name == b"traceparent"), None)
        if (tracing := _tracing(scope)) is not None:
            arm = ",".join(sorted(set(scope[ARMS].values()))) or None
            trace = tracing.told(Traced(*asked, served, arm), scope["headers"], parts) or trace
        self.log.told(*asked, served, trace, scope.get(ASKED_BY))

    def _counters(self, path: str, status: int) -> Any:
        found = self._children.get((path, status))
        if found is None:
            found = (self.metrics.requests.labels(path, str(status)), self.metrics.duration.labels(path))
            self._children[path, status] = found
        return found


class Whole:
    """ASGI middleware of another application that takes all of its requests, those for its own routes as well.

    BentoML mounts an application beside routes of its own, which know nothing of models, limits and headers.

    Args:
        app: The other application, whose life goes on.
        ours: The application that answers.
    """

    def __init__(self, app: ASGIApp, ours: ASGIApp) -> None:
        self.app = app
        self.ours = ours

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await (self.app if scope["type"] == "lifespan" else self.ours)(scope, receive, send)


def _tracing(scope: Scope) -> Tracing | None:
    """What makes a span of a request; None where nobody collects any, or nothing is started yet."""
    api = getattr(scope["app"].state, "runtime", None)
    found: Tracing | None = None if api is None else api.tracing
    return found


async def _in_time(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Let an application answer, but no longer than is set; it ends after the piece of work that it is at."""
    api = getattr(scope["app"].state, "runtime", None)
    seconds = None if api is None else api.settings.answer_seconds
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            await app(scope, receive, send)
    except TimeoutError:
        if not limit.expired():
            raise
        raise SlowAnswerError(
            f"The answer took longer than {seconds:g} s and was given up; ask for less at a time, or try again later."
        ) from None


async def _glance(receive: Receive) -> None:
    """Take what has come from the client since, without waiting for it."""
    with anyio.CancelScope() as scope:
        scope.cancel()
        await receive()


def _with_headers(given: Iterable[tuple[bytes, bytes]], request_id: bytes) -> list[tuple[bytes, bytes]]:
    headers = list(given)
    here = {name.lower() for name, _ in headers}
    return [
        *headers,
        *((name, value) for name, value in SAFETY_HEADERS.items() if name not in here),
        (b"x-request-id", request_id),
    ]


def called_by(scope: Scope, allowed: tuple[str, ...]) -> bool:
    """Whether every name that the client called the service by is one of its names."""
    if not allowed:
        return True
    given = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
    matches = [_HOST.fullmatch(host) for host in given]
    return bool(given) and all(one and any(fnmatchcase(one[1], name) for name in allowed) for one in matches)


def new_request_id() -> bytes:
    """An id that nobody has had: by chance for this process, and by counting within it."""
    return b"%b%012x" % (_PROCESS, next(_NUMBERS))


def is_request_id(given: bytes) -> bool:
    """Whether what a client sent as `X-Request-ID` is taken as it is."""
    return _REQUEST_ID.fullmatch(given) is not None


def _request_id(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and is_request_id(value):
            return bytes(value)
    return new_request_id()


def request_id(request: Request) -> str:
    """The id of a request: what the client sent as `X-Request-ID` if it is well-formed, or a new one."""
    return str(request.scope["finq_request_id"])


def asked_by(request: Request) -> str | None:
    """The account that sent a request; None where nobody was asked who they are."""
    user: str | None = request.scope.get(ASKED_BY)
    return user


def note(request: Request, served: Served, arm: Arm | None = None) -> None:
    """Remember for the log, and for the span, what answers a request, and whose the answer is."""
    request.scope["finq_served"][served.market.name] = served.signature
    if arm is not None:
        request.scope[ARMS][served.market.name] = arm.value


async def read_body(request: Request, limit: int) -> bytes:
    """Read a request body.

    Raises:
        TooLargeError: If it is longer than ``limit`` bytes.
        MediaTypeError: If it is compressed.
    """
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.strip().lower() not in {"", "identity"}:
        raise MediaTypeError(f"A body with the encoding {encoding[:30]!r} is not read; send it uncompressed.")
    too_long = TooLargeError(f"The body is longer than {limit:,} bytes; send fewer predictions at a time.")
    if (
        request.headers.get("content-length", "0").isdigit()
        and int(request.headers.get("content-length", "0")[:20]) > limit
    ):
        raise too_long
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_long
        chunks.append(chunk)
    return b"".join(chunks)


def error_response(
    scope: Scope, status: int, kind: str, message: str, metrics: Metrics, headers: dict[str, str] | None = None
) -> JsonResponse:
    """An error in the shape that all errors have."""
    metrics.errors.labels(scope["finq_route"], kind).inc()
    content = {"error": {"type": kind, "message": message, "request_id": scope["finq_request_id"]}}
    return JsonResponse(content, status, headers)


def error_handlers(metrics: Metrics, paths: Iterable[str]) -> dict[Any, Callable[..., Any]]:
    """Handlers that turn the product's and the framework's exceptions into answers."""

    async def product(request: Request, error: FinqError) -> Response:
        status, message = status_of(error), str(error)
        if status >= 500:
            reasons: Reasons = request.app.state.runtime.store.reasons
            message = reasons.told(message)
        headers = {**({"Retry-After": "2"} if status == 503 else {}), **getattr(error, "headers", {})}
        return error_response(request.scope, status, type_of(error), message, metrics, headers)

    async def framework(request: Request, error: HTTPException) -> Response:
        kind, message = _HTTP_TYPES.get(error.status_code, "http"), str(error.detail)
        headers = dict(error.headers or {})
        if error.status_code == 404:
            message = f"No route {request.url.path[:100]!r}. {closest(request.url.path[:100], paths)}"
        if error.status_code == 405:
            message = f"{request.method[:20]} is not allowed on {request.url.path}; use {headers.get('Allow', '')}."
        return error_response(request.scope, error.status_code, kind, message, metrics, headers)

    return {FinqError: product, HTTPException: framework}
