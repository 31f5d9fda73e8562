"""Where routes ask whether they may answer."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from finq_predictor.serving.access.callers import ANYONE, Caller
from finq_predictor.serving.answers import Served
from finq_predictor.serving.errors import RequestError, UnauthenticatedError
from finq_predictor.serving.middleware import ASKED_BY, REFUSED
from finq_predictor.serving.operation import Endpoint, Operation
from finq_predictor.serving.runtime import runtime

_CALLER = "finq_caller"


def guarded(operation: Operation) -> Endpoint:
    """What answers a route, behind who may ask for it, how often and how much at a time."""
    role, endpoint = operation.role, operation.endpoint
    if role is None:
        return endpoint

    async def answer(request: Request) -> Response:
        api = runtime(request)
        try:
            found = api.access.caller(request.scope["headers"], address_of(request))
        except UnauthenticatedError:
            if operation.answer == "text/html":
                # A person with a browser, who can do something about it.
                return RedirectResponse("/login", 303)
            raise
        found.require(role)
        request.scope[_CALLER], request.scope[ASKED_BY] = found, found.user
        refused: RequestError | None = request.scope.get(REFUSED)
        if refused is not None:
            raise refused
        with api.places.taken(found):
            taken = api.rates.take(found.name)
            response = await endpoint(request)
        if taken is not None:
            response.raw_headers.extend(taken.headers())
        return response

    return answer


def caller(request: Request) -> Caller:
    """Who sent a request that came through :func:`guarded`."""
    return known_caller(request) or ANYONE


def known_caller(request: Request) -> Caller | None:
    """Like :func:`caller`; None where the route asks nobody."""
    found: Caller | None = request.scope.get(_CALLER)
    return found


def permit(request: Request, served: Served) -> None:
    """Make sure that the caller may be answered by a model about its market.

    Raises:
        ForbiddenError: If not.
    """
    caller(request).require(market=served.market.name, model=served.model["name"])


def address_of(request: Request) -> str | None:
    """The address that a request came from, where that is known."""
    return request.client.host if request.client else None
