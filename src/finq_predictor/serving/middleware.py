"""What happens around every request: its id, its size limit, its metrics and the one shape of every error."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from finq_predictor.domain.errors import FinqError, closest
from finq_predictor.serving.errors import TooLargeError, status_of, type_of
from finq_predictor.serving.metrics import Metrics

logger = logging.getLogger(__name__)
_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")
_HTTP_TYPES = {404: "not_found", 405: "method_not_allowed"}


class JsonResponse(Response):
    """JSON written by orjson."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Content as bytes; NaN becomes null."""
        return orjson.dumps(content)


class Observed:
    """ASGI middleware: gives every request an id, counts and times it, and answers for failures nobody expected.

    Args:
        app: The application.
        metrics: Returns where to count.
        routes: The paths that are counted by name; all others are counted together.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: frozenset[str]) -> None:
        self.app = app
        self.metrics = metrics
        self.routes = routes
        self._children: dict[tuple[str, int], Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        path = scope["path"] if scope["path"] in self.routes else "other"
        request_id = _request_id(scope)
        scope["finq_request_id"], scope["finq_route"] = request_id.decode(), path
        status = 0

        async def observed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id)]
            await send(message)

        try:
            await self.app(scope, receive, observed_send)
        except Exception as error:
            logger.exception("Request %s to %s failed", request_id.decode(), path)
            if status:
                raise
            message = f"The service failed ({type(error).__name__}); the log has the request id."
            await error_response(scope, 500, "internal", message, self.metrics)(scope, receive, observed_send)
        finally:
            requests, duration = self._counters(path, status)
            requests.inc()
            duration.observe(time.perf_counter() - started)

    def _counters(self, path: str, status: int) -> Any:
        found = self._children.get((path, status))
        if found is None:
            found = (self.metrics.requests.labels(path, str(status)), self.metrics.duration.labels(path))
            self._children[path, status] = found
        return found


def _request_id(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return bytes(value)
    return uuid4().hex.encode()


def request_id(request: Request) -> str:
    """The id of a request: what the client sent as `X-Request-ID`, or a new one."""
    return str(request.scope["finq_request_id"])


async def read_body(request: Request, limit: int) -> bytes:
    """Read a request body.

    Raises:
        TooLargeError: If it is longer than ``limit`` bytes.
    """
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLargeError(f"The body is longer than {limit:,} bytes; send fewer predictions at a time.")
        chunks.append(chunk)
    return b"".join(chunks)


def error_response(
    scope: Scope, status: int, kind: str, message: str, metrics: Metrics, headers: dict[str, str] | None = None
) -> JsonResponse:
    """An error in the shape that all errors have."""
    metrics.errors.labels(scope["finq_route"], kind).inc()
    content = {"error": {"type": kind, "message": message, "request_id": scope["finq_request_id"]}}
    return JsonResponse(content, status, headers)


def error_handlers(metrics: Metrics, paths: frozenset[str]) -> dict[Any, Callable[..., Any]]:
    """Handlers that turn the product's and the framework's exceptions into answers."""

    async def product(request: Request, error: FinqError) -> Response:
        status = status_of(error)
        headers = {"Retry-After": "2"} if status == 503 else None
        return error_response(request.scope, status, type_of(error), str(error), metrics, headers)

    async def framework(request: Request, error: HTTPException) -> Response:
        kind, message = _HTTP_TYPES.get(error.status_code, "http"), str(error.detail)
        headers = dict(error.headers or {})
        if error.status_code == 404:
            message = f"No route {request.url.path[:100]!r}. {closest(request.url.path[:100], paths)}"
        if error.status_code == 405:
            message = f"{request.method[:20]} is not allowed on {request.url.path}; use {headers.get('Allow', '')}."
        return error_response(request.scope, error.status_code, kind, message, metrics, headers)

    return {FinqError: product, HTTPException: framework}
