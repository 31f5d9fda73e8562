"""Pages of other sites: none may read an answer, except those of the origins that are listed.

No answer ever allows cookies: such a page shows a key or a token of its own.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALLOWED = (
    (b"access-control-allow-methods", b"GET, POST"),
    (b"access-control-allow-headers", b"Authorization, Content-Type, X-API-Key, X-Request-ID"),
    (b"access-control-max-age", b"600"),
)
_EXPOSED = (
    b"access-control-expose-headers",
    b"X-Request-ID, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset",
)


class Cors:
    """ASGI middleware that tells browsers which origins may read the answers; costs nothing where no page asks.

    Args:
        app: The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        origin = _origin(scope)
        if origin is None:
            await self.app(scope, receive, send)
            return
        mine = ((b"access-control-allow-origin", origin), (b"vary", b"Origin"), _EXPOSED)
        if scope["method"] == "OPTIONS" and any(
            name == b"access-control-request-method" for name, _ in scope["headers"]
        ):
            await send({"type": "http.response.start", "status": 204, "headers": [*mine, *_ALLOWED]})
            await send({"type": "http.response.body", "body": b""})
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *mine]
            await send(message)

        await self.app(scope, receive, marked)


def _origin(scope: Scope) -> bytes | None:
    """The origin of the page that asks, where it may; None where no page asks or it may not."""
    if scope["type"] != "http":
        return None
    for name, value in scope["headers"]:
        if name == b"origin":
            api = getattr(scope["app"].state, "runtime", None)
            return bytes(value) if api is not None and value in api.access.origins else None
    return None
