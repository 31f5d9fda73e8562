"""Pages for people: their templates, the policy they are shown under, and errors that a person can read."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable
from functools import cache, wraps
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from finq_predictor.domain.errors import FinqError
from finq_predictor.serving.access.guarding import caller
from finq_predictor.serving.access.seeing import standing_of
from finq_predictor.serving.errors import InvalidRequestError, status_of, type_of
from finq_predictor.serving.operation import Endpoint
from finq_predictor.serving.runtime import runtime

STYLE, SCRIPT = "style.css", "page.js"
_LONGEST_NAME = 64
_NONE = "–"


@cache
def _templates() -> Any:
    from jinja2 import Environment, PackageLoader
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("finq_predictor.serving", "web"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": _percent, "ticks": _ticks, "moment": _moment, "number": _number}
    # Unlike `capitalize`, which makes the rest small.
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    environment.globals["version"] = installed()
    # Put in as they are, so that their hashes in the policy are those of what the browser sees.
    environment.globals |= {
        "style": Markup(environment.get_template(STYLE).render()),  # nosec B704
        "script": Markup(environment.get_template(SCRIPT).render()),  # nosec B704
    }
    return environment


def template(name: str) -> Any:
    """A template of a page."""
    return _templates().get_template(name)


@cache
def policy(*, scripts: bool = True) -> dict[str, str]:
    """The headers of a page: nothing is loaded, and no style and no script works but the two that are ours.

    Both are known by their hashes, so that what somebody smuggles into a page is neither shown nor run.

    Args:
        scripts: Whether the page has our script; without it no script runs at all, and none asks for anything.
    """
    parts = _templates().globals
    style, script = (_hash(str(parts[name])) for name in ("style", "script"))
    running = f"script-src {script}; connect-src 'self'; " if scripts else ""
    return {
        "Content-Security-Policy": f"default-src 'none'; style-src {style}; {running}img-src data:; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'",
        # Without a referrer a browser would not say either from where a form was sent.
        "Referrer-Policy": "same-origin",
    }


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def frame(request: Request) -> dict[str, Any]:
    """What stands around every page: where it is, who asks, and how the service is."""
    return {"here": request.url.path, "account": caller(request), "state": standing_of(request)[1]}


def shown(text: str, status: int = 200, headers: dict[str, str] | None = None, *, scripts: bool = True) -> HTMLResponse:
    """A page as an answer, under the policy of :func:`policy`."""
    return HTMLResponse(text, status, headers={**policy(scripts=scripts), **(headers or {})})


def for_people(endpoint: Endpoint) -> Endpoint:
    """A route whose errors are pages too, with the status, the words and the headers they have elsewhere."""

    @wraps(endpoint)
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except FinqError as error:
            return _problem(request, error)

    wrapped: Callable[[Request], Awaitable[Response]] = answer
    return wrapped


def _problem(request: Request, error: FinqError) -> Response:
    api, status, words = runtime(request), status_of(error), str(error)
    if status >= 500:
        words = api.store.reasons.told(words)
    api.metrics.errors.labels(request.scope["finq_route"], type_of(error)).inc()
    retry = {"Retry-After": "2"} if status == 503 else {}
    text = template("problem.html").render(
        **frame(request), words=words, status=status, request_id=request.scope["finq_request_id"]
    )
    return shown(text, status, {**retry, **getattr(error, "headers", {})})


def query(request: Request, name: str) -> str | None:
    """What stands in the query under a name; None where nothing does.

    Raises:
        InvalidRequestError: If it is longer than a name can be.
    """
    given = request.query_params.get(name)
    if given is not None and len(given) > _LONGEST_NAME:
        raise InvalidRequestError(f"{name}: longer than {_LONGEST_NAME} characters.")
    return given or None


def _ticks(text: str) -> Any:
    from markupsafe import Markup, escape

    # It is escaped before.
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))  # nosec B704


def _percent(value: float | None) -> str:
    return _NONE if value is None else f"{100 * value:.1f}%"


def _number(value: float | None, form: str = ",.4g") -> str:
    return _NONE if value is None else format(value, form).replace("-", "−")


def _moment(value: Any) -> str:
    """A time for people, UTC, from a time or its ISO 8601 form."""
    if value is None:
        return _NONE
    import pandas as pd

    told: str = pd.Timestamp(value).tz_convert("UTC").strftime("%a %d %b %Y, %H:%M")
    return told


@cache
def installed() -> str:
    """The version that is installed."""
    try:
        return installed_version("finq-predictor")
    except PackageNotFoundError:
        return "from source"
