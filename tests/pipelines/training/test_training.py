from __future__ import annotations

import hashlib
import json
import logging

import numpy as np
import pandas as pd
import pytest
import yaml
from pydantic import ValidationError

from finq_predictor.adapters.datasets.bundles import BundlesDataset
from finq_predictor.domain.errors import ConfigurationError, DataError, SplitError, UnknownNameError
from finq_predictor.domain.evaluation.metrics import day_codes, rank_ic, score_metrics
from finq_predictor.domain.evaluation.set_coverage import set_coverage
from finq_predictor.domain.features import FeatureSet
from finq_predictor.domain.fingerprint import hash_content, hash_frame
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.models import model_parameters, restore_model
from finq_predictor.domain.modelling.origin import CodeVersion
from finq_predictor.pipelines.training import nodes
from finq_predictor.pipelines.training.params import TrainingParams
from finq_predictor.pipelines.training.pipeline import create_pipeline
from finq_predictor.pipelines.training.plan import Plan
from finq_predictor.pipelines.training.samples import label_blocks, make_samples, rank_outcomes, thin
from synthetic_gold import feature_names, make_feature_set, make_gold
from synthetic_values import make_provenance

TREES = {"n_estimators": 20, "max_depth": 2, "min_child_weight": 20, "learning_rate": 0.1}
EQUITY = MARKETS["equity"]
SETTINGS = {
    "seed": 7,
    "n_folds": 3,
    "min_train_fraction": 0.5,
    "gap": {"embargo_bars": 5},
    "models": {
        "base_rate": {},
        "momentum": {"params": {"feature": "feature_0"}},
        "reversal": {"params": {"feature": "feature_0"}},
        "logistic": {"params": {"C": 0.01}, "search": {"C": {"low": 1e-4, "high": 1.0, "log": True}}},
        "xgboost": {
            "params": TREES,
            "search": {"max_depth": {"low": 1, "high": 3, "integer": True}, "reg_lambda": {"choices": [1.0, 10.0]}},
        },
    },
    "search": {"trials": 4, "inner_folds": 2, "max_rows": 1500},
    "leak_meter": {
        "model": "xgboost",
        "params": {"n_estimators": 80, "max_depth": 8, "min_child_weight": 1, "learning_rate": 0.2},
        "max_rows": 3000,
    },
}
PROVENANCE = make_provenance(source_id="seed 7")
CODE = CodeVersion(code_hash="c" * 64, git_commit="abc", packages={"xgboost": "3"})


def run(gold: pd.DataFrame, feature_set: FeatureSet | None = None, **changes) -> dict:
    """The whole stage, node by node."""
    params = TrainingParams(**{**SETTINGS, **changes})
    feature_set = feature_set or make_feature_set(gold)
    folds = nodes.make_folds(gold, feature_set, params, market=EQUITY)
    chosen, trials = nodes.search_hyperparameters(gold, feature_set, folds, params, market=EQUITY)
    summary = nodes.summarise_training(gold, feature_set, folds, trials, PROVENANCE, CODE, params, market=EQUITY)
    oos, sealed = nodes.walk_forward(gold, feature_set, folds, chosen, params, market=EQUITY)
    return {
        "params": params,
        "folds": folds,
        "hyperparameters": chosen,
        "trials": trials,
        "oos": oos,
        "sealed": sealed,
        "summary": summary,
        "candidates": nodes.fit_candidates(gold, feature_set, chosen, summary, params, market=EQUITY),
    }


@pytest.fixture(scope="module")
def gold():
    return make_gold(n_instruments=20, n_dates=280)


@pytest.fixture(scope="module")
def trained(gold):
    before = gold.copy()
    result = run(gold)
    pd.testing.assert_frame_equal(gold, before)
    return result


