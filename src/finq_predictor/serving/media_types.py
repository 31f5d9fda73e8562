"""Bodies that are never read: a pickle is a program, and whoever reads it runs it.

BentoML reads pickles from every client of a service that is not the first one, such as `Inference`.
"""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from finq_predictor.serving.metrics import Metrics
from finq_predictor.serving.middleware import error_response

_JSON = {"application/json", ""}


class NoPickles:
    """ASGI middleware of the API: answers 415 to a pickle; any other body is read as JSON, whatever it is called.

    Args:
        app: The application.
        metrics: Where errors are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http" and any("pickle" in given for given in _media_types(scope)):
            message = "A pickle is never read; send JSON with content-type: application/json."
            await error_response(scope, 415, "media_type", message, self.metrics)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class JsonOnly:
    """ASGI middleware of a service behind the API: answers 415 to everything but JSON.

    Args:
        app: The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http" and not _JSON.issuperset(_media_types(scope)):
            await JSONResponse({"error": "Only application/json is read."}, 415)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _media_types(scope: Scope) -> list[str]:
    given = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"content-type"]
    return [value.partition(";")[0].strip() for value in given]
