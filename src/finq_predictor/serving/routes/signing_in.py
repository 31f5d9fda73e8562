"""POST /auth/token, /auth/refresh and /auth/revoke, and GET /auth/me."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from finq_predictor.serving.access.callers import Role
from finq_predictor.serving.access.guarding import address_of, caller
from finq_predictor.serving.access.signing_in import SigningIn, Tokens
from finq_predictor.serving.errors import InvalidRequestError
from finq_predictor.serving.middleware import JsonResponse, read_body, request_id
from finq_predictor.serving.operation import Operation
from finq_predictor.serving.routes.signing_in_schemas import (
    RefreshRequest,
    RevokeAnswer,
    RevokeRequest,
    TokenAnswer,
    TokenRequest,
    WhoAnswer,
)
from finq_predictor.serving.runtime import runtime
from finq_predictor.serving.schemas import RequestT, parse_body

_LONGEST_BODY = 4096


async def token(request: Request) -> Response:
    """POST /auth/token: tokens for a password or an API key."""
    api = runtime(request)
    asked = await _read(request, TokenRequest)
    work = api.signing_in
    if (asked.name is None) != (asked.password is None):
        raise InvalidRequestError("Give 'name' and 'password', or neither and an API key in the header Authorization.")
    with work.gate.entered():
        if asked.name is None or asked.password is None:
            found = api.access.caller(request.scope["headers"], address_of(request))
            return _pair(request, await work.gate.run(work.tokens_for_caller, found))
        return _pair(request, await work.gate.run(_by_password, work, asked.name, asked.password, address_of(request)))


def _by_password(work: SigningIn, name: str, password: str, peer: str | None) -> Tokens:
    return work.tokens_for(work.account(name, password, peer))


async def refresh(request: Request) -> Response:
    """POST /auth/refresh: the next pair of tokens."""
    work, asked = runtime(request).signing_in, await _read(request, RefreshRequest)
    with work.gate.entered():
        return _pair(request, await work.gate.run(work.renew, asked.refresh_token))


async def revoke(request: Request) -> Response:
    """POST /auth/revoke: end a session."""
    api, asked = runtime(request), await _read(request, RevokeRequest)
    work = api.signing_in
    with work.gate.entered():
        if asked.refresh_token is not None:
            await work.gate.run(work.end_by_refresh, asked.refresh_token)
        else:
            found = api.access.caller(request.scope["headers"], address_of(request))
            if found.way not in ("token", "session"):
                raise InvalidRequestError("Only tokens are ended here; a key is taken back with `finq auth revoke`.")
            await work.gate.run(work.end, found.credential)
    return JsonResponse({"revoked": True, "request_id": request_id(request)})


async def me(request: Request) -> Response:
    """GET /auth/me: who asks, and what they may do."""
    found = caller(request)
    return JsonResponse(
        {
            "name": found.name,
            "role": found.role,
            "markets": None if found.markets is None else sorted(found.markets),
            "models": None if found.models is None else sorted(found.models),
            "way": found.way,
            "request_id": request_id(request),
        }
    )


async def _read(request: Request, schema: type[RequestT]) -> RequestT:
    return parse_body(await read_body(request, _LONGEST_BODY) or b"{}", schema)


def _pair(request: Request, made: Tokens) -> Response:
    return JsonResponse(
        {
            "access_token": made.access,
            "token_type": "Bearer",
            "expires_in": made.seconds,
            "refresh_token": made.refresh,
            "request_id": request_id(request),
        }
    )


_ERRORS = (400, 401, 403, 413, 415, 422, 429, 503)
OPERATIONS = (
    Operation(
        "post",
        "/auth/token",
        token,
        "Tokens for a name and password, or for an API key in the header.",
        TokenAnswer,
        TokenRequest,
        {"name": "desk", "password": "..."},
        errors=_ERRORS,
        role=None,
    ),
    Operation(
        "post",
        "/auth/refresh",
        refresh,
        "The next pair of tokens; a refresh token that comes twice ends its session.",
        TokenAnswer,
        RefreshRequest,
        {"refresh_token": "..."},
        errors=_ERRORS,
        role=None,
    ),
    Operation(
        "post",
        "/auth/revoke",
        revoke,
        "End a session with all of its tokens.",
        RevokeAnswer,
        RevokeRequest,
        {"refresh_token": "..."},
        errors=_ERRORS,
        role=None,
    ),
    Operation("get", "/auth/me", me, "Who asks, and what they may do.", WhoAnswer, role=Role.VIEWER),
)
