"""Requests and answers of the routes under /auth."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field

from finq_predictor.serving.schemas import Request

_Text = Annotated[str, Field(min_length=1, max_length=256)]


class TokenRequest(Request):
    """Name and password; both are left out when an API key is sent in a header."""

    example: ClassVar[str] = '{"name": "desk", "password": "..."}'

    name: _Text | None = Field(default=None, description="Name of the account.")
    password: _Text | None = Field(default=None, description="Its password.")


class RefreshRequest(Request):
    """A refresh token."""

    example: ClassVar[str] = '{"refresh_token": "..."}'

    refresh_token: _Text = Field(description="The newest one of the session.")


class RevokeRequest(Request):
    """What to end."""

    example: ClassVar[str] = RefreshRequest.example

    refresh_token: _Text | None = Field(
        default=None, description="Ends its session; left out, the one of the access token in the header."
    )


class TokenAnswer(BaseModel):
    """A pair of tokens."""

    access_token: str = Field(description="Sent as `Authorization: Bearer ...`.")
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int = Field(description="Seconds until the access token expires.")
    refresh_token: str = Field(description="Gives the next pair, once; used twice, it ends the session.")
    request_id: str


class RevokeAnswer(BaseModel):
    """A session was ended."""

    revoked: bool
    request_id: str


class WhoAnswer(BaseModel):
    """Who asks."""

    name: str
    role: Literal["viewer", "predictor", "operator", "admin"]
    markets: list[str] | None = Field(description="The markets that may be asked about; null for all.")
    models: list[str] | None = Field(description="The models that may answer; null for all.")
    way: Literal["key", "token", "session", "issuer", "open"] = Field(
        description="How that was shown; `open` where nobody is asked."
    )
    request_id: str
