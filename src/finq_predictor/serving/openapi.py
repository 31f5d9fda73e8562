"""The OpenAPI 3.1 document, assembled from the schemas that check the requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from finq_predictor.serving import schemas

_MODELS: tuple[tuple[type[BaseModel], Any], ...] = (
    (schemas.PredictRequest, "validation"),
    (schemas.BatchRequest, "validation"),
    *(
        (model, "serialization")
        for model in (
            schemas.PredictAnswer,
            schemas.BatchAnswer,
            schemas.RankingAnswer,
            schemas.Standing,
            schemas.ModelsAnswer,
            schemas.ErrorAnswer,
        )
    ),
)
_ERRORS = {
    400: "The body is not a JSON object.",
    404: "The instrument or market does not exist; near misses are suggested.",
    413: "The body or the batch is over its limit.",
    415: "The body is compressed.",
    422: "A field or date is wrong; says what was expected, and the valid dates.",
    503: "The market is not served now, or too many requests are being worked on; says which. Try again after the "
    "seconds of `Retry-After`.",
}


_RETRY = {"Retry-After": {"description": "Seconds until it is worth trying again.", "schema": {"type": "integer"}}}
_ALIVE = ("/livez", "/healthz")


@dataclass(frozen=True)
class Operation:
    """One documented route."""

    method: str
    path: str
    summary: str
    answer: type[BaseModel] | str
    body: type[BaseModel] | None = None
    example: dict[str, Any] = field(default_factory=dict)
    query: tuple[tuple[str, str], ...] = ()
    errors: tuple[int, ...] = ()


OPERATIONS = (
    Operation(
        "post",
        "/predict",
        "One calibrated prediction.",
        schemas.PredictAnswer,
        schemas.PredictRequest,
        {"instrument": "AAPL"},
        errors=(400, 404, 413, 415, 422, 503),
    ),
    Operation(
        "post",
        "/batch_predict",
        "Every instrument at every date, or a list of single requests; what cannot be answered is listed.",
        schemas.BatchAnswer,
        schemas.BatchRequest,
        {"instruments": ["AAPL", "MSFT"], "prediction_dates": ["2024-01-31"]},
        errors=(400, 404, 413, 415, 422, 503),
    ),
    Operation(
        "get",
        "/ranking",
        "All instruments of a market at one bar, the most probable first.",
        schemas.RankingAnswer,
        query=(
            ("market", f"{schemas.MARKET_NAMES}; may be left out when only one is served."),
            ("prediction_date", "As in /predict."),
            ("limit", "How many to show; all when left out."),
        ),
        errors=(404, 422, 503),
    ),
    Operation("get", "/models", "The models that are served and where they come from.", schemas.ModelsAnswer),
    Operation("get", "/health", "200 when requests can be answered, else 503 with the reason.", schemas.Standing),
    Operation("get", "/ready", "Like /health; for load balancers.", schemas.Standing),
    Operation("get", "/readyz", "Like /ready; where orchestrators look for it.", schemas.Standing),
    Operation("get", "/livez", "200 as long as the process answers, with what /health says.", schemas.Standing),
    Operation("get", "/healthz", "Like /livez.", schemas.Standing),
    Operation("get", "/metrics", "Prometheus metrics.", "text/plain"),
    Operation("get", "/openapi.json", "This document.", "application/json"),
    Operation("get", "/docs", "This document as a page.", "text/html"),
    Operation("get", "/", "Today's ranking as a page.", "text/html"),
)


@cache
def document(version: str) -> dict[str, Any]:
    """The OpenAPI document.

    Args:
        version: Version of the product.
    """
    _, definitions = models_json_schema(list(_MODELS), ref_template="#/components/schemas/{model}")
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _describe(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "finq_predictor",
            "version": version,
            "description": "Calibrated probabilities that a stock beats its benchmark or that an FX pair rises.",
        },
        "paths": paths,
        "components": {"schemas": definitions["$defs"]},
    }


def _describe(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": operation.path.strip("/").replace(".", "_") or "page",
        "responses": {"200": {"description": "The answer.", "content": _content(operation.answer)}},
    }
    if operation.answer is schemas.Standing and operation.path not in _ALIVE:
        described["responses"]["503"] = {"description": "Not able to answer.", "content": _content(schemas.Standing)}
    for status in operation.errors:
        described["responses"][str(status)] = {
            "description": _ERRORS[status],
            **({"headers": _RETRY} if status == 503 else {}),
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
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{answer.__name__}"}}}