def test_every_test_row_is_predicted_once_by_every_model(trained, gold):
    oos, folds = trained["oos"], trained["folds"]
    assert list(oos.columns) == [
        "ts",
        "instrument",
        "fold",
        "model",
        "kind",
        "score",
        "probability",
        "p_yes",
        "p_no",
        "label",
        "forward_return",
        "label_end",
    ]
    assert not oos.duplicated(["model", "ts", "instrument"]).any()
    open_folds = folds[~folds["sealed"]]
    assert folds["sealed"].tolist() == [False, False, True]
    assert (oos.groupby("model").size() == open_folds["n_test"].sum()).all()
    sealed = trained["sealed"]
    assert (sealed.groupby("model").size() == folds["n_test"].iloc[-1]).all()
    assert list(sealed.columns) == list(oos.columns)[:7], "what happened in the sealed window is not told"
    assert oos["ts"].max() < sealed["ts"].min()
    assert set(oos["model"]) == set(SETTINGS["models"])
    assert oos.notna().all().all()
    assert oos["probability"].between(0, 1, inclusive="neither").all()
    labelled = gold[gold["label_5"].notna()]
    assert folds["test_end"].iloc[-1] == labelled["ts"].max()
    kinds = oos.drop_duplicates("model").set_index("model")["kind"]
    assert kinds.to_dict() == {
        "base_rate": "naive",
        "momentum": "naive",
        "reversal": "naive",
        "logistic": "candidate",
        "xgboost": "candidate",
    }


def test_who_is_asked_about_does_not_depend_on_what_came_of_it(trained, gold):
    """The last bars of a company that fails have no label: they are predicted, and learned from by nobody."""
    first = trained["folds"]["test_start"].iloc[0]
    fails = (gold["instrument"] == gold["instrument"].iloc[0]) & (gold["ts"] >= first)
    changed = gold.copy()
    changed.loc[fails, ["label_5", "forward_return_5"]] = np.nan
    changed["label_end_5"] = gold["label_end_5"].mask(fails)
    oos = run(changed)["oos"]
    pd.testing.assert_frame_equal(oos[["model", "ts", "instrument"]], trained["oos"][["model", "ts", "instrument"]])
    failed = oos["instrument"] == gold["instrument"].iloc[0]
    assert oos.loc[failed, ["label", "forward_return"]].isna().all().all()
    assert oos["probability"].notna().all()
    # The first fold was fitted on what came before: there nothing changes.
    one = oos["fold"] == 1
    np.testing.assert_array_equal(oos.loc[one, "probability"], trained["oos"].loc[one, "probability"])


def test_no_prediction_was_made_with_a_label_of_its_own_time(trained):
    folds = trained["folds"]
    assert (folds["label_end_max"] < folds["test_start"]).all()
    assert folds["purge_bars"].eq(6).all(), "entry lag 1 plus horizon 5"
    assert folds["embargo_bars"].eq(5).all()


def test_the_future_of_the_labels_does_not_change_earlier_predictions(trained, gold):
    """Turn every label from the last test block on: predictions of the blocks before must not move by a bit."""
    last = trained["folds"]["test_start"].iloc[-1]
    later = gold["label_end_5"] >= last
    changed = gold.assign(label_5=gold["label_5"].mask(later, 1.0 - gold["label_5"]))
    before = trained["oos"][trained["oos"]["ts"] < last]
    again = run(changed)
    after = again["oos"][again["oos"]["ts"] < last]
    np.testing.assert_array_equal(before["probability"], after["probability"])
    assert again["hyperparameters"] == trained["hyperparameters"]


def test_planted_signal_is_found_and_calibrated(trained):
    oos = trained["oos"]
    base = oos.loc[oos["model"] == "base_rate", "probability"].to_numpy()
    for name in ("logistic", "xgboost", "momentum"):
        found = score_metrics(oos[oos["model"] == name], base)
        assert found["rank_ic"] > 0.1, name
        assert found["auc"] > 0.55, name
        assert found["brier_skill"] > 0.0, name
    reversed_rule = oos[oos["model"] == "reversal"]
    assert score_metrics(reversed_rule, base)["rank_ic"] < -0.1
    assert reversed_rule.groupby("fold")["probability"].std().max() < 1e-9, "a score that misleads gets the base rate"


