"""Ensembles of the race: each member is fitted once, and what comes out is what separate fits would have made."""

from __future__ import annotations

import json
from collections import Counter
from threading import Barrier, Thread

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.models import create_model, restore_model
from finq_predictor.pipelines.training import fitting, nodes, uniting
from finq_predictor.pipelines.training.fits import Fits
from finq_predictor.pipelines.training.nodes import configuration_of
from finq_predictor.pipelines.training.params import TrainingParams
from finq_predictor.pipelines.training.plan import Plan
from finq_predictor.pipelines.training.samples import make_samples
from synthetic_gold import feature_names, make_feature_set, make_gold

EQUITY = MARKETS["equity"]
RULE = {"params": {"priors": {"feature_0": {"weight": 1.0, "source": "made up"}}}}
TREES = {"params": {"n_estimators": 10, "max_depth": 2, "min_child_weight": 20}, "learns": "rank"}
SETTINGS = {
    "seed": 7,
    "n_folds": 2,
    "min_train_fraction": 0.6,
    "gap": {"embargo_bars": 5},
    "models": {
        "mean": {"model": "blend", "params": {"members": ["composite", "trees"]}},
        "composite": RULE,
        "trees": {"model": "xgboost", **TREES},
        "logistic": {"params": {"C": 0.01}},
        "weighed": {"model": "stack", "params": {"members": ["composite", "trees", "logistic"], "held_out_folds": 2}},
        "seeds": {"model": "blend", "params": {"members": ["trees"], "seeds": 2}},
    },
    "search": {"trials": 0},
    "leak_meter": {"model": "xgboost"},
}


def run(gold: pd.DataFrame, **changes):
    params = TrainingParams(**{**SETTINGS, **changes})
    features = make_feature_set(gold)
    folds = nodes.make_folds(gold, features, params, market=EQUITY)
    chosen, _ = nodes.search_hyperparameters(gold, features, folds, params, market=EQUITY)
    oos, sealed = nodes.walk_forward(gold, features, folds, chosen, params, market=EQUITY)
    return folds, chosen, oos, sealed


@pytest.fixture(scope="module")
def gold():
    return make_gold(n_instruments=12, n_dates=240)


@pytest.fixture(scope="module")
def counted(gold):
    """The stage, and how often each model was fitted on how many rows."""
    fits: Counter[tuple[str, int, int]] = Counter()
    fit_rows = fitting.fit_rows

    def fit(name, chosen, samples, rows, params, seed=0):
        fits[name, len(rows), seed] += 1
        return fit_rows(name, chosen, samples, rows, params, seed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "fit_rows", fit)
        found = run(gold)
    return found, fits


def test_every_member_is_fitted_once_in_a_window(counted):
    _, fits = counted
    assert set(fits.values()) == {1}
    # Two windows, each whole and without its end; the stack asks of two earlier parts of each of the four.
    assert Counter(name for name, _, _ in fits) == {"composite": 12, "logistic": 12, "trees": 16}


def test_what_is_shared_is_what_separate_fits_make(counted, gold, monkeypatch):
    (_, _, oos, sealed), _ = counted
    monkeypatch.setattr(Fits, "get", lambda _, __, fit: fit())
    _, _, apart, apart_sealed = run(gold, threads=1)
    pd.testing.assert_frame_equal(oos, apart)
    pd.testing.assert_frame_equal(sealed, apart_sealed)
    alone = {name: SETTINGS["models"][name] for name in ("composite", "trees")}
    _, _, without, _ = run(gold, models=alone)
    same = oos[oos["model"].isin(alone)].reset_index(drop=True)
    pd.testing.assert_frame_equal(same, without)


def test_an_ensemble_unites_what_its_members_say(counted):
    (_, chosen, oos, _), _ = counted
    scores = oos[oos["fold"] == 1].pivot(index=["ts", "instrument"], columns="model", values="score")
    assert set(scores) == set(SETTINGS["models"])
    for name, members in (("mean", ["composite", "trees"]), ("seeds", ["trees"])):
        for member in members:
            assert scores[name].corr(scores[member], "spearman") > 0.4
    assert chosen["mean"]["members"]["trees"] == {"model": "xgboost", "params": TREES["params"]}
    again = create_model("blend", chosen["mean"])
    assert [member.name for member in again.members] == ["composite", "trees"]


