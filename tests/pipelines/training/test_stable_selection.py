"""Features are chosen inside every training window: nothing else has a say, and a choice with hindsight is noticed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.evaluation.feature_validation.selection import SelectionRules, select_stable
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.models import create_model
from finq_predictor.domain.modelling.origin import CodeVersion
from finq_predictor.domain.modelling.search import Hyperparameters
from finq_predictor.pipelines.training import nodes, selecting
from finq_predictor.pipelines.training.params import LookbackLimit, TrainingParams
from finq_predictor.pipelines.training.samples import make_samples
from synthetic_gold import feature_names, make_feature_set, make_gold
from synthetic_values import make_provenance

EQUITY = MARKETS["equity"]
RULES = {"enabled": True, "min_features": 2}
CHOSEN = {
    "seed": 7,
    "n_folds": 3,
    "min_train_fraction": 0.5,
    "gap": {"embargo_bars": 5},
    "threads": 2,
    "models": {
        "base_rate": {},
        "momentum": {"params": {"feature": "feature_7"}},
        "logistic": {"params": {"C": 0.01}, "search": {"C": {"low": 1e-4, "high": 1.0, "log": True}}},
        "xgboost": {"params": {"n_estimators": 15, "max_depth": 2, "min_child_weight": 20, "learning_rate": 0.1}},
    },
    "search": {"trials": 2, "inner_folds": 2},
    "leak_meter": {"model": "logistic"},
}
PARAMS = TrainingParams(**CHOSEN, selection=RULES)
CANDIDATES = ("logistic", "xgboost")
GIVEN = Hyperparameters({name: config.params for name, config in PARAMS.models.items()})
KEYS = ["model", "ts", "instrument"]


@pytest.fixture(scope="module")
def gold() -> pd.DataFrame:
    return make_gold(n_instruments=12, n_dates=240)


@pytest.fixture(scope="module")
def folds(gold) -> pd.DataFrame:
    return nodes.make_folds(gold, make_feature_set(gold), PARAMS, market=EQUITY)


def said(gold: pd.DataFrame, folds: pd.DataFrame, params: TrainingParams = PARAMS) -> pd.DataFrame:
    parts = nodes.walk_forward(gold, make_feature_set(gold), folds, GIVEN, params, market=EQUITY)
    return pd.concat([part[[*KEYS, "score", "probability"]] for part in parts]).sort_values(KEYS, ignore_index=True)


def learned(gold: pd.DataFrame, fold: pd.Series) -> pd.Series:
    return (gold["ts"] <= fold["train_end"]) & (gold["label_end_5"] <= fold["label_end_max"])


def permuted(gold: pd.DataFrame, rows: pd.Series, seed: int = 0) -> pd.DataFrame:
    """Gold whose outcomes are dealt out anew among some rows."""
    changed, place = gold.copy(), np.flatnonzero(rows & gold["label_5"].notna())
    other = np.random.default_rng(seed).permutation(place)
    for name in ("label_5", "forward_return_5"):
        changed.iloc[place, changed.columns.get_loc(name)] = gold[name].to_numpy()[other]
    return changed


def planted(gold: pd.DataFrame, feature: str, rows: pd.Series) -> pd.DataFrame:
    """Gold in which a feature that knows nothing knows the outcome of some rows."""
    told = gold["forward_return_5"] / gold["forward_return_5"].std()
    return gold.assign(**{feature: gold[feature].mask(rows & told.notna(), told)})


def of_fold(table: pd.DataFrame, fold: pd.Series) -> pd.DataFrame:
    rows = table["ts"].between(fold["test_start"], fold["test_end"]) & table["model"].isin(CANDIDATES)
    return table[rows].reset_index(drop=True)


# The choice -----------------------------------------------------------------------------------------------------------


def make_window(seed: int = 0) -> tuple[np.ndarray, pd.DataFrame, list[str]]:
    rng = np.random.default_rng(seed)
    n_bars, n_names = 200, 20
    ts = pd.date_range("2020-01-01", periods=n_bars, freq="D", tz="UTC")
    outcome = rng.standard_normal((n_bars, n_names))
    steady = outcome + 4.0 * rng.standard_normal(outcome.shape)
    turning = np.where((np.arange(n_bars) // 50 % 2 == 0)[:, None], 3.2, -3.0) * outcome
    turning += 4.0 * rng.standard_normal(outcome.shape)
    columns = {
        "steady": steady,
        "copy": -steady + 0.5 * rng.standard_normal(outcome.shape),
        "turning": turning,
        "unknown": np.full(outcome.shape, np.nan),
        "constant": np.ones(outcome.shape),
        "noise": rng.standard_normal(outcome.shape),
    }
    matrix = np.column_stack([values.ravel() for values in columns.values()]).astype(np.float32)
    names = [f"S{place}" for place in range(n_names)]
    keys = pd.DataFrame({"ts": np.repeat(ts, n_names), "instrument": names * n_bars, "forward_return": outcome.ravel()})
    return matrix, keys, list(columns)


def chosen(rules: SelectionRules, seed: int = 0) -> list[str]:
    matrix, keys, names = make_window(seed)
    return [names[place] for place in select_stable(matrix, keys, 1, rules)]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_one_of_a_cluster_is_chosen_and_what_turns_its_sign_is_not(seed):
    found = chosen(SelectionRules(enabled=True, min_same_sign=1.0, min_features=1), seed)
    assert len({"steady", "copy"} & set(found)) == 1
    assert not {"turning", "unknown", "constant"} & set(found)


def test_too_few_are_filled_up_by_the_strongest_of_the_others():
    found = chosen(SelectionRules(enabled=True, min_same_sign=1.0, min_features=4))
    assert len(found) == 4
    assert {"unknown", "constant"} - set(found)
    assert len(chosen(SelectionRules(enabled=True, min_features=99))) == 6


def test_clusters_are_as_wide_as_is_asked_for():
    apart = chosen(SelectionRules(enabled=True, min_same_sign=1.0, min_features=1, alike=0.995))
    assert {"steady", "copy"} <= set(apart)


# Where it is made -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [0, 2])
def test_outcomes_outside_of_the_training_window_change_nothing_that_is_said(gold, folds, block):
    fold = folds.iloc[block]
    one = folds.iloc[[block]]
    before = said(gold, one)
    after = said(permuted(gold, ~learned(gold, fold)), one)
    pd.testing.assert_frame_equal(of_fold(before, fold), of_fold(after, fold))
    inside = said(permuted(gold, learned(gold, fold)), one)
    assert (of_fold(before, fold)["score"] != of_fold(inside, fold)["score"]).mean() > 0.9, "the law could fail"


def test_a_feature_that_knows_the_test_is_not_chosen_and_a_choice_with_hindsight_chooses_it(gold, folds, monkeypatch):
    """Planted in the test rows alone: only who looks at them finds it, and then what is said is another thing."""
    fold, one = folds.iloc[0], folds.iloc[[0]]
    outside = ~learned(gold, fold)
    window = np.flatnonzero(learned(gold, fold)[gold["label_5"].notna()].to_numpy())
    before = make_samples(gold, tuple(feature_names(gold)), 5)
    place = int(np.setdiff1d(np.arange(8), selecting.selected_features(before, window, PARAMS))[0])
    knowing = planted(gold, f"feature_{place}", outside)
    samples = make_samples(knowing, tuple(feature_names(gold)), 5)
    assert place not in selecting.selected_features(samples, window, PARAMS)
    assert place in selecting.selected_features(samples, np.arange(len(samples)), PARAMS)

    honest = selecting.select_stable

    def hindsight(matrix, keys, horizon, rules):
        return honest(samples.matrix, samples.keys, horizon, rules)

    without = of_fold(said(gold, one), fold)
    monkeypatch.setattr(selecting, "select_stable", hindsight)
    with_it = of_fold(said(knowing, one), fold)
    assert (without["score"] != with_it["score"]).mean() > 0.5, "the law above notices it"


def test_what_was_not_chosen_adds_nothing_later(gold, folds):
    samples = make_samples(gold, tuple(feature_names(gold)), 5)
    rows = np.flatnonzero(learned(gold, folds.iloc[0])[gold["label_5"].notna()].to_numpy())
    kept = selecting.selected_features(samples, rows, PARAMS)
    assert 2 <= len(kept) < len(samples.names)
    others = [name for place, name in enumerate(samples.names) if place not in kept]
    for name in CANDIDATES:
        model = create_model(name, dict(PARAMS.models[name].params))
        told = selecting.learned_frame(model, samples, rows, PARAMS)
        assert told[others].isna().all().all()
        model.fit(told, samples.y[rows], seed=0)
        frame = samples.frame(rows)
        noise = frame.assign(**dict.fromkeys(others, np.float32(1e6)))
        np.testing.assert_array_equal(model.predict_score(frame), model.predict_score(noise))
        assert all(model.importance()[other] == 0.0 for other in others)


def test_naive_rules_read_what_they_are_told_to(gold, folds):
    rows = np.arange(500)
    samples = make_samples(gold, tuple(feature_names(gold)), 5)
    naive = create_model("momentum", {"feature": "feature_7"})
    pd.testing.assert_frame_equal(selecting.learned_frame(naive, samples, rows, PARAMS), samples.frame(rows))


def test_a_window_is_looked_at_once_for_all_models(gold, folds, monkeypatch):
    seen: list[int] = []
    honest = selecting.select_stable

    def counted(matrix, keys, horizon, rules):
        seen.append(len(matrix))
        return honest(matrix, keys, horizon, rules)

    monkeypatch.setattr(selecting, "select_stable", counted)
    said(gold, folds.iloc[[0]], PARAMS.model_copy(update={"threads": 1}))
    seen = [size for size in seen if size > 12]  # what is made up to compile has twelve rows
    assert len(seen) == len(set(seen)) == 2, "the whole window, and the part before what is calibrated on"


def test_search_and_candidates_go_the_same_way(gold, folds):
    features = make_feature_set(gold)
    found, trials = nodes.search_hyperparameters(gold, features, folds, PARAMS, market=EQUITY)
    assert trials["value"].notna().any()
    code = CodeVersion(code_hash="c" * 64, git_commit="abc", packages={})
    origin = make_provenance(source_id="seed 7")
    summary = nodes.summarise_training(gold, features, folds, trials, origin, code, PARAMS, market=EQUITY)
    bundles = nodes.fit_candidates(gold, features, found, summary, PARAMS, market=EQUITY)
    weights = bundles["logistic"].model.importance()
    assert 0 < sum(value == 0.0 for value in weights.values()) < len(weights)
    assert tuple(bundles["logistic"].feature_set.names) == bundles["logistic"].model.features


def test_it_is_off_unless_asked_for_and_asking_is_another_trial(gold, folds):
    off = TrainingParams(**CHOSEN)
    assert not off.selection.enabled
    features, plan = make_feature_set(gold), nodes.Plan(off, EQUITY)
    rules = [RULES, {**RULES, "min_same_sign": 1.0}, {"enabled": False, "periods": 8}]
    other = [nodes.Plan(TrainingParams(**CHOSEN, selection=each), EQUITY) for each in rules]
    names = [nodes.configuration_of("logistic", features, each) for each in (plan, *other)]
    assert len(set(names)) == 3
    assert names[0] == names[3], "a step that is left out is no choice"
    assert (
        of_fold(said(gold, folds.iloc[[0]], off), folds.iloc[0])["score"]
        != of_fold(said(gold, folds.iloc[[0]]), folds.iloc[0])["score"]
    ).any()


def test_over_long_horizons_free_weights_are_told_of_the_recent_past_only():
    """By what the registry says of each feature; stated rules and naive ones read what they are told to."""
    gold = make_gold(n_instruments=4, n_dates=60)
    names = {"feature_0": "ret_250", "feature_1": "ret_5", "feature_2": "vol_60"}
    gold = gold.rename(columns=names)
    params = PARAMS.model_copy(
        update={"selection": SelectionRules(), "lookback": LookbackLimit(from_horizon=5, most_bars=63)}
    )
    samples = make_samples(gold, (*names.values(), "feature_3"), 5)
    rows = np.arange(len(samples))

    def missing(model, samples=samples, params=params):
        told = selecting.learned_frame(model, samples, rows[: len(samples)], params)
        return told.columns[told.isna().all()].tolist()

    priors = {"ret_250": {"weight": 1.0, "source": "made up"}}
    assert missing(create_model("logistic")) == ["ret_250"], "what nobody registered is told"
    for stated in (create_model("momentum", {"feature": "ret_250"}), create_model("composite", {"priors": priors})):
        assert missing(stated) == []
    assert missing(create_model("logistic"), params=params.model_copy(update={"lookback": None})) == []
    shorter = replace(samples, horizon=4)
    assert missing(create_model("logistic"), samples=shorter) == []
    with pytest.raises(ConfigurationError, match="Each of the 1 features looks back over more than 63 bars"):
        missing(create_model("logistic"), samples=make_samples(gold, ("ret_250",), 5))
