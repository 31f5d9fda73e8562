from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from finq_predictor.adapters.distributions import installed
from finq_predictor.domain.errors import ConfigurationError, DataError, StoreError, UnknownNameError
from finq_predictor.domain.fingerprint import hash_content
from finq_predictor.domain.modelling.models import MODELS, create_model, model_parameters, restore_model
from finq_predictor.domain.modelling.models.base import log_odds, to_matrix

PARAMS = {
    "momentum": {"feature": "b"},
    "composite": {"priors": {"b": {"weight": 1.0, "source": "made up"}, "a": {"weight": 0.1, "source": "made up"}}},
    "prior_ridge": {"priors": {"b": {"weight": 1.0, "source": "made up"}, "a": {"weight": 0.1, "source": "made up"}}},
    "reversal": {"feature": "b"},
    "logistic": {"C": 0.1},
    "elastic_net": {"alpha": 0.01},
    "xgboost": {"n_estimators": 25, "max_depth": 3, "min_child_weight": 5.0, "learning_rate": 0.1},
    "lightgbm": {"n_estimators": 25, "max_depth": 3, "min_child_samples": 20, "learning_rate": 0.1},
    "random_forest": {"n_estimators": 25, "max_depth": 4, "min_child_weight": 5.0, "colsample_bynode": 0.5},
    "lstm": {"sequences": [["c", "a", "b"]], "static": ["*"], "hidden": 8, "epochs": 6, "batch": 100}
    | {"learning_rate": 0.02},
    "transformer": {"sequences": [["c", "a", "b"]], "static": ["*"], "hidden": 8, "heads": 2, "epochs": 6, "batch": 100}
    | {"learning_rate": 0.02},
    "arima": {"sequence": [["a", "c", "b"]], "p": 1, "q": 0, "rows": 300},
}
MEMBERS = {name: {"model": name, "params": PARAMS[name]} for name in ("composite", "logistic", "xgboost")}
PARAMS |= {"blend": {"members": MEMBERS, "seeds": 2}, "stack": {"members": MEMBERS}}
HERE = [name for name, model in MODELS.items() if all(find_spec(each.partition(".")[0]) for each in model.modules)]
"""Models whose libraries are installed; the others' tests are skipped, and say so."""
SILENT = [name for name in ("lstm", "transformer") if name in HERE]
"""Models that have no exact contributions, and no importance."""
UNTAUGHT = ["arima"]
"""Models that look at no label."""
CANDIDATES = [name for name in HERE if MODELS[name].kind == "candidate" and name not in UNTAUGHT]
TREES = {"xgboost": "booster", "random_forest": "booster", "lightgbm": "trees"}
"""Models of trees, and what their state keeps them under."""


