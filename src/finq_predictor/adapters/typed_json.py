"""Typed values as JSON, and back: a value that was read is of the type that is asked for, or the error names the field.

Keys are the names of the fields, in their order; enumerations are their values, tuples are lists.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from finq_predictor.domain.errors import StoreError

T = TypeVar("T")
_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)
_MOST_PROBLEMS = 5
_WORDS = {"missing": "is missing", "unexpected_keyword_argument": "is not known"}


def plain(value: object) -> Any:
    """The value as JSON can say it: mappings, lists, text, numbers, booleans and None.

    Raises:
        StoreError: If a field holds something that is not of its type.
    """
    try:
        return _adapter(type(value)).dump_python(value, mode="json", warnings="error")
    except PydanticSerializationError as error:
        said = " ".join(str(error).split())
        raise StoreError(f"This {type(value).__name__} holds what its fields do not allow: {said}") from error


def to_json(value: object) -> str:
    """The value as a JSON document, one field a line.

    Raises:
        StoreError: If a field holds something that is not of its type, or a number that JSON cannot say.
    """
    try:
        return json.dumps(plain(value), indent=2, allow_nan=False)
    except ValueError as error:
        raise StoreError(f"This {type(value).__name__} holds a number that JSON cannot say: {error}") from error


def from_json(kind: type[T], text: str | bytes, place: object, advice: str) -> T:
    """Read a value.

    Args:
        kind: Its type: a dataclass or a Pydantic model.
        text: JSON document.
        place: Where it was found, for the message.
        advice: What to do when it cannot be read, one sentence.

    Raises:
        StoreError: If a field is missing, unknown or of another type; names place, fields and what to do.
    """
    try:
        # Strict, so that nothing is guessed: what is read is what was written.
        value: T = _adapter(kind).validate_json(text, strict=True, extra="forbid")
    except ValidationError as error:
        raise StoreError(f"{place} cannot be read as {kind.__name__}: {_problems(error)}. {advice}") from error
    return value


def _problems(error: ValidationError) -> str:
    found = error.errors(include_url=False)
    lines = [_problem(one) for one in found[:_MOST_PROBLEMS]]
    return "; ".join(lines) + (f"; and {len(found) - _MOST_PROBLEMS} more" if len(found) > _MOST_PROBLEMS else "")


def _problem(one: Any) -> str:
    name = ".".join(map(str, one["loc"]))
    if not name:
        return str(one["msg"])
    return f"field {name} {_WORDS.get(one['type']) or f'''holds {one['input']!r}: {one['msg']}'''}"
