from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from finq_predictor.adapters import bundle_store
from finq_predictor.adapters.bundle_store import load_bundle, save_bundle
from finq_predictor.adapters.datasets.bundles import BundlesDataset
from finq_predictor.domain.errors import FinqError, StoreError
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.calibration import PlattCalibrator
from finq_predictor.domain.modelling.models import create_model
from finq_predictor.domain.modelling.training_profile import build_profile
from synthetic_gold import feature_names, make_feature_set, make_gold
from synthetic_values import make_limits, make_origin, make_version


@pytest.fixture(scope="module")
def gold():
    return make_gold(n_instruments=8, n_dates=80)


def make_bundle(gold, name: str = "xgboost", **origin) -> ModelBundle:
    known = gold.dropna(subset=["label_5"])
    X, y = known[feature_names(gold)], known["label_5"].to_numpy()
    model = create_model(name).fit(X, y, seed=1)
    return ModelBundle(
        market="equity",
        name=name,
        horizon=5,
        feature_set=make_feature_set(gold),
        model=model,
        calibrator=PlattCalibrator().fit(model.predict_score(X), y),
        **make_limits(X, y, model.predict_score(X)),
        profile=build_profile(X, y, model.predict_score(X)),
        origin=make_origin(kind=model.kind, params=model.params, **origin),
    )


@pytest.fixture(scope="module")
def bundle(gold):
    return make_bundle(gold)


@pytest.mark.parametrize("name", ["base_rate", "logistic", "xgboost"])
def test_what_is_read_predicts_the_same_bits(name, gold, tmp_path):
    bundle = make_bundle(gold, name)
    save_bundle(bundle, tmp_path / "deep" / "model")
    again = load_bundle(tmp_path / "deep" / "model")
    np.testing.assert_array_equal(again.predict(gold)["probability"], bundle.predict(gold)["probability"])
    for ours, theirs in zip(again.place(gold), bundle.place(gold), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    sets, as_before = (one.conformal.p_values(np.linspace(0.0, 1.0, 99)) for one in (again, bundle))
    np.testing.assert_array_equal(sets.yes, as_before.yes)
    np.testing.assert_array_equal(sets.no, as_before.no)
    assert again.origin == bundle.origin
    assert again.profile == bundle.profile
    assert again.feature_set == bundle.feature_set
    assert (again.market, again.name, again.horizon) == ("equity", name, 5)


def test_a_bundle_is_readable_json_and_nothing_else(bundle, tmp_path):
    save_bundle(bundle, tmp_path / "model")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model"], "nothing is left beside it"
    for file in (tmp_path / "model").iterdir():
        json.loads(file.read_text())


def content(folder) -> dict[str, str]:
    """Every file of a stored bundle."""
    return {file.name: file.read_text() for file in sorted(folder.iterdir())}


def test_equal_bundles_are_equal_bytes(gold, tmp_path):
    for place in "ab":
        save_bundle(make_bundle(gold), tmp_path / place)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    save_bundle(make_bundle(gold, seed=2), tmp_path / "c")
    assert content(tmp_path / "a") != content(tmp_path / "c")


@pytest.mark.parametrize("name", ["bundle.json", "model.json", "guard.json", "checksums.json"])
@pytest.mark.parametrize("damage", ["cut", "changed", "absent"])
def test_damage_is_noticed(name, damage, bundle, tmp_path):
    save_bundle(bundle, tmp_path / "model")
    file = tmp_path / "model" / name
    text = file.read_text()
    if damage == "absent":
        file.unlink()
    else:
        file.write_text(text[: len(text) // 2] if damage == "cut" else text.replace("1", "2", 1).replace("a", "b", 1))
    with pytest.raises(StoreError):
        load_bundle(tmp_path / "model")


def rewrite(folder, change) -> None:
    """Change the header of a stored bundle, and its checksum with it."""
    header = json.loads((folder / "bundle.json").read_text())
    text = json.dumps({**header, "metadata": change(header["metadata"])})
    (folder / "bundle.json").write_text(text)
    sums = json.loads((folder / "checksums.json").read_text())
    sums["sha256"]["bundle.json"] = sha256(text.encode()).hexdigest()
    (folder / "checksums.json").write_text(json.dumps(sums))


def test_the_origin_lies_in_the_file_in_one_level(bundle, tmp_path):
    save_bundle(bundle.registered_as(make_version("7", "provisional")), tmp_path / "model")
    metadata = json.loads((tmp_path / "model" / "bundle.json").read_text())["metadata"]
    assert list(metadata)[:3] == ["seed", "source", "source_id"]
    assert list(metadata)[-6:] == ["kind", "params", "version", "status", "run_id", "registered_model"]
    assert (metadata["kind"], metadata["status"], metadata["version"]) == ("candidate", "provisional", "7")
    save_bundle(bundle, tmp_path / "other")
    assert list(json.loads((tmp_path / "other" / "bundle.json").read_text())["metadata"])[-1] == "params"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda facts: {**facts, "colour": "red"}, "field colour is not known"),
        (lambda facts: {name: facts[name] for name in facts if name != "data_hash"}, "field data_hash is missing"),
        (lambda facts: {**facts, "status": "famous", "version": "1"}, "field registered.status holds 'famous'"),
    ],
)
def test_an_origin_of_other_code_is_refused(change, said, bundle, tmp_path):
    save_bundle(bundle, tmp_path / "model")
    rewrite(tmp_path / "model", change)
    with pytest.raises(StoreError, match=rf"bundle\.json cannot be read as Origin: .*{said}.*Train it again"):
        load_bundle(tmp_path / "model")


