"""Models that begin with what others have found: the rules added up, and the ridge that is pulled to them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit
from sklearn.linear_model import Ridge

from finq_predictor.domain.errors import ConfigurationError, StoreError
from finq_predictor.domain.modelling.models import Model, create_model, restore_model
from finq_predictor.domain.modelling.models.prior_ridge import PER_CORRELATION

PRIORS = {
    "a": {"weight": -1.0, "source": "Somebody (1990)"},
    "b": {"weight": 0.5, "source": "Somebody else (1993)"},
}


def make_rows(n: int = 4000, signal: float = 0.0, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Three features on other scales, the first with a signal; labels, and ranks of what followed."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, 3))
    outcome = signal * z[:, 0] + rng.standard_normal(n)
    ranks = (np.argsort(np.argsort(outcome)) + 0.5) / n
    return pd.DataFrame(z * [0.02, 5.0, 1.0] + [1.0, 0.0, 3.0], columns=["a", "b", "c"]), (outcome > 0) * 1.0, ranks


def odds(model: Model, X: pd.DataFrame) -> np.ndarray:
    return logit(model.predict_score(X))


def test_the_sum_of_the_rules_has_the_strength_and_the_signs_that_were_stated():
    X, y, _ = make_rows()
    model = create_model("composite", {"priors": PRIORS, "strength": 0.05}).fit(X, y, seed=0)
    found = odds(model, X)
    assert found.std() == pytest.approx(0.05, rel=1e-6)
    assert found.mean() == pytest.approx(logit(y.mean()), abs=1e-3)
    z = (X - X.mean()) / X.std(ddof=0)
    wanted = -z["a"].clip(-3, 3) + 0.5 * z["b"].clip(-3, 3)
    assert np.corrcoef(found, wanted)[0, 1] == pytest.approx(1.0, abs=1e-9)
    assert model.weights[2] == 0.0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_no_outcome_moves_a_rule(seed):
    """Whatever happened, the order of the instruments is that of the priors."""
    X, y, ranks = make_rows(200)
    other = np.random.default_rng(seed).permutation(y)
    first = create_model("composite", {"priors": PRIORS}).fit(X, y, seed=0)
    for labels in (other, 1.0 - y, ranks):
        again = create_model("composite", {"priors": PRIORS}).fit(X, labels, seed=0)
        np.testing.assert_array_equal(again.weights, first.weights)


@pytest.mark.parametrize("learns", ["labels", "ranks"])
@pytest.mark.parametrize("pull", [0.1, 1.0, 10.0])
def test_the_ridge_is_that_of_scikit_learn_on_what_the_priors_leave(learns, pull):
    X, y, ranks = make_rows(signal=0.3)
    told = y if learns == "labels" else ranks
    model = create_model("prior_ridge", {"priors": PRIORS, "pull": pull, "clip": 1e9}).fit(X, told, seed=0)
    rules = create_model("composite", {"priors": PRIORS, "clip": 1e9}).fit(X, told, seed=0)
    z = ((X - X.mean()) / X.std(ddof=0))[["a", "b"]].to_numpy()
    per_unit = PER_CORRELATION / told.std() * (np.sqrt(np.pi / 2) if learns == "labels" else 1.0)
    left = told * per_unit - z @ rules.weights[:2]
    peer = Ridge(alpha=pull * len(z), tol=1e-12).fit(z, left)
    np.testing.assert_allclose(model.weights[:2], rules.weights[:2] + peer.coef_, rtol=1e-5)
    assert model.weights[2] == 0.0, "what nobody believes anything of has no weight"


def test_the_harder_it_is_pulled_the_nearer_it_is_to_the_rules():
    X, y, _ = make_rows(signal=0.3)
    rules = create_model("composite", {"priors": PRIORS}).fit(X, y, seed=0).weights
    away = [
        np.abs(create_model("prior_ridge", {"priors": PRIORS, "pull": pull}).fit(X, y, seed=0).weights - rules).max()
        for pull in (0.1, 1.0, 10.0, 100.0, 1e9)
    ]
    assert (np.diff(away) < 0).all()
    assert away[-1] < 1e-9


@pytest.mark.parametrize("learns", ["labels", "ranks"])
def test_what_the_data_say_clearly_is_heard_against_a_wrong_prior(learns):
    """The prior says that `a` falls back, and it goes on, with a correlation of 0.29; labels and ranks say as much."""
    X, y, ranks = make_rows(40_000, signal=0.3)
    model = create_model("prior_ridge", {"priors": PRIORS, "pull": 0.001})
    model.fit(X, y if learns == "labels" else ranks, seed=0)
    correlation = 0.3 / np.sqrt(1.09)
    assert model.weights[0] == pytest.approx(PER_CORRELATION * correlation, rel=0.06)


def test_a_feature_that_is_not_delivered_leaves_the_others():
    X, y, _ = make_rows()
    model = create_model("composite", {"priors": PRIORS}).fit(X[["b", "c"]], y, seed=0)
    assert model.weights[0] > 0.0
    with pytest.raises(ConfigurationError, match=r"believes something of a, b, and none of them is in the feature set"):
        create_model("composite", {"priors": PRIORS}).fit(X[["c"]], y, seed=0)


def test_features_that_do_not_vary_say_nothing():
    X, y, _ = make_rows()
    model = create_model("prior_ridge", {"priors": PRIORS}).fit(X.assign(a=1.0, b=np.nan), y, seed=0)
    assert np.ptp(model.predict_score(X)) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("priors", "said"),
    [
        ({}, "expected weight and source by feature"),
        (None, "expected weight and source by feature"),
        ({"a": -1.0}, "expected a weight other than 0, and its source"),
        ({"a": {"weight": -1.0}}, "expected a weight other than 0, and its source"),
        ({"a": {"weight": 0.0, "source": "X (1990)"}}, "expected a weight other than 0"),
        ({"a": {"weight": float("nan"), "source": "X (1990)"}}, "expected a weight other than 0"),
        ({"a": {"weight": True, "source": "X (1990)"}}, "expected a weight other than 0"),
        ({"a": {"weight": 1.0, "source": " "}}, "has no source"),
        ({"a": {"weight": 1.0, "source": "X (1990)", "sign": 1}}, "expected a weight other than 0"),
    ],
)
def test_a_belief_without_weight_or_source_is_refused(priors, said):
    with pytest.raises(ConfigurationError, match=said):
        create_model("composite", {"priors": priors})


def test_a_rule_that_states_its_strength_ranks_as_before():
    X, y, _ = make_rows()
    plain = create_model("reversal", {"feature": "a"}).fit(X, y, seed=0)
    stated = create_model("reversal", {"feature": "a", "strength": 0.025}).fit(X, y, seed=0)
    first, second = plain.predict_score(X), stated.predict_score(X)
    np.testing.assert_array_equal(np.argsort(first, kind="stable"), np.argsort(second, kind="stable"))
    assert odds(stated, X).std() == pytest.approx(0.025, rel=0.01)
    assert (plain.states_odds, stated.states_odds) == (False, True)
    assert plain.params == {"feature": "a"}, "what was stored before reads as it did"


@pytest.mark.parametrize("given", [0.0, -0.1, float("nan"), float("inf"), "much", True])
@pytest.mark.parametrize(
    ("name", "params", "what"),
    [
        ("composite", {"priors": PRIORS}, "strength"),
        ("prior_ridge", {"priors": PRIORS}, "pull"),
        ("momentum", {"feature": "a"}, "strength"),
    ],
)
def test_how_much_is_believed_is_a_number_above_nothing(name, params, what, given):
    with pytest.raises(ConfigurationError, match=f"The {what} of a belief is .*; expected a number above 0"):
        create_model(name, {**params, what: given})
    X, y, _ = make_rows(200)
    state = create_model(name, params).fit(X, y, seed=0).state()
    with pytest.raises(StoreError, match="Train it again"):
        restore_model(name, {**state, "params": {**state["params"], what: given}})