def test_without_signal_nothing_is_claimed():
    oos = run(make_gold(n_instruments=20, n_dates=280, signal=0.0, seed=11))["oos"]
    for name in ("logistic", "xgboost"):
        rows = oos[oos["model"] == name]
        assert abs(rank_ic(rows["score"], rows["forward_return"], day_codes(rows["ts"]))) < 0.06
        assert rows["probability"].sub(0.5).abs().quantile(0.9) < 0.1, "the calibration says 'don't know'"


def test_one_seed_gives_identical_bytes_whatever_the_threads(trained, gold):
    def digest(frame: pd.DataFrame) -> str:
        return hashlib.sha256(frame.to_csv(index=False, float_format="%a").encode()).hexdigest()

    again = run(gold, threads=1)
    assert digest(again["oos"]) == digest(trained["oos"])
    assert hash_frame(again["oos"]) == hash_frame(trained["oos"])
    assert again["summary"] == trained["summary"]
    assert again["hyperparameters"] == trained["hyperparameters"]
    for name, bundle in again["candidates"].items():
        assert json.dumps(bundle.model.state()) == json.dumps(trained["candidates"][name].model.state())
    assert digest(run(gold, seed=8)["oos"]) != digest(trained["oos"])


def test_the_search_is_recorded_and_never_worse_than_the_configuration(trained):
    trials = trained["trials"]
    assert list(trials.columns) == ["trial", "model", "objective", "value", "duration_s", "state", "params"]
    assert trials.groupby("model").size().to_dict() == {"logistic": 4, "xgboost": 4}
    assert set(trials["state"]) <= {"complete", "pruned"}
    for name, rows in trials.groupby("model"):
        complete = rows[rows["state"] == "complete"]
        assert rows["trial"].tolist() == [0, 1, 2, 3]
        best = json.loads(complete.loc[complete["value"].idxmin(), "params"])
        assert best.items() <= trained["hyperparameters"][name].items()
    first = json.loads(trials.query("model == 'xgboost'")["params"].iloc[0])
    assert first["max_depth"] == 2, "the configured value is tried first"


def test_the_search_shows_its_progress(gold, caplog):
    params = TrainingParams(**SETTINGS)
    folds = nodes.make_folds(gold, make_feature_set(gold), params, market=EQUITY)
    with caplog.at_level(logging.INFO, logger="finq_predictor"):
        nodes.search_hyperparameters(gold, make_feature_set(gold), folds, params, market=EQUITY)
    assert "search xgboost: trial 4 of 4, log_loss" in caplog.text


def test_the_search_can_judge_by_rank_ic_and_can_be_switched_off(gold):
    chosen = run(gold, search={"trials": 2, "objective": "rank_ic", "max_rows": 1500})["trials"]
    assert chosen["value"].dropna().between(-1, 1).all()
    none = run(gold, search={"trials": 0})
    assert none["trials"].empty
    assert none["hyperparameters"]["xgboost"] == TREES
    assert none["summary"].n_trials == 0


def test_the_search_sees_the_first_training_window_only(trained, gold):
    beyond = gold["ts"] > trained["folds"]["train_end"].iloc[0]
    noise = np.random.default_rng(0).standard_normal(len(gold))
    changed = gold.assign(feature_0=gold["feature_0"].mask(beyond, noise))
    params = trained["params"]
    _, trials = nodes.search_hyperparameters(changed, make_feature_set(gold), trained["folds"], params, market=EQUITY)
    pd.testing.assert_series_equal(trials["value"], trained["trials"]["value"])


def test_candidates_carry_where_they_come_from(trained, gold):
    for name, bundle in trained["candidates"].items():
        assert isinstance(bundle, ModelBundle)
        assert bundle.name == name
        assert bundle.origin.simulated is True
        assert bundle.origin.data_hash == hash_frame(gold)
        assert bundle.origin.code_hash == "c" * 64
        assert bundle.origin.seed == 7
        assert bundle.origin.n_rows == gold["label_5"].notna().sum()
        assert bundle.origin.trained_to == gold.loc[gold["label_5"].notna(), "ts"].max().isoformat()
        assert set(bundle.profile.features) == set(feature_names(gold))
    assert trained["summary"].feature_set_hash == hash_content(make_feature_set(gold).to_dict())