def test_an_absent_bundle_says_what_to_do(tmp_path):
    with pytest.raises(StoreError, match=r"There is no model bundle.*kedro run --pipelines"):
        load_bundle(tmp_path / "nothing")


def test_another_format_is_refused(bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle_store, "FORMAT", 99)
    save_bundle(bundle, tmp_path / "model")
    monkeypatch.undo()
    with pytest.raises(StoreError, match="has format 99; this code reads 2"):
        load_bundle(tmp_path / "model")


def test_what_json_cannot_say_is_refused_and_nothing_is_written(bundle, tmp_path):
    for odd, said in ({"label_rate": float("nan")}, "JSON cannot say"), ({"packages": object()}, "do not allow"):
        with pytest.raises(StoreError, match=said):
            save_bundle(replace(bundle, origin=replace(bundle.origin, **odd)), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_bundle_that_others_may_read_is_not_written_over(bundle, tmp_path):
    save_bundle(bundle, tmp_path / "model")
    before = content(tmp_path / "model")
    with pytest.raises(StoreError, match=r"something in .*model already; write the bundle into a folder of its own"):
        save_bundle(bundle.registered_as(make_version("2")), tmp_path / "model")
    assert content(tmp_path / "model") == before


def test_reading_needs_neither_mlflow_nor_kedro(bundle, tmp_path):
    save_bundle(bundle, tmp_path / "model")
    code = (
        "import sys; from finq_predictor.adapters.bundle_store import load_bundle;"
        f"load_bundle({str(tmp_path / 'model')!r});"
        "print([name for name in ('mlflow', 'kedro', 'optuna', 'pickle5') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_dataset_keeps_bundles_by_name(gold, bundle, tmp_path):
    dataset = BundlesDataset(str(tmp_path / "candidates"))
    assert not dataset.exists()
    dataset.save({"xgboost": bundle, "base_rate": make_bundle(gold, "base_rate")})
    assert dataset.exists()
    assert list(dataset.load()) == ["base_rate", "xgboost"]


def damaged(folder, name, change) -> None:
    """Change a file of a stored bundle, and its checksum with it."""
    text = change((folder / name).read_text())
    (folder / name).write_text(text)
    sums = json.loads((folder / "checksums.json").read_text())
    sums["sha256"][name] = sha256(text.encode()).hexdigest()
    (folder / "checksums.json").write_text(json.dumps(sums))


@pytest.mark.parametrize("name", ["bundle.json", "model.json", "guard.json", "checksums.json"])
@pytest.mark.parametrize("text", ["[]", "1", "null", '{"a": NaN}', "[" * 200_000, "\x00", ""])
def test_a_file_that_is_no_object_is_refused(name, text, bundle, tmp_path):
    save_bundle(bundle, tmp_path / "model")
    if name == "checksums.json":
        (tmp_path / "model" / name).write_text(text)
    else:
        damaged(tmp_path / "model", name, lambda _: text)
    with pytest.raises(StoreError, match=r"Train|has format"):
        load_bundle(tmp_path / "model")


@pytest.mark.parametrize("field", ["market", "horizon", "feature_set", "calibrator", "reference", "metadata", "model"])
@pytest.mark.parametrize("value", [None, [], "x", -1.5, {"a": {}}, 1e999])
def test_a_header_of_other_kinds_is_refused_or_means_nothing(field, value, bundle, tmp_path):
    """Nothing but an error of the product comes of any header: whoever asks knows how to go on from there."""
    save_bundle(bundle, tmp_path / "model")
    damaged(tmp_path / "model", "bundle.json", lambda text: json.dumps({**json.loads(text), field: value}))
    with contextlib.suppress(FinqError):
        load_bundle(tmp_path / "model")


def test_a_profile_of_other_features_is_refused(bundle, tmp_path):
    save_bundle(bundle, tmp_path / "model")

    def forget(text):
        header = json.loads(text)
        header["reference"]["features"].popitem()
        return json.dumps(header)

    damaged(tmp_path / "model", "bundle.json", forget)
    with pytest.raises(StoreError, match="lacks the profile of"):
        load_bundle(tmp_path / "model")


@pytest.mark.parametrize("value", [None, [], {"yes": 1}, {"yes": {"points": [7.0], "count": 1}, "no": {}}])
def test_sets_that_none_could_have_are_refused(value, bundle, tmp_path):
    save_bundle(bundle, tmp_path / "model")
    damaged(tmp_path / "model", "bundle.json", lambda text: json.dumps({**json.loads(text), "conformal": value}))
    with pytest.raises(StoreError, match=r"[Tt]rain"):
        load_bundle(tmp_path / "model")


@pytest.mark.parametrize("name", ["low", "high", "center", "weights", "outside", "distance"])
@pytest.mark.parametrize("value", [None, [], 3, {"points": [2, 1], "count": 2}, [[1e300]]])
def test_a_guard_that_none_could_be_is_refused(name, value, bundle, tmp_path):
    save_bundle(bundle, tmp_path / "model")
    damaged(tmp_path / "model", "guard.json", lambda text: json.dumps({**json.loads(text), name: value}))
    with pytest.raises(StoreError, match="Train the model again"):
        load_bundle(tmp_path / "model")


def test_a_bundle_of_before_is_refused_and_says_what_to_do(bundle, tmp_path, monkeypatch):
    """A model without its limits would answer as if it had none."""
    monkeypatch.setattr(bundle_store, "FORMAT", 1)
    save_bundle(bundle, tmp_path / "model")
    monkeypatch.undo()
    with pytest.raises(StoreError, match=r"has format 1; this code reads 2\. Train again"):
        load_bundle(tmp_path / "model")


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(bundle, tmp_path):
    save_bundle(bundle, tmp_path / "model")
    (tmp_path / "model" / "model.json").unlink()
    os.mkfifo(tmp_path / "model" / "model.json")
    with pytest.raises(StoreError, match=r"model\.json cannot be read"):
        load_bundle(tmp_path / "model")


def test_a_file_that_would_fill_the_memory_is_not_read(bundle, tmp_path):
    save_bundle(bundle, tmp_path / "model")
    with (tmp_path / "model" / "model.json").open("r+b") as file:
        file.truncate(10 * 2**30)  # a hole: nothing is written
    with pytest.raises(StoreError, match=r"no file of 268,435,456 bytes at most"):
        load_bundle(tmp_path / "model")
