"""The reference page of the parameters: every key of every stage with type, default and meaning, nested ones too."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo

INTRO = (
    "# Parameters\n\nEach stage takes one typed object per market; an unknown key or a wrong type stops the run before "
    "any node. A default is said here and nowhere else: `conf/base/parameters/<stage>.yml` holds what a market wants "
    'otherwise, the command line what a run wants otherwise: `--params "fx.training.n_folds=5"`, and with a dot more '
    'for each level, `--params "equity.ingestion.gates.min_instruments=5"`.\n\n'
)


def parameters_markdown() -> str:
    """Write the page."""
    return INTRO + "\n".join(
        section for name, model in stage_models().items() for section in sections(name, model, set())
    )


def stage_models() -> dict[str, type[BaseModel]]:
    """The typed parameters of each stage, by the name they have in the configuration."""
    from finq_predictor.pipelines.evaluation.params import EvaluationParams
    from finq_predictor.pipelines.features.params import FeaturesParams
    from finq_predictor.pipelines.ingestion.params import IngestionParams
    from finq_predictor.pipelines.monitoring.params import MonitoringParams
    from finq_predictor.pipelines.sentiment.params import SentimentParams
    from finq_predictor.pipelines.training.params import TrainingParams

    return {
        "ingestion": IngestionParams,
        "sentiment": SentimentParams,
        "features": FeaturesParams,
        "training": TrainingParams,
        "evaluation": EvaluationParams,
        "monitoring": MonitoringParams,
    }


def sections(name: str, model: type, done: set[type]) -> Iterator[str]:
    """The table of a model, then those of the models inside it, each once."""
    done.add(model)
    text, meanings = _documented(model)
    rows, inner = [], []
    for key, kind, default in _keys(model):
        rows.append(f"| `{key}` | {_type(kind)} | {default} | {meanings.get(key, '')} |")
        inner += [(f"{name}.{key}{path}", nested) for path, nested in _nested(kind)]
    heading = "##" if "." not in name else "###"
    table = "| key | type | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows)
    yield f"{heading} {name}\n\n{text}\n\n{table}\n"
    for path, nested in inner:
        if nested not in done:
            yield from sections(path, nested, done)


def _keys(model: Any) -> Iterator[tuple[str, Any, str]]:
    """Name, type with its limits, and default in words of each key."""
    if issubclass(model, BaseModel):
        for name, info in model.model_fields.items():
            kind: Any = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
            default = MISSING if info.is_required() else info.get_default(call_default_factory=True)
            yield name, kind, _default(kind, default)
        return
    hints = get_type_hints(model, include_extras=True)
    for each in fields(model):
        default = each.default if each.default_factory is MISSING else each.default_factory()
        yield each.name, hints[each.name], _default(hints[each.name], default)


def _default(kind: Any, value: Any) -> str:
    if value is MISSING:
        return "must be given"
    if isinstance(value, dict | tuple | list):
        return f"`[{', '.join(map(str, value))}]`" if value else "none"
    if next(_nested(kind), None):
        return "below"
    return "`null`" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _nested(kind: Any) -> Iterator[tuple[str, type]]:
    """Models inside a type, with the path that leads to them: a mapping of models has a name in between."""
    if isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, BaseModel)):
        yield "", kind
    elif get_origin(kind) in (dict, Mapping):
        yield from ((f".<name>{path}", model) for path, model in _nested(get_args(kind)[1]))
    elif get_origin(kind) in (Annotated, Union, UnionType):
        for part in get_args(kind):
            yield from _nested(part)


def _type(kind: Any, limits: str = "") -> str:
    """A type in words, with its limits."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _type(args[0], "".join(map(_limits, args[1:])))
    if origin in (Union, UnionType):
        return " or ".join("`null`" if part is NoneType else _type(part, limits) for part in args)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in args)
    if origin in (tuple, list):
        return f"list of {_type(args[0])}"
    if origin in (dict, Mapping):
        return f"mapping to {_type(args[1])}"
    if next(_nested(kind), None):
        return "keys below"
    names = {int: "whole number", float: "number", str: "text", bool: "`true` or `false`", Any: "anything"}
    return (names.get(kind) or str(getattr(kind, "__name__", kind))) + limits


def _limits(extra: Any) -> str:
    words = {"gt": "above", "ge": "from", "lt": "below", "le": "up to"}
    return "".join(
        f" {word} {getattr(bound, sign):g}"
        for bound in (extra.metadata if isinstance(extra, FieldInfo) else [extra])
        for sign, word in words.items()
        if getattr(bound, sign, None) is not None
    )


def _documented(model: type) -> tuple[str, dict[str, str]]:
    """Split a Google-style docstring into its text and the meaning of each attribute."""
    text, _, attributes = inspect.cleandoc(model.__doc__ or "").partition("Attributes:\n")
    meanings: dict[str, str] = {}
    name = ""
    for line in attributes.splitlines():
        if line and not line.startswith(" "):
            break  # the next section
        if line.startswith("    ") and not line.startswith("        ") and ":" in line:
            name, _, meaning = line.strip().partition(":")
            meanings[name] = meaning.strip()
        elif line.strip() and name:
            meanings[name] += " " + line.strip()
    return text.strip(), {name: _in_markdown(meaning) for name, meaning in meanings.items()}


def _in_markdown(meaning: str) -> str:
    return re.sub(r"\bNone\b", "`null`", meaning.replace("``", "`")).replace("|", "\\|")
