"""How the service itself is: GET /health, /ready, /livez and /metrics."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from finq_predictor.serving import schemas
from finq_predictor.serving.access.callers import Role
from finq_predictor.serving.access.guarding import caller
from finq_predictor.serving.access.seeing import standing_of
from finq_predictor.serving.errors import ForbiddenError
from finq_predictor.serving.metrics import CONTENT_TYPE
from finq_predictor.serving.middleware import JsonResponse, request_id
from finq_predictor.serving.operation import Operation
from finq_predictor.serving.runtime import runtime


async def health(request: Request) -> Response:
    """GET /health and GET /ready: 200 when requests can be answered, else 503 with the reason."""
    healthy, told = _standing(request)
    return JsonResponse(told, 200 if healthy else 503)


async def alive(request: Request) -> Response:
    """GET /livez and GET /healthz: 200 as long as the process answers, with the same standing.

    A process whose files cannot be read is not mended by starting it again; it goes on with what it has read.
    """
    return JsonResponse(_standing(request)[1])


def _standing(request: Request) -> tuple[bool, dict[str, Any]]:
    """Whether requests can be answered, and the state of all; what they can do without makes it worse, and no more."""
    api = runtime(request)
    healthy, standing = standing_of(request)
    leaning = {
        name: api.store.reasons.told(problem) if problem else None for name, problem in api.dependencies().items()
    }
    status = "degraded" if standing["status"] == "ok" and any(leaning.values()) else standing["status"]
    return healthy, {**standing, "status": status, "dependencies": leaning, "request_id": request_id(request)}


async def metrics(request: Request) -> Response:
    """GET /metrics."""
    api = runtime(request)
    if not caller(request).sees_all:
        raise ForbiddenError(
            f"Metrics count what is asked of all markets, and {caller(request).name} may not ask about all; ask "
            "whoever runs this for an account that may."
        )
    api.observe()
    return Response(api.metrics.render(), headers={"Content-Type": CONTENT_TYPE})


_HEALTH = "200 when requests can be answered, else 503 with the reason."
_ALIVE = "200 as long as the process answers, with what /health says."
OPERATIONS = (
    Operation("get", "/health", health, _HEALTH, schemas.Standing, role=None),
    Operation("get", "/ready", health, "Like /health; for load balancers.", schemas.Standing, role=None),
    Operation(
        "get",
        "/readyz",
        health,
        "Like /ready; where orchestrators look for it.",
        schemas.Standing,
        plain=True,
        role=None,
    ),
    Operation("get", "/livez", alive, _ALIVE, schemas.Standing, plain=True, role=None),
    Operation("get", "/healthz", alive, "Like /livez.", schemas.Standing, plain=True, role=None),
    Operation("get", "/metrics", metrics, "Prometheus metrics.", "text/plain", plain=True, role=Role.VIEWER),
)