def make_rows(n: int = 1500, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Four features, one of them with signal, one without any value, a tenth of the others missing."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n, 3)) * [1.0, 0.02, 50.0]
    y = (values[:, 1] / 0.02 + rng.standard_normal(n) > 0).astype(float)
    values[rng.random((n, 3)) < 0.1] = np.nan
    return pd.DataFrame(values, columns=["a", "b", "c"]).assign(empty=np.nan), y


@pytest.fixture(scope="module")
def rows():
    return make_rows()


@pytest.fixture(scope="module")
def fitted(rows):
    return {name: create_model(name, PARAMS.get(name)).fit(*rows, seed=3) for name in HERE}


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_tried(name):
    if name not in HERE:
        pytest.skip(f"{name} needs {', '.join(MODELS[name].modules)}, which are not installed")


@pytest.mark.parametrize("name", HERE)
def test_scores_are_in_range_and_known_for_every_row(name, fitted, rows):
    score = fitted[name].predict_score(rows[0])
    assert score.shape == (1500,)
    assert score.dtype == np.float64
    assert ((score >= 0) & (score <= 1)).all()


@pytest.mark.parametrize("name", HERE)
def test_a_row_alone_has_the_bits_it_has_in_a_batch(name, fitted, rows):
    X, _ = rows
    batch = fitted[name].predict_score(X)
    alone = np.array([fitted[name].predict_score(X.iloc[[row]])[0] for row in range(300)])
    np.testing.assert_array_equal(alone, batch[:300])
    order = np.random.default_rng(1).permutation(len(X))
    np.testing.assert_array_equal(fitted[name].predict_score(X.iloc[order][["empty", "c", "b", "a"]]), batch[order])


@pytest.mark.parametrize("name", HERE)
def test_the_state_goes_through_json_without_changing_a_bit(name, fitted, rows):
    state = json.loads(json.dumps(fitted[name].state(), allow_nan=False))
    again = restore_model(name, state)
    np.testing.assert_array_equal(again.predict_score(rows[0]), fitted[name].predict_score(rows[0]))
    assert again.features == ("a", "b", "c", "empty")
    assert again.params == fitted[name].params
    assert again.importance() == fitted[name].importance()


@pytest.mark.parametrize("name", HERE)
def test_the_same_seed_gives_the_same_state(name, fitted, rows):
    again = create_model(name, PARAMS.get(name)).fit(*rows, seed=3)
    assert json.dumps(again.state()) == json.dumps(fitted[name].state())


@pytest.mark.parametrize("name", HERE)
def test_fits_that_share_what_depends_on_the_rows_alone_are_the_same_fits(name, rows):
    """A search fits the same rows again and again, with other parameters and sometimes with other bins."""
    knob = {"logistic": {"C": 1.0}, "momentum": {"feature": "a"}, "reversal": {"feature": "a"}}
    tree = {"max_depth": 2, "max_bin": 15}
    variants = [PARAMS.get(name), {**PARAMS.get(name, {}), **(tree if name in TREES else knob.get(name, {}))}]
    shared: dict[object, object] = {}
    for params in [*variants, *variants]:
        again = create_model(name, params).fit(*rows, seed=3, shared=shared)
        assert json.dumps(again.state()) == json.dumps(create_model(name, params).fit(*rows, seed=3).state())


@pytest.mark.parametrize("name", [*CANDIDATES, "momentum"])
def test_planted_signal_is_found_out_of_sample(name, fitted):
    X, y = make_rows(seed=9)
    assert roc_auc_score(y, fitted[name].predict_score(X)) > 0.75


@pytest.mark.parametrize("name", [name for name in CANDIDATES if name not in SILENT])
def test_importance_names_the_feature_with_signal(name, fitted):
    importance = fitted[name].importance()
    assert list(importance) == ["a", "b", "c", "empty"]
    assert sum(importance.values()) == pytest.approx(1.0)
    assert max(importance, key=importance.get) == "b"
    assert importance["empty"] == 0.0


@pytest.mark.parametrize("name", TREES)
def test_another_seed_grows_other_trees(name, rows):
    first, second = (create_model(name, PARAMS[name]).fit(*rows, seed=seed) for seed in (1, 2))
    assert (first.predict_score(rows[0]) != second.predict_score(rows[0])).any()


def test_logistic_agrees_with_scikit_learn(rows):
    X, y = rows
    X = X[["a", "b", "c"]].fillna(0.0)
    standard = (X - X.mean()) / X.std(ddof=0)
    peer = LogisticRegression(C=0.1, tol=1e-10).fit(standard, y)
    ours = create_model("logistic", {"C": 0.1, "clip": 1e9}).fit(X, y, seed=0)
    np.testing.assert_allclose(ours.predict_score(X), peer.predict_proba(standard)[:, 1], atol=1e-5)


@pytest.mark.parametrize(("alpha", "l1_ratio"), [(0.01, 0.5), (0.05, 1.0), (0.002, 0.1)])
def test_an_elastic_net_agrees_with_scikit_learn(rows, alpha, l1_ratio):
    """Its sums over rows have the minimum that thousands of passes over the rows end in."""
    X, y = rows
    X = X[["a", "b", "c"]].fillna(0.0)
    standard = (X - X.mean()) / X.std(ddof=0)
    peer = LogisticRegression(C=1 / (alpha * len(y)), l1_ratio=l1_ratio, solver="saga", tol=1e-9, max_iter=20_000).fit(
        standard, y
    )
    ours = create_model("elastic_net", {"alpha": alpha, "l1_ratio": l1_ratio, "clip": 1e9}).fit(X, y, seed=0)
    np.testing.assert_allclose(ours.predict_score(X), peer.predict_proba(standard)[:, 1], atol=1e-5)
    np.testing.assert_array_equal(ours.weights == 0.0, np.abs(peer.coef_[0]) < 1e-9)


def test_an_elastic_net_leaves_out_what_is_noise():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.standard_normal((4000, 30)), columns=[f"x{n}" for n in range(30)])
    y = (X["x3"] + 3 * rng.standard_normal(4000) > 0).to_numpy(float)
    weights = create_model("elastic_net", {"alpha": 0.05, "l1_ratio": 1.0}).fit(X, y, seed=0).weights
    assert np.flatnonzero(weights).tolist() == [3]
    for bad in ({"alpha": 0.0}, {"l1_ratio": 0.0}, {"l1_ratio": 1.1}):
        with pytest.raises(ConfigurationError, match="the model 'logistic'"):
            create_model("elastic_net", bad)


