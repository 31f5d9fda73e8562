"""Each parameter is said once: a default in its typed object, a value in the configuration only where it differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from kedro.config import OmegaConfigLoader
from pydantic import BaseModel, TypeAdapter, ValidationError

from finq_predictor.cli.parameters_page import parameters_markdown, stage_models
from finq_predictor.domain.ingestion.rules import CleaningRules, GateLimits, ReadingRules
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.splits import Gap
from finq_predictor.settings import CONFIG_LOADER_ARGS

MODELS = stage_models()
# What has no default: which models run, and which of them measures leaks.
REQUIRED = {"training": {"models": {"base_rate": {}}, "leak_meter": {"model": "xgboost"}}}


def written(project_path, env: str) -> dict[str, Any]:
    """The parameters as configured, of the base or of what an overlay adds to it."""
    arguments = {**CONFIG_LOADER_ARGS, "merge_strategy": {"parameters": "destructive", "globals": "soft"}}
    loader = OmegaConfigLoader(str(project_path / "conf"), env=env, **arguments)
    return dict(loader["parameters"])


def default_of(stage: str) -> BaseModel:
    return MODELS[stage](**REQUIRED.get(stage, {}))


def nested(thing: Any) -> Iterator[tuple[str, Any]]:
    """Models inside a model, by path."""
    for name in _names(thing):
        value = getattr(thing, name)
        if is_dataclass(value) or isinstance(value, BaseModel):
            yield name, value
            yield from ((f"{name}.{path}", inner) for path, inner in nested(value))


def repeated(given: dict[str, Any], default: Any, path: str) -> Iterator[str]:
    """Keys whose value is the default's already."""
    for name, value in given.items():
        known = getattr(default, name)
        if is_dataclass(known) or isinstance(known, BaseModel):
            yield from repeated(value, known, f"{path}.{name}")
        elif not _required(default, name) and _plain(known) == _plain(value):
            yield f"{path}.{name}"


def _required(thing: Any, name: str) -> bool:
    return isinstance(thing, BaseModel) and type(thing).model_fields[name].is_required()


def _names(thing: Any) -> list[str]:
    return list(type(thing).model_fields) if isinstance(thing, BaseModel) else [each.name for each in fields(thing)]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple | list) else value


@pytest.mark.parametrize("env", ["base", "own", "test"])
def test_no_value_of_the_configuration_repeats_a_default(project_path, env):
    found = [
        key
        for market, stages in written(project_path, env).items()
        if market in MARKETS
        for stage, given in stages.items()
        for key in repeated(given, default_of(stage), f"{market}.{stage}")
    ]
    assert not found, "a default is said in the typed object and nowhere else"


def test_a_repeated_default_is_found():
    given = {"gates": {"min_instruments": 1, "max_null_share": 0.3}, "cleaning": {"wick_factor": 5}}
    keys = repeated(given, default_of("ingestion"), "fx.ingestion")
    assert list(keys) == ["fx.ingestion.gates.min_instruments", "fx.ingestion.cleaning.wick_factor"]


@pytest.mark.parametrize("stage", MODELS)
def test_a_stage_takes_the_defaults_of_the_domain_as_they_are(stage):
    default = default_of(stage)
    for path, value in nested(default):
        if "." in path or not _required(default, path):
            assert value == type(value)(), path


@pytest.mark.parametrize("stage", MODELS)
def test_an_unknown_key_is_refused_at_every_level(stage):
    default = default_of(stage)
    assert not any("market" in _names(thing) for thing in (default, *dict(nested(default)).values()))
    for model in (type(default), *(type(value) for _, value in nested(default))):
        with pytest.raises(ValidationError, match=r"kez"):
            TypeAdapter(model).validate_python({"kez": 1})


@pytest.mark.parametrize(
    ("model", "wrong"),
    [
        (CleaningRules, {"max_jump": 1.0}),
        (CleaningRules, {"max_bad_share": 1.1}),
        (GateLimits, {"min_instruments": 0}),
        (GateLimits, {"max_null_share": -0.1}),
        (ReadingRules, {"time_marks": "middle"}),
        (ReadingRules, {"bar_minutes": 0}),
        (Gap, {"embargo_bars": -1}),
    ],
)
def test_caveats_of_nested_objects_are_kept(model, wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        TypeAdapter(model).validate_python(wrong)


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("env", ["base", "own", "test"])
def test_every_stage_of_every_market_is_configured_and_valid(project_path, env, market):
    loader = OmegaConfigLoader(str(project_path / "conf"), env=env, **CONFIG_LOADER_ARGS)
    stages = loader["parameters"][market]
    assert set(stages) == set(MODELS)
    for stage, given in stages.items():
        MODELS[stage](**given)


def test_a_value_of_the_command_line_reaches_a_nested_object(project_path):
    given = {"fx": {"ingestion": {"gates": {"min_instruments": 5}}, "training": {"n_folds": 5}}}
    loader = OmegaConfigLoader(str(project_path / "conf"), env="base", runtime_params=given, **CONFIG_LOADER_ARGS)
    parameters = loader["parameters"]
    ingestion = MODELS["ingestion"](**parameters["fx"]["ingestion"])
    assert ingestion.gates == GateLimits(min_instruments=5)
    assert ingestion.cleaning.max_jump == 1.5, "what was not given stays"
    assert MODELS["training"](**parameters["fx"]["training"]).n_folds == 5


def test_the_page_explains_every_key_of_every_level():
    page = parameters_markdown()
    for stage in MODELS:
        default = default_of(stage)
        for path, thing in (("", default), *((f".{path}", value) for path, value in nested(default))):
            section = page.partition(f"# {stage}{path}\n")[2].partition("\n#")[0]
            for name in _names(thing):
                row = next((line for line in section.splitlines() if line.startswith(f"| `{name}` |")), "")
                assert row, f"{stage}{path}.{name} has no row"
                assert all(cell.strip() for cell in row.split(" | ")), row
                assert not row.endswith("|  |"), f"{stage}{path}.{name} has no meaning"


def test_the_page_says_type_limits_and_default():
    page = parameters_markdown()
    assert "| `max_jump` | number above 1 | `4.0` | A price that many times the last one" in page
    assert (
        "| `bar_minutes` | whole number above 0 or `null` | `null` | Length of a bar in minutes; `null` takes" in page
    )
    assert "| `models` | mapping to keys below | must be given | The race, by name. |" in page
    assert "### training.models.<name>.search.<name>\n" in page
