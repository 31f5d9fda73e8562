"""Signing in on the page: a form, a cookie that no script can read, and a way out.

The cookie is `SameSite=Strict`, and a request that carries it is refused when a page of another site sent it, so that
no other site can ask in somebody's name. Nothing here needs scripts.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from finq_predictor.serving.access.access import COOKIES
from finq_predictor.serving.access.callers import Caller
from finq_predictor.serving.access.guarding import address_of
from finq_predictor.serving.access.origins import is_of_this_site
from finq_predictor.serving.access.signing_in import SigningIn
from finq_predictor.serving.errors import ForbiddenError, InvalidRequestError, RequestError
from finq_predictor.serving.html import policy, shown, template
from finq_predictor.serving.middleware import read_body
from finq_predictor.serving.operation import Operation
from finq_predictor.serving.runtime import runtime

_LONGEST_FORM = 4096


async def login(request: Request) -> Response:
    """GET /login: a form, or who is signed in."""
    try:
        found = runtime(request).access.caller(request.scope["headers"], address_of(request))
    except RequestError:
        found = None
    return page(request, found=found)


async def sign_in(request: Request) -> Response:
    """POST /session: what the form sends; leads to the page, with a cookie."""
    require_this_site(request)
    api, given = runtime(request), await _form(request)
    work = api.signing_in
    name, password = given.get("name", ""), given.get("password", "")
    try:
        with work.gate.entered():
            session = await work.gate.run(_session, work, name, password, address_of(request))
    except RequestError as error:
        return page(request, str(error), error, name=name)
    return signed_in(request, RedirectResponse("/", 303), session)


def _session(work: SigningIn, name: str, password: str, peer: str | None) -> str:
    return work.page_session(work.account(name, password, peer))


async def sign_out(request: Request) -> Response:
    """POST /session/end: ends the session, here and in every worker, and takes the cookie back."""
    require_this_site(request)
    api = runtime(request)
    answer = RedirectResponse("/login", 303, headers=policy(scripts=False))
    try:
        found = api.access.caller(request.scope["headers"], address_of(request))
        if found.way == "session":
            with api.signing_in.gate.entered():
                await api.signing_in.gate.run(api.signing_in.end, found.credential)
    except RequestError as error:
        if error.status >= 500:
            # The cookie would go on to be good, wherever a copy of it is.
            raise
    for name in COOKIES:
        secure = name.startswith(b"__Host-")
        answer.delete_cookie(name.decode().rstrip("="), secure=secure, httponly=True, samesite="strict")
    return answer


def signed_in(request: Request, answer: Response, session: str) -> Response:
    """An answer that leaves the cookie of a session."""
    secure = request.url.scheme == "https"
    name = COOKIES[0 if secure else 1].decode().rstrip("=")
    seconds = runtime(request).settings.session_seconds
    answer.set_cookie(name, session, max_age=seconds, path="/", secure=secure, httponly=True, samesite="strict")
    return answer


def require_this_site(request: Request) -> None:
    """Make sure that no page of another site sent a form.

    Raises:
        ForbiddenError: If one did.
    """
    given = dict(request.scope["headers"])
    if b"origin" in given and not is_of_this_site(given, frozenset()):
        raise ForbiddenError("A page of another site sent this form; open /login and sign in there.")


def page(request: Request, problem: str = "", error: RequestError | None = None, **given: Any) -> Response:
    """The page for signing in.

    Args:
        request: What it answers.
        problem: What went wrong, in a sentence.
        error: That as an error, for its status and headers.
        given: What else the page shows: ``found``, who is signed in, or the ``name`` that was tried.
    """
    found: Caller | None = given.get("found")
    issuer = runtime(request).access.issuer
    told = {"problem": problem, "found": found, "name": given.get("name", "")[:64]}
    text = template("login.html").render(**told, here="/login", issuer=issuer.name if issuer else "")
    status, headers = (200, {}) if error is None else (error.status, error.headers)
    return shown(text, status, headers, scripts=False)


async def _form(request: Request) -> dict[str, str]:
    body = await read_body(request, _LONGEST_FORM)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=8))
    except ValueError:
        raise InvalidRequestError("The form is not one of /login; open that page and send it from there.") from None


OPERATIONS = (
    Operation("get", "/login", login, "Sign in.", "text/html", plain=True, role=None, listed=False),
    Operation("post", "/session", sign_in, "Sign in.", "text/html", plain=True, role=None, listed=False),
    Operation("post", "/session/end", sign_out, "Sign out.", "text/html", plain=True, role=None, listed=False),
)