def test_a_forest_is_the_mean_of_trees_that_are_worth_the_same(rows):
    """Of whole rows and features all trees are one tree; of others the mean of many is calmer than any."""
    X, y = rows
    same = {"max_depth": 3, "min_child_weight": 5.0, "subsample": 1.0, "colsample_bynode": 1.0}
    one, many = (create_model("random_forest", {**same, "n_estimators": count}).fit(X, y, seed=0) for count in (1, 7))
    np.testing.assert_allclose(one.predict_score(X), many.predict_score(X), atol=1e-6)
    small = {**PARAMS["random_forest"], "n_estimators": 1}
    scores = np.array([create_model("random_forest", small).fit(X, y, seed=s).predict_score(X) for s in range(5)])
    calm = create_model("random_forest", PARAMS["random_forest"]).fit(X, y, seed=0).predict_score(X)
    assert log_odds(calm).std() < np.mean([log_odds(score).std() for score in scores])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=3, max_size=40))
def test_momentum_ranks_as_its_feature_and_reversal_the_other_way(values):
    X, y = pd.DataFrame({"b": values}), np.resize([0.0, 1.0], len(values))
    up = create_model("momentum", {"feature": "b"}).fit(X, y, seed=0).predict_score(X)
    down = create_model("reversal", {"feature": "b"}).fit(X, y, seed=0).predict_score(X)
    order = np.argsort(values, kind="stable")
    assert (np.diff(up[order]) >= 0).all()
    np.testing.assert_allclose(up + down, 1.0)
    if len(set(np.float32(values))) > 1:
        assert spearmanr(up, down).statistic == pytest.approx(-1.0)


def test_rules_say_one_half_where_they_know_nothing(fitted):
    unknown = pd.DataFrame({"a": [1.0], "b": [np.nan], "c": [1.0], "empty": [np.nan]})
    assert fitted["momentum"].predict_score(unknown)[0] == 0.5
    assert fitted["base_rate"].predict_score(unknown)[0] == pytest.approx(make_rows()[1].mean())


def test_unknown_names_are_met_with_near_misses(rows):
    with pytest.raises(UnknownNameError, match="Did you mean 'xgboost'"):
        create_model("xgbost")
    with pytest.raises(ConfigurationError, match=r"no parameter 'max_deph'\. Did you mean 'max_depth'"):
        create_model("xgboost", {"max_deph": 3})
    with pytest.raises(ConfigurationError, match="'ret5', which is not in the feature set"):
        create_model("momentum", {"feature": "ret5"}).fit(*rows, seed=0)
    assert "threads" in model_parameters("xgboost")


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(1500), "both classes are needed"),
        (np.full(1500, np.nan), "expected (0 and 1 only|numbers from 0 to 1)"),
        (np.ones(3), "expected one per row"),
    ],
)
def test_labels_that_teach_nothing_are_refused(name, y, message, rows):
    with pytest.raises(DataError, match=message):
        create_model(name, PARAMS.get(name)).fit(rows[0], y, seed=0)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, 1e300])
