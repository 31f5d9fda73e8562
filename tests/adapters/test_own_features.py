"""Features of the user's own: loaded whole or not at all, held to the laws, hashed with their whole file."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pandas as pd
import pytest

from finq_predictor.adapters.bundle_store import load_bundle, save_bundle
from finq_predictor.adapters.own_features import (
    GROUP,
    VARIABLE,
    any_own,
    forget_own_features,
    load_feature_file,
    load_for,
    load_own_features,
)
from finq_predictor.domain.errors import ConfigurationError, FeatureSetMismatchError
from finq_predictor.domain.features import REGISTRY, FeatureSet, compute_features, make_feature_set, select_features
from finq_predictor.domain.features.reference import describe_features
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.calibration import PlattCalibrator
from finq_predictor.domain.modelling.models import create_model
from finq_predictor.domain.modelling.prediction import Predictor
from finq_predictor.domain.modelling.training_profile import build_profile
from finq_predictor.hooks.own_features import OwnFeatureHooks
from finq_predictor.pipelines.features.nodes import build_gold
from finq_predictor.pipelines.features.params import FeaturesParams
from synthetic_silver import random_panel
from synthetic_values import make_limits, make_origin

EQUITY = get_market("equity")
SOURCE = '''"""Features of my own."""

import numpy as np

from finq_predictor.domain.features import feature

HALF = 0.5


def halved(values):
    return HALF * values


@feature(
    inputs=("close",),
    windows=(7,),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Campbell, Lo and MacKinlay (1997)",
    formula="log(close / lag(close, n)) / 2",
)
def half_growth(bars, n):
    """Half the logarithm of the growth over n bars."""
    return halved(np.log1p(bars.change(n)))
'''
LEVEL = SOURCE.replace("halved(np.log1p(bars.change(n)))", "bars.close - bars.lag(bars.close, n)")


@pytest.fixture(autouse=True)
def registry_as_it_was(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    before = list(REGISTRY)
    yield
    forget_own_features()
    assert list(REGISTRY) == before


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    return path


def test_a_file_is_loaded_once_and_computes(file):
    (spec,) = load_feature_file(file)
    assert (spec.name, spec.family, spec.file, spec.window) == ("half_growth_7", "mine", "mine", (7,))
    assert spec.formula == "log(close / lag(close, 7)) / 2"
    assert load_own_features([file]) == (spec,)
    panel = random_panel(EQUITY)
    table = compute_features(panel, make_feature_set(select_features(EQUITY, panel.available, ["mine", "momentum"])))

    assert table["half_growth_7"].notna().mean() > 0.9
    assert list(describe_features([spec])["formula"]) == [spec.formula]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            SOURCE.replace("def half_growth", "def ret").replace("windows=(7,)", "windows=(5,)"),
            "a feature 'ret_5' already",
        ),
        (LEVEL, "refused: half_growth_7 breaks a law in equity: the level of prices.*And 7 more"),
        ("import nothing_of_the_kind\n", "cannot be run: ModuleNotFoundError: No module named 'nothing_of_the_kind'"),
        ("x = 1\n", "has no feature; decorate a function"),
        ("def (:\n", "cannot be run: SyntaxError"),
        (SOURCE + "\n\nraise ValueError('late')\n", "cannot be run: ValueError: late"),
    ],
)
def test_what_cannot_be_a_feature_is_refused_and_leaves_nothing(file, source, message):
    file.write_text(source)
    before = list(REGISTRY)
    with pytest.raises(ConfigurationError, match=message) as refused:
        load_own_features([file])
    assert str(file) in str(refused.value)
    assert list(REGISTRY) == before


def test_a_file_that_is_not_there_or_is_named_like_a_family_is_refused(tmp_path, file):
    with pytest.raises(ConfigurationError, match="There is no file of features"):
        load_feature_file(tmp_path / "absent.py")
    with pytest.raises(ConfigurationError, match="cannot be a family of features"):
        load_feature_file(file.rename(tmp_path / "momentum.py"))


def test_two_files_of_one_name_are_refused(file, tmp_path):
    load_feature_file(file)
    (tmp_path / "deep").mkdir()
    other = tmp_path / "deep" / "mine.py"
    other.write_text(SOURCE.replace("half_growth", "other_growth"))
    with pytest.raises(ConfigurationError, match=r"Two files of features are named mine\.py"):
        load_feature_file(other)


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("HALF = 0.5", "HALF = 0.25", True),
        ("return HALF * values", "return HALF * values * 1.0", True),
        ("np.log1p(bars.change(n))", "bars.change(n)", True),
        ('"""Features of my own."""', '"""My features."""', False),
        ("HALF = 0.5", "# As much as this.\nHALF = 0.5", False),
        ("log(close / lag(close, n)) / 2", "0.5 * log(close / lag(close, n))", False),
    ],
)
def test_the_hash_covers_what_the_file_computes_helpers_and_constants_included(file, old, new, counts):
    assert SOURCE.count(old) == 1
    feature_set = make_feature_set([*select_features(EQUITY, ("close",), ["momentum"])[:2], *of_equity(file)])
    file.write_text(SOURCE.replace(old, new))
    of_equity(file)
    if counts:
        with pytest.raises(FeatureSetMismatchError, match="were defined differently"):
            feature_set.verify()
    else:
        feature_set.verify()


def of_equity(file):
    load_feature_file(file)
    return [spec for spec in select_features(EQUITY, ("close",)) if spec.file == "mine"]


def test_an_edit_after_loading_changes_no_definition(file):
    (spec,) = of_equity(file)
    before = make_feature_set([spec]).definitions_hash
    file.write_text("HALF = 0.1\n")
    assert make_feature_set([spec]).definitions_hash == before
    assert "HALF = 0.5" in spec.definition()


def test_a_model_of_own_features_is_served_where_they_are_and_refused_where_not(file, monkeypatch):
    stored = make_feature_set(of_equity(file)).to_dict()
    forget_own_features()
    feature_set = FeatureSet.from_dict(stored)
    load_for(feature_set)
    with pytest.raises(FeatureSetMismatchError, match="name its file in FINQ_FEATURE_FILES"):
        feature_set.verify()
    monkeypatch.setenv(VARIABLE, f" {file}, ")
    assert any_own()
    load_for(feature_set)
    feature_set.verify()
    panel = random_panel(EQUITY)
    assert compute_features(panel, feature_set)["half_growth_7"].notna().any()
    forget_own_features()
    file.write_text(SOURCE.replace("HALF = 0.5", "HALF = 0.4"))
    load_for(feature_set)
    with pytest.raises(FeatureSetMismatchError, match="were defined differently"):
        feature_set.verify()


def test_a_stored_bundle_answers_where_the_file_is_named_and_refuses_elsewhere(file, tmp_path, monkeypatch):
    load_feature_file(file)
    panel = random_panel(EQUITY)
    chosen = select_features(EQUITY, panel.available, ["mine", "price_pattern"])
    feature_set = make_feature_set(chosen)
    known = compute_features(panel, feature_set).dropna().reset_index(drop=True)
    matrix, label = known[list(feature_set.names)], (known["half_growth_7"] > 0).to_numpy(float)
    model = create_model("logistic").fit(matrix, label, seed=0)
    score = model.predict_score(matrix)
    bundle = ModelBundle(
        market="equity",
        name="logistic",
        horizon=5,
        feature_set=feature_set,
        model=model,
        calibrator=PlattCalibrator().fit(score, label),
        **make_limits(matrix, label, score),
        profile=build_profile(matrix, label, score),
        origin=make_origin(kind=model.kind, params=model.params),
    )
    save_bundle(bundle, tmp_path / "model")
    before = Predictor(bundle, panel).features_at(panel.ts[-1])
    forget_own_features()
    with pytest.raises(FeatureSetMismatchError, match="'half_growth_7' of equity does not exist in this code"):
        Predictor(load_bundle(tmp_path / "model"), panel)
    monkeypatch.setenv(VARIABLE, str(file))
    again = Predictor(load_bundle(tmp_path / "model"), panel)
    pd.testing.assert_frame_equal(again.features_at(panel.ts[-1]), before)
    assert again.bundle.predict(known)["probability"].between(0, 1).all()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package that offers features."""
    folder = tmp_path / "site"
    (folder / "alphas_of_mine-1.0.dist-info").mkdir(parents=True)
    (folder / "alphas_of_mine.py").write_text(SOURCE.replace("half_growth", "offered_growth"))
    (folder / "alphas_of_mine-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: alphas-of-mine\nVersion: 1.0\n"
    )
    (folder / "alphas_of_mine-1.0.dist-info" / "entry_points.txt").write_text(f"[{GROUP}]\nmine = alphas_of_mine\n")
    monkeypatch.syspath_prepend(folder)
    yield folder
    sys.modules.pop("alphas_of_mine", None)


