"""Models made from others: what they say is the weighted mean of what their members say."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from finq_predictor.domain.errors import ConfigurationError, StoreError, UnknownNameError
from finq_predictor.domain.modelling.models import create_model, restore_model
from finq_predictor.domain.modelling.models.base import log_odds
from finq_predictor.domain.modelling.models.stack import learn_shares

TREES = {"model": "xgboost", "params": {"n_estimators": 8, "max_depth": 2, "min_child_weight": 5.0}}
RULE = {"model": "composite", "params": {"priors": {"b": {"weight": 1.0, "source": "made up"}}}}
LINE = {"model": "logistic", "params": {"C": 0.01}}


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.standard_normal((900, 3)), columns=["a", "b", "c"])
    return X, (X["b"] + rng.standard_normal(900) > 0).to_numpy().astype(float)


@pytest.fixture(scope="module")
def fitted(rows):
    model = create_model("blend", {"members": {"trees": TREES, "rule": RULE}, "seeds": 3})
    return model.fit(*rows, seed=5)


def test_the_mean_of_standardised_log_odds(fitted, rows):
    """Every seed of the trees has a third of their half."""
    X, _ = rows
    assert [member.label for member in fitted.members] == ["trees", "trees 1", "trees 2", "rule"]
    said = {label: log_odds(voice.model.predict_score(X)) for label, voice in fitted.voices.items()}
    z = {label: (odds - odds.mean()) / odds.std() for label, odds in said.items()}
    mean = (z["trees"] + z["trees 1"] + z["trees 2"]) / 6 + z["rule"] / 2
    spread = sum(said[f"trees{seed}"].std() for seed in ("", " 1", " 2")) / 6 + said["rule"].std() / 2
    centre = sum(said[f"trees{seed}"].mean() for seed in ("", " 1", " 2")) / 6 + said["rule"].mean() / 2
    np.testing.assert_allclose(fitted.predict_score(X), expit(centre + spread * mean), rtol=1e-12)


def test_members_are_those_that_are_fitted_alone(fitted, rows):
    X, y = rows
    for label, spec, seed in (("trees", TREES, 5), ("trees 2", TREES, 7), ("rule", RULE, 5)):
        alone = create_model(spec["model"], spec["params"]).fit(X, y, seed=seed)
        assert fitted.voices[label].model.state() == alone.state()
    members = {label: voice.model for label, voice in fitted.voices.items()}
    joined = create_model("blend", fitted.params).unite(members, X)
    np.testing.assert_array_equal(joined.predict_score(X), fitted.predict_score(X))


def test_a_strength_says_how_much_is_believed(rows):
    X, y = rows
    both = {"rule": RULE, "other": {**RULE, "params": {**RULE["params"], "strength": 0.1}}}
    assert create_model("blend", {"members": both}).states_odds
    assert not create_model("blend", {"members": {"rule": RULE, "line": LINE}}).states_odds
    stated = create_model("blend", {"members": {"rule": RULE, "line": LINE}, "strength": 0.03})
    assert stated.states_odds
    odds = log_odds(stated.fit(X, y, seed=0).predict_score(X))
    assert 0.025 < odds.std() <= 0.03 + 1e-12, "as broad as it says, less by what members do not agree about"


def test_a_member_that_says_the_same_of_everybody_adds_nothing(rows):
    X, y = rows
    flat = {"model": "base_rate"}
    model = create_model("blend", {"members": {"rule": RULE, "flat": flat}}).fit(X, y, seed=0)
    odds, rule = log_odds(model.predict_score(X)), log_odds(model.voices["rule"].model.predict_score(X))
    assert np.corrcoef(odds, rule)[0, 1] == pytest.approx(1.0)
    assert model.importance() == {"a": 0.0, "b": 1.0, "c": 0.0}


def test_contributions_are_left_open_where_a_member_leaves_them_open(rows, monkeypatch):
    X, y = rows
    model = create_model("blend", {"members": {"rule": RULE, "line": LINE}}).fit(X, y, seed=0)
    assert model.contributions(X) is not None
    monkeypatch.setattr(type(model.voices["line"].model), "_contributions", lambda *_: None)
    assert model.contributions(X) is None


@pytest.mark.parametrize(
    ("members", "seeds", "error", "message"),
    [
        ({}, 1, ConfigurationError, "expected model and params by name"),
        (["rule", "trees"], 1, ConfigurationError, "in a race a list of names"),
        ({"rule": RULE}, 1, ConfigurationError, "has one member, 'rule'"),
        ({"rule": RULE}, 5, ConfigurationError, "has one member, 'rule'"),
        ({"rule": RULE, "trees": TREES}, 0, ConfigurationError, "expected a number from 1 to 100"),
        ({"rule": RULE, "x": {"params": {}}}, 1, ConfigurationError, "expected model and params"),
        ({"rule": RULE, "x": {"model": "xgbost"}}, 1, UnknownNameError, "Did you mean 'xgboost'"),
        ({"rule": RULE, "x": {"model": "blend"}}, 1, ConfigurationError, "is an ensemble itself"),
        ({"trees": TREES, "trees 1": RULE}, 2, ConfigurationError, "another with a seed"),
    ],
)
def test_what_no_ensemble_can_be_made_from_is_refused(members, seeds, error, message):
    with pytest.raises(error, match=message):
        create_model("blend", {"members": members, "seeds": seeds})


def test_a_model_that_is_made_from_nothing_unites_nothing(rows):
    with pytest.raises(ConfigurationError, match="made from no others"):
        create_model("logistic").unite({}, rows[0])


CRAFTED = {
    "a share above 1": lambda kept: kept["rule"].update(share=1.5),
    "a share below 0": lambda kept: kept["rule"].update(share=-0.5),
    "shares that are not the whole": lambda kept: kept["rule"].update(share=0.4),
    "a spread below 0": lambda kept: kept["rule"].update(spread=-1.0),
    "no center": lambda kept: kept["rule"].update(center=None),
    "another model": lambda kept: kept["rule"].update(model="prior_ridge"),
    "a member too few": lambda kept: kept.pop("trees 2"),
    "a member that reads other features": lambda kept: kept["rule"]["state"].update(features=["a", "c", "b"]),
}


@pytest.mark.parametrize("case", CRAFTED)
def test_a_state_that_is_none_is_refused(case, fitted):
    state = copy.deepcopy(fitted.state())
    CRAFTED[case](state["learned"]["members"])
    with pytest.raises(StoreError, match="Train it again"):
        restore_model("blend", state)


def draw_odds(seed: int, worth: tuple[float, ...], blocks: int = 60, n: int = 6000):
    """Scores of models of which some are worth something, and labels, in blocks that move together."""
    rng = np.random.default_rng(seed)
    block = np.repeat(np.arange(blocks), n // blocks)
    odds = rng.standard_normal((len(block), len(worth)))
    y = rng.random(len(block)) < expit(odds @ np.array(worth) + 0.5 * rng.standard_normal(blocks)[block])
    return odds, y.astype(float), block


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, 2.0), st.integers(1, 60))
def test_weights_are_not_below_nought_and_sum_to_one(seed, worth, blocks):
    shares = learn_shares(*draw_odds(seed, (worth, -worth, 0.0), blocks=blocks, n=600))
    assert (shares >= 0.0).all()
    assert shares.sum() == pytest.approx(1.0)


def test_weights_go_to_who_is_worth_them_and_stay_equal_where_nobody_is():
    clear = learn_shares(*draw_odds(1, (1.0, 0.0, -0.5)))
    assert clear[0] > 0.9
    quiet = [learn_shares(*draw_odds(seed, (0.0, 0.0, 0.0))) for seed in range(40)]
    np.testing.assert_allclose(np.median(quiet, axis=0), np.full(3, 1 / 3))
    assert np.abs(np.array(quiet) - 1 / 3).mean() < 0.1, "luck moves them a little"
    alike = learn_shares(*draw_odds(3, (0.6, 0.6)))
    assert alike == pytest.approx([0.5, 0.5], abs=0.08)
    opposed = learn_shares(*draw_odds(4, (-1.0, -1.0)))
    np.testing.assert_array_equal(opposed, [0.5, 0.5])


def test_weights_of_one_block_are_equal():
    odds, y, _ = draw_odds(1, (1.0, 0.0))
    np.testing.assert_array_equal(learn_shares(odds, y, np.zeros(len(y))), [0.5, 0.5])
