"""A state whose numbers lead out of the model is refused before a library follows them."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.fingerprint import hash_content
from finq_predictor.domain.modelling.calibration import PlattCalibrator
from finq_predictor.domain.modelling.models import MODELS, create_model, restore_model
from finq_predictor.domain.modelling.models.restoring import check_tree
from finq_predictor.domain.modelling.training_profile import TrainingProfile, build_profile

SMALL = {
    "momentum": {"feature": "b"},
    "reversal": {"feature": "b"},
    "composite": {"priors": {"b": {"weight": 1.0, "source": "made up"}}},
    "prior_ridge": {"priors": {"b": {"weight": 1.0, "source": "made up"}}},
    "xgboost": {"n_estimators": 4, "max_depth": 3, "min_child_weight": 5.0},
    "lightgbm": {"n_estimators": 4, "max_depth": 3, "min_child_samples": 20},
}
MEMBERS = {name: {"model": name, "params": SMALL.get(name, {})} for name in ("logistic", "xgboost")}
SMALL |= {"blend": {"members": MEMBERS}, "stack": {"members": MEMBERS}}


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(800, 3)), columns=["a", "b", "c"])
    return X, (X["b"] + rng.normal(size=800) > 0).to_numpy().astype(float)


@pytest.fixture(scope="module")
def states(rows):
    # Those over sequences have tests of their own, where their libraries are.
    others = [name for name in MODELS if name not in ("lstm", "transformer", "arima")]
    return {name: create_model(name, SMALL.get(name)).fit(*rows, seed=1).state() for name in others}


def refused(name, state, said="Train it again"):
    with pytest.raises(StoreError, match=said):
        restore_model(name, state)


# XGBoost -------------------------------------------------------------------------------------------------------------


def _put(*path, value):
    def change(booster):
        place = booster["learner"]
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        return booster

    return change


TREES = ("gradient_booster", "model", "trees")
CRAFTED = {
    "a child behind the end": _put(*TREES, 0, "left_children", 0, value=10**9),
    "a child before the beginning": _put(*TREES, 0, "right_children", 0, value=-7),
    "a child beyond 32 bits": _put(*TREES, 0, "left_children", 0, value=2**40),
    "a circle": _put(*TREES, 0, "left_children", 0, value=0),
    "one child": _put(*TREES, 0, "right_children", 0, value=-1),
    "two parents": _put(*TREES, 0, "left_children", 0, value=2),
    "a feature behind the end": _put(*TREES, 0, "split_indices", 0, value=10**8),
    "a feature before the beginning": _put(*TREES, 0, "split_indices", 0, value=-1),
    "another parent": _put(*TREES, 0, "parents", 1, value=3),
    "an infinite threshold": _put(*TREES, 0, "split_conditions", 0, value=1e300),
    "a threshold that is a text": _put(*TREES, 0, "split_conditions", 0, value="1"),
    "no nodes": _put(*TREES, 0, "left_children", value=[]),
    "one array too short": _put(*TREES, 0, "sum_hessian", value=[1.0]),
    "categories": _put(*TREES, 0, "split_type", 0, value=1),
    "categories without end": _put(*TREES, 0, "categories_sizes", value=[2**31]),
    "more nodes than there are": _put(*TREES, 0, "tree_param", "num_nodes", value="1000000"),
    "deleted nodes": _put(*TREES, 0, "tree_param", "num_deleted", value="1000"),
    "leaves of many numbers": _put(*TREES, 0, "tree_param", "size_leaf_vector", value="1000000"),
    "another id": _put(*TREES, 0, "id", value=-5),
    "more trees than there are": _put("gradient_booster", "model", "gbtree_model_param", "num_trees", value="900"),
    "no trees": _put(*TREES, value=[]),
    "steps out of order": _put("gradient_booster", "model", "iteration_indptr", 1, value=10**6),
    "a class out of range": _put("gradient_booster", "model", "tree_info", 0, value=10**6),
    "many classes": _put("learner_model_param", "num_class", value="1000000000"),
    "many targets": _put("learner_model_param", "num_target", value="1000000"),
    "more features than there are": _put("learner_model_param", "num_feature", value="1000"),
    "a base score that is none": _put("learner_model_param", "base_score", value="[nan]"),
    "many base scores": _put("learner_model_param", "base_score", value="[0.5,0.5,0.5]"),
    "another booster": _put("gradient_booster", "name", value="gblinear"),
    "another objective": _put("objective", "name", value="multi:softprob"),
    "an objective without its part": _put("objective", value={"name": "binary:logistic"}),
    "a list for an object": _put("gradient_booster", value=[]),
}


@pytest.mark.parametrize("change", CRAFTED.values(), ids=CRAFTED)
def test_a_crafted_booster_is_refused(change, states):
    state = copy.deepcopy(states["xgboost"])
    booster = json.loads(state["learned"]["booster"])
    state["learned"]["booster"] = json.dumps(change(booster))
    refused("xgboost", state)


@pytest.mark.parametrize("version", [[1, 5, 9], [0, 0, 0], [99, 0, 0], [3, 2], [], None, "3.2.0", [3, -1, 2**40]])
def test_a_booster_of_a_version_that_reads_otherwise_is_refused(version, states):
    """The library itself only warns, in a place where nobody can catch it."""
    state = copy.deepcopy(states["xgboost"])
    state["learned"]["booster"] = json.dumps({**json.loads(state["learned"]["booster"]), "version": version})
    refused("xgboost", state)


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "1", "[" * 100_000, '{"a":' * 5_000, '{"learner": NaN}', "{}", '{"learner": {}}']
)
def test_a_text_that_is_no_booster_is_refused(text, states):
    refused("xgboost", {**states["xgboost"], "learned": {"booster": text}})


def test_of_a_key_that_can_be_read_in_two_ways_the_checked_one_is_loaded(states, rows):
    """JSON may write a letter as its number; XGBoost takes that for another key, and would read the one before."""
    state = copy.deepcopy(states["xgboost"])
    text = state["learned"]["booster"]
    tree = json.loads(text)["learner"]["gradient_booster"]["model"]["trees"][0]
    twice = text.replace(
        '"left_children":', f'"left_children":{json.dumps(tree["right_children"])},"left\\u005fchildren":', 1
    )
    assert json.loads(twice) == json.loads(text)
    state["learned"]["booster"] = twice
    score = restore_model("xgboost", state).predict_score(rows[0])
    np.testing.assert_array_equal(score, restore_model("xgboost", states["xgboost"]).predict_score(rows[0]))


VALUES = [-1, -2, 0, 1, 3, 2**31 - 1, 2**31, 2**63, 1e308, 0.5, None, "x", [], {}]


# In a process of its own it would be killed; here the whole run would be.
@pytest.mark.parametrize("each", [pytest.param(1, marks=pytest.mark.proof), 5])
def test_a_booster_with_any_number_changed_is_refused_or_scores(states, each):
    """Every number is changed, the short form into some of the values only, which differ from number to number."""
    text = states["xgboost"]["learned"]["booster"]
    places = range(len(list(_numbers(json.loads(text)))))
    changes = [(place, value) for place in places for value in VALUES][::each]
    assert {place for place, _ in changes} == set(places)
    for place, value in changes:
        booster = json.loads(text)
        holder, key = list(_numbers(booster))[place]
        holder[key] = value
        state = {**states["xgboost"], "learned": {"booster": json.dumps(booster)}}
        try:
            model = restore_model("xgboost", state)
        except StoreError:
            continue
        score = model.score_matrix(np.array([[np.nan] * 3, [9.0] * 3, [-9.0] * 3], dtype=np.float32))
        assert np.isfinite(score).all()


def _numbers(place):
    items = place.items() if isinstance(place, dict) else enumerate(place)
    for key, value in list(items):
        if isinstance(value, dict | list):
            yield from _numbers(value)
        if not isinstance(value, dict):
            yield place, key


# LightGBM ------------------------------------------------------------------------------------------------------------


def _with(pattern, replacement):
    return lambda text: re.sub(pattern, replacement, text, count=1, flags=re.MULTILINE)


TEXTS = {
    "a child behind the end": _with(r"^left_child=\S+", "left_child=1000000"),
    "a leaf behind the end": _with(r"^right_child=\S+", "right_child=-1000000"),
    "a circle": _with(r"^left_child=\S+", "left_child=0"),
    "a feature behind the end": _with(r"^split_feature=\S+", "split_feature=100000"),
    "a feature before the beginning": _with(r"^split_feature=\S+", "split_feature=-1"),
    "an infinite threshold": _with(r"^threshold=\S+", "threshold=inf"),
    "no number for a leaf": _with(r"^leaf_value=\S+", "leaf_value=nan"),
    "more leaves than there are": _with(r"^num_leaves=\d+", "num_leaves=100000"),
    "no leaves": _with(r"^num_leaves=\d+", "num_leaves=0"),
    "categories": _with(r"^num_cat=0", "num_cat=1000"),
    "a split by categories": _with(r"^decision_type=\d+", "decision_type=1"),
    "linear leaves": _with(r"^is_linear=0", "is_linear=1"),
    "sizes that lead elsewhere": _with(r"^tree_sizes=\d+", "tree_sizes=100000000"),
    "sizes below nought": _with(r"^tree_sizes=\d+", "tree_sizes=-5"),
    "more features than there are": _with(r"^max_feature_idx=\d+", "max_feature_idx=100000"),
    "fewer names": _with(r"^feature_names=\S+ ", "feature_names="),
    "fewer ranges": _with(r"^feature_infos=\S+ ", "feature_infos="),
    "many classes": _with(r"^num_class=1", "num_class=1000000"),
    "many trees a step": _with(r"^num_tree_per_iteration=1", "num_tree_per_iteration=1000"),
    "another objective": _with(r"^objective=.*", "objective=multiclass num_class:1000"),
    "another version": _with(r"^version=v4", "version=v9"),
    "a line twice": _with(r"^num_cat=0", "num_cat=0\nnum_cat=0"),
    "a line that is not known": _with(r"^label_index=0", "label_index=0\nmonotone_constraints=1 1 1"),
    "no end": lambda text: text[: text.index("end of trees")],
    "an odd parameter": _with(r"^\[boosting: gbdt\]", "[boosting: [[gbdt"),
    "another alphabet": lambda text: text.replace("Column_0", "C\u00f6lumn_0", 1),
    "an empty text": lambda text: "",
}


@pytest.mark.parametrize("change", TEXTS.values(), ids=TEXTS)
def test_crafted_trees_are_refused(change, states):
    text = change(states["lightgbm"]["learned"]["trees"])
    assert text != states["lightgbm"]["learned"]["trees"]
    refused("lightgbm", {**states["lightgbm"], "learned": {"trees": text, "hash": hash_content(text)}})


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_trees_that_found_nothing_are_read(name, rows):
    """Trees of one leaf, as a market without any signal leaves them."""
    knob = {"xgboost": {"min_child_weight": 1e6}, "lightgbm": {"min_child_samples": 10**6}}[name]
    model = create_model(name, {**SMALL[name], **knob}).fit(*rows, seed=1)
    again = restore_model(name, model.state())
    np.testing.assert_array_equal(again.predict_score(rows[0]), model.predict_score(rows[0]))


# The others ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("base_rate", {"rate": 2.0}),
        ("base_rate", {"rate": float("nan")}),
        ("logistic", {"weights": [1.0]}),
        ("logistic", {"weights": [1.0, 2.0, float("inf")]}),
        ("logistic", {"mean": [[1.0], [2.0], [3.0]]}),
        ("logistic", {"median": ["a", "b", "c"]}),
        ("logistic", {"scale": [1.0, 0.0, 1.0]}),
        ("logistic", {"scale": [1.0, -1.0, 1.0]}),
        ("logistic", {"intercept": None}),
        ("logistic", {"intercept": float("inf")}),
        ("momentum", {"column": 7}),
        ("momentum", {"column": -1}),
        ("momentum", {"grid": []}),
        ("momentum", {"grid": [1.0, 0.0], "shares": [0.1, 0.2]}),
        ("momentum", {"shares": [0.5]}),
        ("reversal", {"grid": [0.0, 1.0], "shares": [0.1, 2.0]}),
    ],
)
def test_numbers_out_of_range_are_refused(name, change, states):
    refused(name, {**states[name], "learned": {**states[name]["learned"], **change}})


@pytest.mark.parametrize("features", [[], ["a", "b"], ["a", "b", "b"], ["a", "b", 3], "abc", None, {"a": 1}])
@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "logistic"])
def test_other_features_are_refused(name, features, states):
    refused(name, {**states[name], "features": features})


@pytest.mark.parametrize("state", [{"slope": -1.0, "intercept": 0.0}, {"slope": "1", "intercept": 0.0}, {}, [], None])
def test_a_crafted_calibrator_is_refused(state):
    with pytest.raises(StoreError, match="Train the model again"):
        PlattCalibrator.from_state(state)


@pytest.mark.parametrize(
    "change",
    [
        {"edges": [2.0, 1.0]},
        {"edges": [float("nan")]},
        {"shares": [0.5]},
        {"shares": [2.0] * 10},
        {"quantiles": [0.0] * 3},
        {"quantiles": "many"},
        {"missing_share": 7.0},
        {"mean": float("inf")},
        {"std": -1.0},
        {"std": None},
    ],
)
def test_a_crafted_profile_is_refused(change, rows):
    kept = json.loads(json.dumps(build_profile(rows[0], rows[1], rows[1]).to_dict()))
    assert TrainingProfile.from_dict(kept).features
    kept["features"]["a"] |= change
    with pytest.raises(StoreError, match="Train again"):
        TrainingProfile.from_dict(kept)


@pytest.mark.parametrize("child", [3, 4, 2**31 - 1, 0, -2])
def test_a_child_is_looked_for_only_where_it_can_be(child):
    """By its own reason: counting the parents of a node that is far behind the end would take all of the memory."""
    left, right, feature = np.array([1, -1, -1]), np.array([child, -1, -1]), np.zeros(3, dtype=np.int64)
    with pytest.raises(ValueError, match="a child that is none of its 3 nodes"):
        check_tree(left, right, feature, 1, "The tree")


def test_a_circle_of_trees_ends_no_process_that_reads_it(states, tmp_path):
    """What was first seen: the library went down a tree that has no end, or read beyond its memory."""
    state = copy.deepcopy(states["xgboost"])
    booster = json.loads(state["learned"]["booster"])
    for change in (_put(*TREES, 0, "split_indices", 0, value=10**8), _put(*TREES, 0, "left_children", 0, value=10**8)):
        crafted = change(copy.deepcopy(booster))
        state["learned"]["booster"] = json.dumps(crafted)
        (tmp_path / "state.json").write_text(json.dumps(state))
        code = (
            "import json, sys, numpy as np; from finq_predictor.domain.modelling.models import restore_model\n"
            "from finq_predictor.domain.errors import StoreError\n"
            "try: restore_model('xgboost', json.load(open(sys.argv[1]))).score_matrix(np.ones((9, 3), np.float32))\n"
            "except StoreError: print('refused')"
        )
        command = [sys.executable, "-c", code, str(tmp_path / "state.json")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stdout.strip()) == (0, "refused"), done.stderr[-500:]
