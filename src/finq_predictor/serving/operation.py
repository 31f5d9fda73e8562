"""What the API can be asked, said once: the route, and what the OpenAPI document tells of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from finq_predictor.serving.access.callers import Role

VERSION = "/v1"
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, eq=False)
class Operation:
    """One route.

    Attributes:
        method: In small letters.
        path: Without the version.
        endpoint: What answers.
        summary: What it does, in a sentence.
        answer: Schema of the answer, or its media type.
        body: Schema of the body; None where there is none.
        example: A body.
        query: Names and meanings of what may stand in the query.
        errors: The statuses of errors that it answers with.
        tables: Media types in which it answers besides JSON.
        listed: Whether the document tells of it; what only the page's own forms send is no part of the contract.
        role: What a caller must be to ask it; None where nobody is asked who they are, which has to be said.
        plain: Whether it has no version: pages, probes, and what other programs look for at a place of their own.
    """

    method: str
    path: str
    endpoint: Endpoint
    summary: str
    answer: type[BaseModel] | str
    body: type[BaseModel] | None = None
    example: dict[str, Any] = field(default_factory=dict)
    query: tuple[tuple[str, str], ...] = ()
    errors: tuple[int, ...] = ()
    tables: tuple[str, ...] = ()
    plain: bool = False
    role: Role | None = Role.ADMIN
    listed: bool = True

    @property
    def paths(self) -> tuple[str, ...]:
        """Where it is reached; the first one is documented, the others mean the same."""
        return (self.path,) if self.plain else (VERSION + self.path, self.path)


def names_by_path(operations: Iterable[Operation]) -> Iterator[tuple[str, str]]:
    """Each path, and the name under which requests to it are counted."""
    for operation in operations:
        for path in operation.paths:
            yield path, operation.path
