"""What the one who asks may know of what is served: all names that an answer lists come from here.

Whoever may ask about some markets, or be answered by some models, is told of no other: neither by what is found, nor by
what is suggested, nor by the state of the service. Where everybody is asked who they are, strangers are told how the
service is and nothing of what it serves.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from finq_predictor.domain.errors import FinqError
from finq_predictor.serving.access.callers import Caller
from finq_predictor.serving.access.guarding import address_of, known_caller
from finq_predictor.serving.runtime import runtime
from finq_predictor.serving.view import View


def view_of(request: Request) -> View:
    """What is served at this moment, as far as the caller may ask about it; nothing for strangers."""
    view = runtime(request).store.view()
    asking = whoever_asks(request)
    return view.seen_by(asking) if asking is not None else View({}, {}, view.loading)


def standing_of(request: Request) -> tuple[bool, dict[str, Any]]:
    """Whether requests can be answered, and the state of the markets that the caller may ask about.

    See :meth:`Store.standing`; what is wrong with all of it is told in words to those who may ask about everything.
    """
    healthy, standing = runtime(request).store.standing()
    asking, seen = whoever_asks(request), view_of(request).markets
    markets = {name: state for name, state in standing["markets"].items() if name in seen}
    if asking is None or not asking.sees_all:
        standing = {**standing, "reason": None}
    if asking is not None and asking.models is not None:
        # It may name what is tried, or what was read and does not fit.
        markets = {name: {**state, "reason": None} for name, state in markets.items()}
    return healthy, {**standing, "markets": markets}


def whoever_asks(request: Request) -> Caller | None:
    """Who sent a request, also to a route that asks nobody; None for a stranger where everybody is asked."""
    found = known_caller(request)
    if found is not None:
        return found
    try:
        return runtime(request).access.caller(request.scope["headers"], address_of(request))
    except FinqError:
        return None
