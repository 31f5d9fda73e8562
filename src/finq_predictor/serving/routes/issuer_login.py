"""Signing in on the page with somebody else: OpenID Connect's code flow, with PKCE, a state and a nonce.

What has to come back lies meanwhile in a cookie that we signed and the browser keeps: no process has to remember it.
"""

from __future__ import annotations

import hmac
import secrets
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from finq_predictor.serving.access import tokens
from finq_predictor.serving.access.issuer import OidcIssuer, client_secret
from finq_predictor.serving.access.tokens import Claims, Purpose
from finq_predictor.serving.errors import RequestError, UnauthenticatedError, UnavailableError
from finq_predictor.serving.operation import Operation
from finq_predictor.serving.routes.login import page, signed_in
from finq_predictor.serving.runtime import Runtime, runtime

_PATH = "/session/issuer"
_BACK = f"{_PATH}/back"
_COOKIE = "finq-login"
_SECONDS = 600
_LONGEST = 4096


async def go(request: Request) -> Response:
    """GET /session/issuer: to the issuer, who asks who that is."""
    api = runtime(request)
    try:
        issuer, keys = _issuer(api), api.signing_in.require_keys()
        if "authorization_endpoint" not in issuer.places:
            raise UnavailableError("The issuer does not answer now; try again later.")
    except RequestError as error:
        return page(request, str(error), error)
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    with _client(issuer, request) as client:
        address, _ = client.create_authorization_url(
            issuer.places["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
        )
    # One string carries the three: none of them holds a colon.
    kept = Claims("login", f"{state}:{nonce}:{verifier}", 0, time.time() + _SECONDS)
    answer = RedirectResponse(address, 303)
    # Strict would keep it back when the issuer leads here.
    answer.set_cookie(
        _COOKIE,
        tokens.issue(keys, Purpose.LOGIN, kept),
        max_age=_SECONDS,
        path=_PATH,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return answer


async def back(request: Request) -> Response:
    """GET /session/issuer/back: where the issuer leads to, with a code."""
    api = runtime(request)
    try:
        issuer, keys = _issuer(api), api.signing_in.require_keys()
        kept = tokens.read(keys, Purpose.LOGIN, request.cookies.get(_COOKIE, ""))
        state, nonce, verifier = kept.session.split(":")
        given, code = (request.query_params.get(name, "") for name in ("state", "code"))
        if not hmac.compare_digest(given.encode(), state.encode()) or not 0 < len(code) < _LONGEST:
            raise UnauthenticatedError("This sign-in was not begun here, or was refused; begin again.")
        with api.signing_in.gate.entered():
            session = await api.signing_in.gate.run(
                _session, api, issuer, _client(issuer, request), code, verifier, nonce
            )
    except RequestError as error:
        return page(request, str(error), error)
    # A redirect would still count as coming from the issuer, and the browser would keep the new cookie back.
    text = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=/">'
        '<title>Signed in</title><p>Signed in. <a href="/">Go on</a></p></html>'
    )
    answer = signed_in(request, HTMLResponse(text), session)
    answer.delete_cookie(_COOKIE, path=_PATH)
    return answer


def _session(api: Runtime, issuer: OidcIssuer, client: Any, code: str, verifier: str, nonce: str) -> str:
    """The page's session of whoever the issuer says that is."""
    import httpx
    from authlib.common.errors import AuthlibBaseError

    try:
        with client:
            got = client.fetch_token(issuer.places["token_endpoint"], code=code, code_verifier=verifier)
    except (httpx.HTTPError, AuthlibBaseError, ValueError):
        # Its text may show the code.
        raise UnauthenticatedError("The issuer did not accept the sign-in; begin again.") from None
    claims = issuer.read(str(got.get("id_token", "")), issuer.client)
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise UnauthenticatedError("The issuer answered another sign-in than this one; begin again.")
    if claims.get("azp", issuer.client) != issuer.client:
        raise UnauthenticatedError("The issuer answered somebody else; begin again.")
    account = api.access.store.welcome(*issuer.known_as(claims))
    api.access.refresh()
    return api.signing_in.page_session(account)


def _client(issuer: OidcIssuer, request: Request) -> Any:
    from authlib.integrations.httpx_client import OAuth2Client

    return OAuth2Client(
        issuer.client,
        client_secret(),
        scope="openid profile",
        redirect_uri=f"{request.url.scheme}://{request.url.netloc}{_BACK}",
        code_challenge_method="S256",
        timeout=5.0,
    )


def _issuer(api: Runtime) -> OidcIssuer:
    issuer = api.access.issuer
    if not isinstance(issuer, OidcIssuer):
        raise UnauthenticatedError("Nobody else is asked who people are here; FINQ_OIDC_ISSUER names nobody.")
    return issuer


OPERATIONS = (
    Operation("get", _PATH, go, "Sign in with the issuer.", "text/html", plain=True, role=None, listed=False),
    Operation("get", _BACK, back, "Come back from it.", "text/html", plain=True, role=None, listed=False),
)
