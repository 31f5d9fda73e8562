"""Errors of a request, and the HTTP status of every error of the product.

RequestError
├── MalformedBodyError    400  the body is not JSON, or not an object
├── InvalidRequestError   422  a field is absent, unknown, or of the wrong type or value
├── TooLargeError         413  the body or the batch is over its limit
├── MediaTypeError        415  the body is compressed
├── UnauthenticatedError  401  nobody says who asks, or what they send is not valid any more
├── ForbiddenError        403  they may not ask for this
├── TooManyError          429  they ask too often; says when to come again
├── OverloadedError       503  too many requests are being worked on; try again later
├── SlowAnswerError       503  the answer took too long and was given up
└── UnavailableError      503  the market is not served now; says why
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from finq_predictor.domain.errors import DataError, FinqError, PredictionRefusedError, UnknownNameError


class RequestError(FinqError):
    """A request that cannot be answered.

    Attributes:
        status: The HTTP status of the answer.
        headers: What the answer carries beside the usual.
    """

    status: ClassVar[int] = 400

    def __init__(self, message: str, headers: Mapping[str, str] | None = None) -> None:
        self.headers = dict(headers or {})
        super().__init__(message)


class MalformedBodyError(RequestError):
    """The body is not JSON, or not an object."""


class InvalidRequestError(RequestError):
    """A field is absent, unknown, or of the wrong type or value."""

    status = 422


class TooLargeError(RequestError):
    """The body or the batch is over its limit."""

    status = 413


class MediaTypeError(RequestError):
    """The body is in a form that is not read."""

    status = 415


class UnauthenticatedError(RequestError):
    """Nobody says who asks, or what they send is not valid, or not any more."""

    status = 401

    def __init__(self, message: str) -> None:
        super().__init__(message, {"WWW-Authenticate": 'Bearer realm="finq"'})


class ForbiddenError(RequestError):
    """They may not ask for this."""

    status = 403


class TooManyError(RequestError):
    """They ask too often."""

    status = 429


class OverloadedError(RequestError):
    """Too many requests are being worked on."""

    status = 503


class SlowAnswerError(RequestError):
    """The answer took too long and was given up."""

    status = 503


class UnavailableError(RequestError):
    """The market is not served now."""

    status = 503


class UnsuggestedNameError(UnknownNameError):
    """A name that does not exist, one of so many that near misses were not looked for.

    Args:
        kind: What the name stands for.
        given: The name that was asked for.
    """

    def __init__(self, kind: str, given: str) -> None:
        self.kind, self.given, self.known = kind, given, []
        FinqError.__init__(self, f"Unknown {kind} {given!r}; near misses are looked for the first unknown names only.")


def status_of(error: FinqError) -> int:
    """The HTTP status that an error of the product is answered with."""
    if isinstance(error, RequestError):
        return error.status
    if isinstance(error, UnknownNameError):
        return 404
    if isinstance(error, PredictionRefusedError):
        return 422
    return 503 if isinstance(error, DataError) else 500


def type_of(error: FinqError) -> str:
    """The short, stable name of an error in an answer, such as ``unknown_instrument``."""
    if isinstance(error, UnknownNameError):
        return f"unknown_{error.kind}"
    name = type(error).__name__.removesuffix("Error")
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