def test_candidates_know_their_limits(trained, gold):
    """The guard is one for all of a race; the sets are each model's own, from the last dates and nothing else."""
    bundles = trained["candidates"]
    assert len({id(bundle.guard) for bundle in bundles.values()}) == 1
    guard = bundles["logistic"].guard
    rows = make_samples(gold, make_feature_set(gold).names, 5)
    held_out = bundles["logistic"].conformal
    assert held_out.yes.count + held_out.no.count == guard.distance.count
    assert guard.distance.count < 0.3 * len(rows)
    placed = bundles["logistic"].place(rows.frame(np.arange(len(rows))))
    assert (placed.distance_share <= 0.02).mean() < 0.05
    alien = bundles["logistic"].place(rows.frame(np.arange(200)) * 50.0)
    assert (alien.outside_share <= 0.01).all()
    assert sorted(trained["oos"]) == sorted(set(trained["oos"]) | {"p_yes", "p_no"})
    known = trained["oos"].dropna(subset=["label"])
    flat = known[known["model"] == "base_rate"]
    assert ((flat["p_yes"] > 0.1) & (flat["p_no"] > 0.1)).all(), "who knows nothing rules nothing out"
    for name in ("logistic", "xgboost"):
        mine = set_coverage(known[known["model"] == name], 0.9).set_index("metric")["value"]
        assert 0.8 < mine["set_coverage"] <= 1.0


def test_candidates_predict_the_days_whose_labels_are_not_known_yet(trained, gold, tmp_path):
    latest = gold[gold["label_5"].isna()]
    dataset = BundlesDataset(str(tmp_path / "candidates"))
    dataset.save(trained["candidates"])
    for name, bundle in dataset.load().items():
        found = bundle.predict(latest)
        assert len(found) == len(latest)
        np.testing.assert_array_equal(found["probability"], trained["candidates"][name].predict(latest)["probability"])


def test_the_data_hash_knows_the_order_of_rows(trained, gold):
    params = trained["params"]
    other = nodes.summarise_training(
        gold.iloc[::-1],
        make_feature_set(gold),
        trained["folds"],
        trained["trials"],
        PROVENANCE,
        CODE,
        params,
        market=EQUITY,
    )
    assert other.data_hash != trained["summary"].data_hash
    assert other.n_rows == trained["summary"].n_rows


def test_the_leak_meter_shows_what_a_random_split_pretends():
    gold = make_gold(n_instruments=12, n_dates=300, signal=0.0)
    table = nodes.measure_leak(gold, make_feature_set(gold), TrainingParams(**SETTINGS), market=EQUITY)
    table = table.set_index("split")
    assert list(table.columns) == ["model", "accuracy", "auc", "n"]
    assert table.loc["random_rows", "auc"] > table.loc["purged", "auc"] + 0.08
    assert abs(table.loc["purged", "auc"] - 0.5) < 0.08


def test_a_column_without_values_is_named_and_survived(gold, caplog):
    result = run(gold.assign(feature_3=np.nan), search={"trials": 0})
    assert result["summary"].empty_features == ("feature_3",)
    assert "feature_3" in caplog.text
    assert result["oos"]["probability"].notna().all()


def spoil(gold: pd.DataFrame, case: str) -> pd.DataFrame:
    if case == "few dates":
        return gold[gold["ts"] < gold["ts"].min() + pd.Timedelta(days=20)]
    if case == "one class":
        return gold.assign(label_5=gold["label_5"].mask(gold["label_5"].notna(), 1.0))
    if case == "no label":
        return gold.assign(label_5=np.nan)
    if case == "no feature":
        return gold.drop(columns="feature_2")
    if case == "no label column":
        return gold.drop(columns="label_5")
    return gold.assign(feature_2=gold["feature_2"].mask(gold.index == 9, np.inf))