def test_a_bundle_of_an_ensemble_is_restored_to_the_bit(gold):
    params = TrainingParams(**SETTINGS)
    plan, samples = Plan(params, EQUITY), make_samples(gold, tuple(feature_names(gold)), EQUITY.horizon)
    rows, config = np.arange(len(samples)), {name: config.params for name, config in params.models.items()}
    for name in ("mean", "weighed", "seeds"):
        fitted = fitting.fit_calibrated(name, config[name], samples, rows, plan)
        state = json.loads(json.dumps(fitted.model.state(), allow_nan=False))
        again = restore_model(fitted.model.name, state)
        np.testing.assert_array_equal(
            again.predict_score(samples.frame(rows)), fitted.model.predict_score(samples.frame(rows))
        )


def test_weights_are_learned_from_rows_that_no_member_had_seen(gold, monkeypatch):
    """Inside a window the rules are those between windows: what a member is asked about comes after all it learned."""
    params = TrainingParams(**SETTINGS)
    plan, samples = Plan(params, EQUITY), make_samples(gold, tuple(feature_names(gold)), EQUITY.horizon)
    window = np.flatnonzero(samples.keys["ts"] < samples.keys["ts"].quantile(0.7))
    seen: list[tuple[np.ndarray, pd.Series]] = []
    ask = uniting._held_out

    def held_out(model, samples, rows, plan, fit_member):
        assert set(rows) == set(window), "nothing but the training window"

        def fit(member, within):
            seen.append((within, samples.keys.iloc[within]["label_end"]))
            return fit_member(member, within)

        found = ask(model, samples, rows, plan, fit)
        assert len(found.y) == len(found.odds) == len(found.block)
        return found

    monkeypatch.setattr(uniting, "_held_out", held_out)
    model = fitting.fit_model("weighed", params.models["weighed"].params, samples, window, plan)
    assert len(seen) == 6
    sizes = sorted({len(within) for within, _ in seen})
    for within, ends in seen:
        assert set(within) <= set(window)
        assert ends.max() < samples.keys["ts"].iloc[window].max()
    assert len(sizes) == 2, "the later part is asked about by members that learned from more"
    assert sum(voice.share for voice in model.voices.values()) == pytest.approx(1.0)


def test_outcomes_after_a_window_have_no_say_in_weights(gold):
    folds, _, oos, _ = run(gold)
    last = folds["test_start"].iloc[-1]
    later = gold["label_end_5"] >= last
    changed = gold.assign(label_5=gold["label_5"].mask(later, 1.0 - gold["label_5"]))
    _, _, after, _ = run(changed)
    before, after = oos[oos["ts"] < last], after[after["ts"] < last]
    np.testing.assert_array_equal(before["probability"], after["probability"])


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        (
            {"params": {"members": ["composite", "tres"]}},
            UnknownNameError,
            "member of mean 'tres'.*Did you mean 'trees'",
        ),
        ({"params": {"members": ["composite", "seeds"]}}, ConfigurationError, "seeds, a member of mean, has members"),
        ({"params": {"members": {"x": {"model": "logistic"}}}}, ConfigurationError, "expected a list of names"),
        (
            {"params": {"members": ["composite", "trees"]}, "search": {"seeds": {"low": 1, "high": 2}}},
            ConfigurationError,
            "it is not itself",
        ),
        ({"params": {"members": ["composite", "trees"]}, "learns": "rank"}, ConfigurationError, "takes labels only"),
    ],
)
def test_what_a_race_cannot_unite_is_told_before_anything_is_fitted(config, error, message, gold):
    with pytest.raises(error, match=message):
        run(gold, models={**SETTINGS["models"], "mean": {"model": "blend", **config}})


def test_what_is_chosen_about_a_member_is_chosen_about_its_ensemble(gold):
    def configuration(**changes):
        models = {**SETTINGS["models"], **changes}
        params = TrainingParams(**{**SETTINGS, "models": models})
        return configuration_of("mean", make_feature_set(gold), Plan(params, EQUITY))

    assert configuration() != configuration(trees={"model": "xgboost", "params": {**TREES["params"], "max_depth": 3}})
    assert configuration() != configuration(trees={"model": "xgboost", "params": TREES["params"]})
    assert configuration() == configuration(logistic={"params": {"C": 0.1}})


def test_who_asks_while_a_fit_runs_waits_for_it_and_an_error_is_told_to_all():
    fits, made, barrier, found = Fits(), [], Barrier(2), []

    def fit():
        made.append(1)
        barrier.wait(10)
        return create_model("base_rate")

    first = Thread(target=lambda: found.append(fits.get("key", fit)))
    first.start()
    barrier.wait(10)
    assert fits.get("key", fit) is fits.get("key", fit)
    first.join(10)
    assert len(made) == 1
    assert found[0] is fits.get("key", fit)

    def fail():
        raise ConfigurationError("no")

    for _ in range(2):
        with pytest.raises(ConfigurationError, match="no"):
            fits.get("other", fail)
