"""What crosses a node has a type that says what it is: a frame, a typed value, or such values by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd
import pytest
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project

from finq_predictor.domain.modelling.bundle import ModelBundle

SAYS_NOTHING = (Any, object, dict, Mapping, list, tuple, set)
DOMAIN = "finq_predictor.domain."


def untyped(annotation: Any, seen: frozenset[Any] = frozenset()) -> Iterator[str]:
    """What in an annotation says nothing about the value; the fields of the domain's own values are looked at too."""
    if annotation in SAYS_NOTHING:
        yield getattr(annotation, "__name__", str(annotation))
    # An array's shape is Any to numpy; what it holds is said by its second argument.
    for argument in get_args(annotation)[1 if get_origin(annotation) is np.ndarray else 0 :]:
        yield from untyped(argument, seen)
    if not isinstance(annotation, type) or not is_dataclass(annotation) or annotation in seen:
        return
    if not annotation.__dataclass_params__.frozen:
        yield f"{annotation.__name__}, which can be changed"
    if annotation.__module__.startswith(DOMAIN) and annotation is not ModelBundle:
        hints = get_type_hints(annotation)
        for field in fields(annotation):
            for found in untyped(hints[field.name], seen | {annotation}):
                yield f"{annotation.__name__}.{field.name}: {found}"


def complaints(function: Callable[..., Any]) -> list[str]:
    """Parameters and results of a function that say nothing about the value."""
    function = inspect.unwrap(function)
    hints = get_type_hints(function)
    names = [*inspect.signature(function).parameters, "return"]
    return [
        f"{function.__name__}({name}): {found}"
        for name in names
        for found in (untyped(hints[name]) if name in hints else ["no annotation"])
    ]


@pytest.fixture(scope="module")
def functions(project_path) -> list[Callable[..., Any]]:
    bootstrap_project(project_path)
    found = {inspect.unwrap(node.func): node.func for node in pipelines["__default__"].nodes}
    return list(found.values())


def test_no_node_passes_what_says_nothing(functions):
    assert len(functions) > 20
    assert [found for function in functions for found in complaints(function)] == []


def test_what_says_nothing_is_noticed():
    def bare(a: dict, b: Mapping[str, Any], c: dict[str, list[Any]], d, e: pd.DataFrame) -> tuple[pd.DataFrame, Any]:
        """Says nothing in five places."""

    def typed(a: Mapping[str, ModelBundle], b: tuple[str, ...], c: pd.DataFrame | None) -> dict[str, ModelBundle]:
        """Says what it takes and gives."""

    assert complaints(bare) == [
        "bare(a): dict",
        "bare(b): Any",
        "bare(c): Any",
        "bare(d): no annotation",
        "bare(return): Any",
    ]
    assert complaints(typed) == []