@pytest.mark.parametrize(
    ("case", "error", "message"),
    [
        ("few dates", SplitError, "Too few dates: .* minus a gap of 11"),
        ("one class", DataError, "both classes are needed"),
        ("no label", DataError, "has a label over 5 bars"),
        ("no feature", DataError, r"missing: \['feature_2'\]"),
        ("no label column", DataError, "no column 'label_5'"),
        ("infinite", DataError, r"Infinite values .*\['feature_2'\]"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(case, error, message, gold):
    with pytest.raises(error, match=message):
        run(spoil(gold, case), make_feature_set(gold))


def test_what_was_misspelt_is_met_with_near_misses(gold):
    with pytest.raises(UnknownNameError, match="Did you mean 'logistic'"):
        run(gold, models={"logistik": {}})
    with pytest.raises(ConfigurationError, match="Did you mean 'feature_0'"):
        run(gold, models={"momentum": {"params": {"feature": "featur_0"}}})
    with pytest.raises(DataError, match="no column 'label_7'"):
        run(gold, horizon=7)
    with pytest.raises(SplitError, match="the purge is 2 bars"):
        run(gold, gap={"purge_bars": 2})


@pytest.mark.parametrize(
    "changes",
    [
        {"n_fold": 3},
        {"models": {}},
        {"models": {"xgboost": {"search": {"max_depth": {"low": 1}}}}},
        {"models": {"xgboost": {"search": {"max_depth": {"low": 3, "high": 1}}}}},
        {"calibration_fraction": 1.0},
        {"search": {"objective": "luck"}},
    ],
)
def test_parameters_are_checked_before_anything_runs(changes):
    with pytest.raises(ValidationError):
        TrainingParams(**{**SETTINGS, **changes})


def test_one_model_can_run_twice_under_two_names(gold):
    models = {"ridge": {"model": "logistic", "params": {"C": 1e-5}}, "free": {"model": "logistic", "params": {"C": 10}}}
    result = run(gold, models=models)
    assert set(result["oos"]["model"]) == {"ridge", "free"}
    assert result["candidates"]["ridge"].model.name == "logistic"


def test_thinning_spreads_over_time_and_keeps_order():
    rows = np.arange(1000)
    kept = thin(rows, 100, seed=1)
    assert len(kept) == 100
    np.testing.assert_array_equal(kept // 10, np.arange(100))
    np.testing.assert_array_equal(thin(rows, 2000, seed=1), rows)
    np.testing.assert_array_equal(thin(rows, None, seed=1), rows)


def test_label_blocks_are_as_long_as_a_label():
    daily = pd.Series(pd.date_range("2024-01-01", periods=12, tz="UTC"))
    assert label_blocks(daily, 6, 1440).tolist() == [0] * 6 + [1] * 6
    hourly = pd.Series(pd.date_range("2024-01-01", periods=48, freq="h", tz="UTC"))
    assert label_blocks(hourly, 1, 60).tolist() == [0] * 24 + [1] * 24


def test_samples_are_sorted_and_labelled(gold):
    shuffled = gold.sample(frac=1.0, random_state=0)
    samples = make_samples(shuffled, tuple(feature_names(gold)), 5)
    expected = gold[gold["label_5"].notna()]
    assert len(samples) == len(expected)
    assert samples.matrix.dtype == np.float32
    np.testing.assert_array_equal(samples.matrix, expected[feature_names(gold)].to_numpy(np.float32))
    assert samples.keys["instrument"].tolist() == expected["instrument"].tolist()


@pytest.mark.parametrize("market", MARKETS)
def test_the_configuration_in_the_project_is_valid(market, project_path):
    text = (project_path / "conf/base/parameters/training.yml").read_text()
    text = text.replace("${runtime_params:seed,${globals:seed}}", "1")
    params = TrainingParams(**yaml.safe_load(text)[market]["training"])
    assert Plan(params, MARKETS[market]).label_bars == MARKETS[market].entry_lag + MARKETS[market].horizon
    assert params.gap.purge_bars is None, "the label's reach is computed"
    for name, config in params.models.items():
        assert {*config.params, *config.search} <= set(model_parameters(config.model or name))


@pytest.mark.parametrize("market", MARKETS.values(), ids=MARKETS)
def test_the_pipeline_reads_and_writes_what_the_others_expect(market):
    pipeline = create_pipeline(market)
    assert pipeline.inputs() == {"gold", "feature_set", "provenance", "code_version", "search_store", "params:training"}
    assert pipeline.all_outputs() == {
        "folds",
        "hyperparameters",
        "trials",
        "oos_predictions",
        "sealed_predictions",
        "training_summary",
        "candidates",
        "leak_meter",
    }


def test_ranks_say_how_far_ahead_an_instrument_was_at_its_bar():
    gold = make_gold(n_instruments=12, n_dates=60)
    samples = make_samples(gold, tuple(feature_names(gold)), EQUITY.horizon)
    keys = samples.keys.assign(rank=rank_outcomes(samples, np.arange(len(samples))))
    for _, bar in keys.groupby("ts"):
        np.testing.assert_allclose(bar["rank"], (bar["forward_return"].rank() - 0.5) / len(bar))
    assert keys.groupby("ts")["rank"].mean().to_numpy() == pytest.approx(0.5)
    some = np.flatnonzero(keys["instrument"] != "S003")
    left = keys.iloc[some].groupby("ts")["forward_return"].rank()
    np.testing.assert_allclose(rank_outcomes(samples, some), (left - 0.5) / 11, err_msg="among the rows, no others")
    few = np.flatnonzero(keys["instrument"] < "S005")
    np.testing.assert_array_equal(rank_outcomes(samples, few), samples.y[few], err_msg="ranks of five are coarse")


def test_models_that_take_shares_learn_ranks_and_say_probabilities_of_the_label(gold):
    models = {
        "base_rate": {},
        "ranked": {"model": "xgboost", "params": TREES, "learns": "rank"},
        "labelled": {"model": "xgboost", "params": TREES},
        "leaves": {"model": "lightgbm", "params": {"n_estimators": 10, "min_child_samples": 20}, "learns": "rank"},
        "rules": {
            "model": "prior_ridge",
            "params": {"priors": {"feature_0": {"weight": 1.0, "source": "made up"}}},
            "learns": "rank",
        },
    }
    found = run(gold, models=models)
    said = found["oos"].pivot(index=["ts", "instrument"], columns="model", values="probability")
    assert (said["ranked"] != said["labelled"]).mean() > 0.9
    assert said.mean().between(0.35, 0.65).all()
    state = json.loads(json.dumps(found["candidates"]["leaves"].model.state()))
    restored = restore_model("lightgbm", state)
    rows = gold[feature_names(gold)]
    np.testing.assert_array_equal(restored.predict_score(rows), found["candidates"]["leaves"].model.predict_score(rows))


def test_who_cannot_learn_ranks_or_believes_in_nothing_is_told_before_anything_is_fitted(gold):
    told = {"base_rate": {}, "logistic": {"learns": "rank"}}
    with pytest.raises(ConfigurationError, match=r"'logistic' takes labels only; ranks are for composite"):
        run(gold, models=told)
    priors = {"ret5": {"weight": -1.0, "source": "Lehmann (1990)"}}
    with pytest.raises(UnknownNameError, match=r"feature of a prior 'ret5'.*Did you mean 'ret_5'"):
        run(gold, models={"base_rate": {}, "composite": {"params": {"priors": priors}}})


def test_a_rule_that_states_what_it_believes_keeps_its_order_where_outcomes_say_nothing():
    """Without signal other scores are shrunk to one probability for all; a stated rule still ranks."""
    gold = make_gold(n_instruments=20, n_dates=280, signal=0.0)
    rule = {"feature": "feature_0", "strength": 0.025}
    models = {"plain": {"model": "momentum", "params": {"feature": "feature_0"}}}
    found = run(gold, models={**models, "stated": {"model": "momentum", "params": rule}})["oos"]
    order = found[found["model"] == "stated"]
    ranks = [bar[["score", "probability"]].corr("spearman").iloc[0, 1] for _, bar in order.groupby("ts")]
    assert min(ranks) == pytest.approx(1.0)