def test_infinite_features_are_refused_by_name(bad, rows, fitted):
    X, y = rows
    broken = X.assign(c=X["c"].mask(X.index == 5, bad))
    with pytest.raises(DataError, match=r"Infinite values .* in feature columns \['c'\]"):
        create_model("logistic").fit(broken, y, seed=0)
    with pytest.raises(DataError, match=r"\['c'\]"):
        fitted["xgboost"].predict_score(broken)


def test_a_missing_column_is_never_filled(rows, fitted):
    with pytest.raises(DataError, match=r"1 of 4 feature columns are missing: \['b'\]"):
        fitted["xgboost"].predict_score(rows[0].drop(columns="b"))
    with pytest.raises(DataError, match="before it was fitted"):
        create_model("base_rate").predict_score(rows[0])


@pytest.mark.parametrize("name", HERE)
def test_a_foreign_state_is_refused(name, fitted):
    state = fitted[name].state()
    with pytest.raises(StoreError, match="Train it again"):
        MODELS[name].from_state({**state, "learned": {"something": 1}})
    with pytest.raises(StoreError, match="Train it again"):
        MODELS[name].from_state({"features": []})


@pytest.mark.parametrize(("name", "key"), TREES.items())
@pytest.mark.parametrize("kept", [0, 500, 5000])
def test_damaged_trees_are_refused(name, key, kept, fitted):
    state = fitted[name].state()
    with pytest.raises(StoreError, match="Train it again"):
        restore_model(name, {**state, "learned": {**state["learned"], key: state["learned"][key][:kept]}})


def test_trees_with_a_right_sum_but_no_sense_are_refused(fitted):
    state = fitted["lightgbm"].state()
    head = state["learned"]["trees"][:100]
    with pytest.raises(StoreError, match="the beginning"):
        restore_model("lightgbm", {**state, "learned": {"trees": head, "hash": hash_content(head)}})


@pytest.mark.parametrize("name", TREES)
def test_the_number_of_threads_does_not_change_a_bit(name, rows):
    one, two = (create_model(name, PARAMS[name] | {"threads": n}).fit(*rows, seed=3) for n in (1, 2))
    np.testing.assert_array_equal(one.predict_score(rows[0]), two.predict_score(rows[0]))


@pytest.mark.parametrize("name", HERE)
def test_a_model_says_what_it_is_and_needs(name, fitted, rows):
    model = fitted[name]
    assert model.name == name
    assert model.naive is (model.kind == "naive")
    for distribution in model.needs():
        assert installed([distribution]), f"{name} needs one of {distribution}"
    before = model.predict_score(rows[0])
    for device in model.devices():
        if device == "cpu":
            model.to_device(device)
    model.to_device("a device that nothing knows")
    np.testing.assert_array_equal(model.predict_score(rows[0]), before)


def test_a_library_is_imported_only_when_its_model_is_used():
    code = (
        "import sys, finq_predictor.domain.modelling.models as m; list(m.MODELS.values());"
        "print([name for name in ('xgboost', 'lightgbm', 'sklearn', 'torch', 'statsforecast') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


# One network stands for both: they import the same, and PyTorch takes its time.
@pytest.mark.parametrize("name", [name for name in HERE if name != "transformer"])
def test_a_model_says_what_it_imports(name):
    """Nothing is left to be imported on a thread, where another one may be about to import the same."""
    code = """
import importlib, json, sys
import numpy as np, pandas as pd
from finq_predictor.domain.modelling.models import create_model, restore_model

name, params = sys.argv[1], json.loads(sys.argv[2])
for module in create_model(name, params).imports():
    importlib.import_module(module)
values = np.random.default_rng(0).standard_normal((300, 3))
X, y, late = pd.DataFrame(values, columns=list("abc")), (values[:, 1] > 0).astype(float), []
sys.addaudithook(lambda event, arguments: late.append(arguments[0]) if event == "import" else None)
model = create_model(name, params).fit(X, y, seed=3)
model.predict_score(X)
restore_model(name, json.loads(json.dumps(model.state()))).predict_score(X)
print(json.dumps(late))
"""
    command = [sys.executable, "-c", code, name, json.dumps(PARAMS.get(name, {}))]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == [], f"{name}.modules lacks them"


@pytest.mark.parametrize("name", SILENT)
def test_who_has_no_exact_contributions_says_none(name, fitted, rows):
    assert fitted[name].contributions(rows[0]) is None
    assert fitted[name].importance() is None


@pytest.mark.parametrize("name", [name for name in HERE if name not in SILENT])
def test_contributions_add_up_to_the_log_odds_of_the_score(name, fitted, rows):
    """Every other model says what each feature adds; none may leave it open."""
    X = rows[0].iloc[:300]
    found = fitted[name].contributions(X)
    assert found.values.shape == (300, 4)
    odds = log_odds(fitted[name].predict_score(X))
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), odds, atol=1e-9)
    # What the library's own precision loses is no more than that.
    own = fitted[name]._contributions(to_matrix(X, fitted[name].features))
    np.testing.assert_allclose(own.base + own.values.sum(axis=1), odds, atol=2e-6)
    assert (found.values[:, 3] == 0.0).all(), "a feature without any value says nothing"