def test_a_package_offers_features_under_an_entry_point(package):
    assert any_own()
    (spec,) = load_own_features()
    assert (spec.name, spec.family, spec.file) == ("offered_growth_7", "alphas_of_mine", None)
    assert "HALF = 0.5" in spec.definition()
    forget_own_features()
    assert [one.name for one in load_own_features()] == ["offered_growth_7"]


@pytest.mark.parametrize("read", [dict, lambda features: FeaturesParams(**features)], ids=["plain", "read"])
def test_a_run_loads_what_the_parameters_name_and_only_that_market_uses_it(file, read):
    parameters = {"equity": {"features": read({"own": [file.name]})}, "fx": {"features": read({})}}
    OwnFeatureHooks().after_context_created(SimpleNamespace(project_path=file.parent, params=parameters))
    panel = random_panel(EQUITY)
    with_it, gold = build_gold(panel, FeaturesParams(families=("mine", "momentum"), own=("mine.py",)), market=EQUITY)
    assert "half_growth_7" in with_it.names
    assert pd.notna(gold["half_growth_7"]).any()
    without, _ = build_gold(panel, FeaturesParams(), market=EQUITY)
    assert "half_growth_7" not in without.names


def test_a_run_without_own_features_looks_no_further():
    OwnFeatureHooks().after_context_created(SimpleNamespace(project_path=".", params={"equity": {}}))
    with pytest.raises(ConfigurationError, match=r"features\.own of equity names mine"):
        build_gold(random_panel(EQUITY), FeaturesParams(own=("mine.py",)), market=EQUITY)
