"""A typed value comes back from its file as it went in; a file of other code is refused with the field's name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kedro.io import AbstractDataset, DatasetError
from kedro.utils import load_obj
from omegaconf import OmegaConf
from pydantic import JsonValue, RootModel

from finq_predictor.adapters.datasets.json_value import JsonValueDataset
from finq_predictor.adapters.tracking import TrackedRuns
from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.features import FeatureSet
from finq_predictor.domain.ingestion.gates import Check, IngestionChecks
from finq_predictor.domain.ingestion.provenance import Provenance
from finq_predictor.domain.modelling.origin import CodeVersion, Origin, TrainingSummary
from finq_predictor.domain.modelling.refusals import AbstentionRules, ConformalUse
from finq_predictor.domain.modelling.search import Hyperparameters
from finq_predictor.domain.portfolio.rules import PortfolioRules
from finq_predictor.domain.promotion.decision import Decision
from synthetic_values import make_provenance

CATALOG = Path(__file__).resolve().parents[3] / "conf" / "base" / "catalog"
PLAIN = {
    str: st.text(max_size=12),
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    NoneType: st.none(),
}
JSON = st.recursive(
    st.one_of(*PLAIN.values()),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(PLAIN[str], inner, max_size=2),
    max_leaves=4,
)

# Of what refuses most of what its fields could hold.
OWN = {
    BacktestRules: st.builds(
        BacktestRules,
        execution=st.sampled_from(("close", "open")),
        entry_lag=st.integers(1, 5),
        cost_bp=st.floats(0.0, 50.0),
        delisting_return=st.none() | st.floats(-1.0, 0.0),
    ),
    PortfolioRules: st.builds(PortfolioRules, every=st.integers(1, 60), held=st.integers(1, 60)),
    AbstentionRules: st.builds(
        AbstentionRules, min_confidence=st.floats(0.0, 1.0), conformal=st.sampled_from(list(ConformalUse))
    ),
}


def path_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def dataset(kind: type, folder: Path) -> JsonValueDataset:
    return JsonValueDataset(value=path_of(kind), filepath=str(folder / "02_silver" / "value.json"))


def stored() -> list[type]:
    """Every type that the catalog keeps in a JSON file."""
    found = set()
    for file in sorted(CATALOG.glob("*.yml")):
        entries = OmegaConf.to_container(OmegaConf.load(file), resolve=False)
        found |= {entry["value"] for entry in entries.values() if isinstance(entry, dict) and "value" in entry}
    return [load_obj(path) for path in sorted(found)]


def values_of(annotation: Any) -> st.SearchStrategy[Any]:
    """Values of an annotation: what a typed value may be made of, and nothing else."""
    if annotation is JsonValue:
        return JSON
    if annotation in PLAIN:
        return PLAIN[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return st.one_of(*map(values_of, arguments))
    if origin is tuple:
        assert arguments[1:] == (Ellipsis,)
        return st.lists(values_of(arguments[0]), max_size=3).map(tuple)
    if origin is Mapping:
        return st.dictionaries(values_of(arguments[0]), values_of(arguments[1]), max_size=3)
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return st.sampled_from(list(annotation))
    if issubclass(annotation, RootModel):
        return values_of(annotation.model_fields["root"].annotation).map(annotation)
    if annotation in OWN:
        return OWN[annotation]
    assert is_dataclass(annotation), f"a typed value cannot hold {annotation}"
    hints = get_type_hints(annotation)
    return st.builds(annotation, **{field.name: values_of(hints[field.name]) for field in fields(annotation)})


def test_the_catalog_keeps_typed_values():
    assert {Provenance, IngestionChecks, FeatureSet, TrainingSummary, Hyperparameters, Decision} <= set(stored())


@pytest.mark.parametrize("kind", [*stored(), TrackedRuns, CodeVersion, Origin], ids=lambda kind: kind.__name__)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_value_survives_the_round_trip(kind, tmp_path, data):
    value = data.draw(values_of(kind))
    kept = dataset(kind, tmp_path)
    kept.save(value)
    first = kept._path.read_bytes()
    again = kept.load()
    assert type(again) is kind
    assert again == value
    kept.save(again)
    assert kept._path.read_bytes() == first


def test_keys_and_values_are_those_of_the_fields(tmp_path):
    value = make_provenance()
    kept = dataset(Provenance, tmp_path)
    kept.save(value)
    content = json.loads(kept._path.read_text())
    assert list(content) == [field.name for field in fields(Provenance)]
    assert content["content_hashes"] == {"bars": ["9f2c41d07be1aa52"], "benchmark": ["1b77c0de00aa1122"]}
    assert not [file for file in kept._path.parent.iterdir() if file.name.startswith(".")]


def without(name: str):
    return lambda content: {key: value for key, value in content.items() if key != name}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (without("instruments"), "field instruments is missing"),
        (lambda content: content | {"colour": "red"}, "field colour is not known"),
        (lambda content: content | {"rows": {"bars": "many"}}, "field rows.bars holds 'many': .*integer"),
        (lambda content: content | {"simulated": "yes"}, "field simulated holds 'yes'"),
        (
            lambda content: content | {"source": None, "first_ts": 1},
            "field source holds None.*; field first_ts holds 1",
        ),
    ],
)
def test_a_file_of_other_code_is_refused_with_field_and_advice(spoil, said, tmp_path):
    kept = dataset(Provenance, tmp_path)
    kept.save(make_provenance())
    kept._path.write_text(json.dumps(spoil(json.loads(kept._path.read_text()))))
    with pytest.raises(DatasetError, match=rf"value\.json cannot be read as Provenance: {said}") as caught:
        kept.load()
    assert "written by other code or changed by hand. Make it with: kedro run --pipelines=ingestion" in str(
        caught.value
    )


def test_a_damaged_or_absent_file_says_what_to_do(tmp_path):
    kept = dataset(Provenance, tmp_path)
    assert not kept.exists()
    with pytest.raises(DatasetError, match=r"There is no file .*value\.json\. Make it with: kedro run"):
        kept.load()
    kept.save(make_provenance())
    kept._path.write_bytes(kept._path.read_bytes()[:40])
    with pytest.raises(DatasetError, match=r"cannot be read as Provenance: Invalid JSON.*Make it with"):
        kept.load()


def test_only_its_type_is_kept(tmp_path):
    kept = dataset(Provenance, tmp_path)
    with pytest.raises(DatasetError, match=r"keeps Provenance, not dict; let the node return one"):
        kept.save({"source": "own"})
    with pytest.raises(DatasetError, match=r"This Provenance holds what its fields do not allow: .*`int`"):
        kept.save(replace(make_provenance(), instruments="many"))
    odd = IngestionChecks("fx", (Check("bars", "rule", True, float("nan"), 1.0),), {}, {})
    with pytest.raises(DatasetError, match="This IngestionChecks holds a number that JSON cannot say"):
        dataset(IngestionChecks, tmp_path).save(odd)
    assert not kept.exists()


def test_made_from_a_catalog_entry(tmp_path):
    entry = {
        "type": "finq_predictor.adapters.datasets.json_value.JsonValueDataset",
        "value": path_of(Provenance),
        "filepath": str(tmp_path / "x.json"),
        "made_by": "elsewhere",
        "metadata": {"kedro-viz": {"layer": "silver"}},
    }
    made = AbstractDataset.from_config("provenance", entry)
    assert made.metadata == {"kedro-viz": {"layer": "silver"}}
    assert "Provenance" in str(made)
    made.save(make_provenance())
    assert '"simulated-0"' in made.preview()
    (tmp_path / "x.json").unlink()
    with pytest.raises(DatasetError, match="--pipelines=elsewhere"):
        made.load()