@pytest.mark.parametrize("name", [name for name in CANDIDATES if name not in SILENT])
def test_a_feature_that_decides_contributes_most_and_with_its_sign(name, fitted, rows):
    X = rows[0].dropna(subset=["b"])
    values = fitted[name].contributions(X).values
    assert np.abs(values).mean(axis=0).argmax() == 1
    assert spearmanr(values[:, 1], X["b"]).statistic > 0.8


def test_contributions_of_trees_are_shapley_values(rows):
    """Two features and two trees by hand: the average over both orders of what each adds."""
    X = rows[0][["a", "b"]].fillna(0.0).iloc[:400]
    model = create_model("lightgbm", {"n_estimators": 2, "max_depth": 2, "num_leaves": 4, "min_child_samples": 5})
    model.fit(X, rows[1][:400], seed=1)
    text = model.trees.dump_model()["tree_info"]

    def expected(node, row, known):
        if "leaf_value" in node:
            return node["leaf_value"]
        left, right = node["left_child"], node["right_child"]
        if node["split_feature"] in known:
            return expected(left if row[node["split_feature"]] <= node["threshold"] else right, row, known)
        weights = [side.get("internal_count", side.get("leaf_count")) for side in (left, right)]
        said = [expected(side, row, known) for side in (left, right)]
        return float(np.average(said, weights=weights))

    for position in range(5):
        row = np.float32(X.iloc[position].to_numpy()).astype(float)

        def v(*known, row=row):
            return sum(expected(tree["tree_structure"], row, known) for tree in text)

        by_hand = [0.5 * (v(0) - v() + v(0, 1) - v(1)), 0.5 * (v(1) - v() + v(0, 1) - v(0))]
        np.testing.assert_allclose(model.contributions(X.iloc[[position]]).values[0], by_hand, atol=1e-9)


def test_a_model_without_exact_contributions_says_so(rows):
    class Silent(MODELS["logistic"]):
        def _contributions(self, matrix):
            return None

    assert Silent().fit(*rows, seed=0).contributions(rows[0]) is None


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("learns", ["labels", "shares"])
def test_a_split_between_what_is_known_and_what_is_missing_is_restored(name, learns):
    """That a value is missing is all that tells: the one split there is has no number between values."""
    rng = np.random.default_rng(0)
    missing = rng.random(2000) < 0.5
    outcome = missing + rng.standard_normal(2000)
    y = (outcome > 0.5).astype(float) if learns == "labels" else (np.argsort(np.argsort(outcome)) + 0.5) / 2000
    X = pd.DataFrame({"a": np.where(missing, np.nan, rng.standard_normal(2000)), "b": 0.0})
    model = create_model(name, PARAMS[name]).fit(X, y, seed=0)
    scores = model.predict_score(X)
    assert scores[missing].mean() - scores[~missing].mean() > 0.1
    again = restore_model(name, json.loads(json.dumps(model.state(), allow_nan=False)))
    np.testing.assert_array_equal(again.predict_score(X), scores)
