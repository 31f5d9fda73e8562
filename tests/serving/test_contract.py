"""What the OpenAPI document promises holds for whatever a client sends: requests drawn from it, judged by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from finq_predictor.serving.openapi import document
from finq_predictor.serving.operation import Operation
from finq_predictor.serving.routes import OPERATIONS
from finq_predictor.serving.schemas import ErrorAnswer
from finq_predictor.serving.settings import AuthMode, Settings
from serving.access.doors import Door, door_beside
from serving.conftest import started

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
DRAWN = [one for one in OPERATIONS if not isinstance(one.answer, str)]
NAMES = [one.path for one in DRAWN]
ODD = [one for one in DRAWN if one.body is not None or one.query]
DEAR = frozenset({"/explain", "/history"})
"""Of these fewer are drawn: each answer is computed."""


@pytest.fixture(scope="module")
def door(two_markets, tmp_path_factory) -> Door:
    """Accounts beside the data of two markets."""
    return door_beside(two_markets, tmp_path_factory.mktemp("promises"), password=True)


@pytest.fixture(scope="module")
def admin(door) -> Iterator[Callable[..., Any]]:
    """Asks a service as its admin."""
    with started(Settings(data_root=door.root, auth=AuthMode.ON)) as client:

        def ask(method: str, url: str, headers: Any = None, **given: Any) -> Any:
            return client.request(method, url, headers={**dict(headers or {}), **door.bearer("the-admin")}, **given)

        yield ask


def judge(
    operation: Operation, ask: Callable[..., Any], examples: int, mode: GenerationMode = GenerationMode.POSITIVE
) -> None:
    """Send requests that the document allows, or that it does not, and hold the answers against what it promises."""
    examples = examples // 5 if operation.path in DEAR else examples
    schema = schemathesis.openapi.from_dict(ask("GET", "/openapi.json").json())
    found = schema[operation.paths[0]][operation.method.upper()]

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=found.as_strategy(generation_mode=mode))
    def run(case):
        asked = case.as_transport_kwargs(base_url="http://finq")
        kept = {name: asked[name] for name in ("params", "json", "headers") if asked.get(name) is not None}
        case.validate_response(ask(asked["method"], asked["url"], **kept), checks=CHECKS)

    run()


@pytest.mark.parametrize("operation", DRAWN, ids=NAMES)
def test_nothing_that_the_document_allows_breaks_its_promise(operation, admin):
    judge(operation, admin, examples=25)


@pytest.mark.parametrize("operation", ODD, ids=[one.path for one in ODD])
def test_nothing_that_it_does_not_allow_does_either(operation, admin):
    judge(operation, admin, examples=25, mode=GenerationMode.NEGATIVE)


@pytest.mark.proof
@pytest.mark.parametrize("operation", DRAWN, ids=NAMES)
def test_nothing_of_very_many_breaks_it(operation, admin):
    judge(operation, admin, examples=1500)


@pytest.mark.proof
@pytest.mark.parametrize("operation", ODD, ids=[one.path for one in ODD])
def test_nothing_of_very_many_that_are_not_allowed_breaks_it(operation, admin):
    judge(operation, admin, examples=1500, mode=GenerationMode.NEGATIVE)


def test_every_example_of_the_document_is_answered(client):
    described = document(OPERATIONS, "1")["paths"]
    for operation in OPERATIONS:
        if operation.body is None:
            continue
        content = described[operation.paths[0]][operation.method]["requestBody"]["content"]["application/json"]
        # The bars of the small market end before the date of the example.
        body = {name: value for name, value in content["example"].items() if name != "prediction_dates"}
        if operation.path.startswith("/auth/"):
            # Of accounts that only somebody else has.
            operation.body.model_validate(body)
            continue
        answer = client.request(operation.method.upper(), operation.path, json=body)
        assert answer.status_code == 200, f"{operation.path}: {answer.text}"


@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if not isinstance(one.answer, str)], ids=lambda one: one.path
)
def test_every_answer_is_shown_by_an_example_that_fits_its_schema(operation):
    described = document(OPERATIONS, "1")["paths"][operation.paths[0]][operation.method]["responses"]
    shown = described["200"]["content"]["application/json"]["example"]
    read = operation.answer.model_validate_json(orjson.dumps(shown))
    assert set(shown) >= {name for name, field in operation.answer.model_fields.items() if field.is_required()}
    assert set(shown) <= set(type(read).model_fields)
    for status in map(str, operation.errors):
        error = described[status]["content"]["application/json"]
        assert ErrorAnswer.model_validate(error["example"])
