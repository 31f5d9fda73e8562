"""The OpenAPI 3.1 document, assembled from the schemas that check the requests."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from finq_predictor.serving import schemas
from finq_predictor.serving.examples import EXAMPLES
from finq_predictor.serving.operation import Operation

_ERRORS = {
    400: "The body is not a JSON object.",
    401: "Nobody says who asks, or what they show is not valid.",
    403: "The caller may not ask for this; says what it takes.",
    404: "The instrument or market does not exist; near misses are suggested.",
    413: "The body or the batch is over its limit.",
    415: "The body is compressed.",
    422: "A field or date is wrong; says what was expected, and the valid dates.",
    429: "Too many requests. Try again after the seconds of `Retry-After`.",
    503: "The market is not served now, or too many requests are being worked on; says which. Try again after the "
    "seconds of `Retry-After`.",
}


_RETRY = {"Retry-After": {"description": "Seconds until it is worth trying again.", "schema": {"type": "integer"}}}
_SCHEMES = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."},
    "token": {"type": "http", "scheme": "bearer", "description": "An access token of POST /auth/token, or an API key."},
}
_ALIVE = ("/livez", "/healthz")


@cache
def document(operations: tuple[Operation, ...], version: str) -> dict[str, Any]:
    """The OpenAPI document.

    Args:
        operations: What can be asked.
        version: Version of the product.
    """
    _, definitions = models_json_schema(_models(operations), ref_template="#/components/schemas/{model}")
    paths: dict[str, Any] = {}
    for operation in filter(lambda one: one.listed, operations):
        paths.setdefault(operation.paths[0], {})[operation.method] = _describe(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "finq_predictor",
            "version": version,
            "description": "Calibrated probabilities that a stock beats its benchmark or that an FX pair rises.",
        },
        "paths": paths,
        "components": {"schemas": definitions["$defs"], "securitySchemes": _SCHEMES},
    }


def _models(operations: tuple[Operation, ...]) -> list[Any]:
    bodies = {operation.body for operation in operations if operation.body is not None}
    answers = {operation.answer for operation in operations if not isinstance(operation.answer, str)}
    models = [(one, "validation") for one in bodies] + [
        (one, "serialization") for one in answers | {schemas.ErrorAnswer}
    ]
    return sorted(models, key=lambda model: model[0].__name__)


def _describe(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": operation.path.strip("/").replace(".", "_") or "page",
        "responses": {"200": {"description": "The answer.", "content": _content(operation.answer)}},
    }
    for media_type in operation.tables:
        described["responses"]["200"]["content"][media_type] = {"schema": {"type": "string", "format": "binary"}}
    if operation.answer is schemas.Standing and operation.path not in _ALIVE:
        described["responses"]["503"] = {"description": "Not able to answer.", "content": _content(schemas.Standing)}
    guards = () if operation.role is None else (401, 403, 429)
    if guards:
        described["security"] = [{"key": []}, {"token": []}]
    for status in sorted({*guards, *operation.errors}):
        described["responses"][str(status)] = {
            "description": _ERRORS[status],
            **({"headers": _RETRY} if status in (429, 503) else {}),
            "content": _content(schemas.ErrorAnswer),
        }
    if operation.body is not None:
        content = _content(operation.body)
        content["application/json"]["example"] = operation.example
        described["requestBody"] = {"required": True, "content": content}
    if operation.query:
        described["parameters"] = [
            {"name": name, "in": "query", "required": False, "description": text, "schema": {"type": "string"}}
            for name, text in operation.query
        ]
    return described


def _content(answer: type[BaseModel] | str) -> dict[str, Any]:
    if isinstance(answer, str):
        return {answer: {"schema": {"type": "object" if answer == "application/json" else "string"}}}
    shown = {"example": EXAMPLES[answer.__name__]} if answer.__name__ in EXAMPLES else {}
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{answer.__name__}"}, **shown}}
