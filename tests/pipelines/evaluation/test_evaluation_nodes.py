"""Nodes of the evaluation: pure, complete, and honest about what was not there."""

import copy

import numpy as np
import pandas as pd
import pytest

from finq_predictor.adapters.tracking import Attachment
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.modelling.decisions import AbstentionRules, decide_rows
from finq_predictor.domain.promotion.decision import PromotionRules
from finq_predictor.pipelines.evaluation.nodes import (
    compute_metrics,
    count_trials,
    decide_promotion,
    draw_plots,
    gather_measures,
    gather_training,
    lineage_tags,
    model_hash,
    predict_latest,
    prepare_attachment,
    prepare_registration,
    prepare_runs,
    trade_on_paper,
)
from finq_predictor.pipelines.evaluation.params import EvaluationParams
from finq_predictor.reports.evaluation.pictures import OF_ONE_MODEL, PICTURES
from finq_predictor.reports.figures import Picture
from synthetic_evaluation import TRAINED, make_leak_meter, make_world, results_of
from synthetic_values import make_runs, make_version

EQUITY = get_market("equity")
PARAMS = EvaluationParams(n_bootstrap=200, promotion=PromotionRules(n_bootstrap=500))


@pytest.fixture(scope="module")
def world():
    return make_world(days=500, instruments=25)


@pytest.fixture(scope="module")
def measured(world):
    return compute_metrics(world["oos_predictions"], PARAMS)


@pytest.fixture(scope="module")
def traded(world):
    return trade_on_paper(
        world["oos_predictions"],
        world["silver_bars"],
        world["trials"],
        world["training_summary"],
        PARAMS,
        market=EQUITY,
    )


def judge(world, measured, traded, **changes):
    trained = gather_training(**{name: (world | changes)[name] for name in TRAINED})
    return decide_promotion(
        trained, gather_measures(*measured, *traded), changes.get("incumbent"), PARAMS, market=EQUITY
    )


def test_every_metric_of_every_model_with_intervals(measured):
    metrics, by_fold, _ = measured
    names = {"accuracy", "precision", "recall", "f1", "auc", "mcc", "brier", "log_loss", "ece", "ic", "rank_ic"}
    assert all(names <= set(rows["metric"]) for _, rows in metrics.groupby("model"))
    candidate = metrics[(metrics["model"] == "logistic") & metrics["metric"].isin(names)]
    assert candidate[["ci_low", "ci_high"]].notna().all(axis=None)
    honest = candidate[candidate["metric"] != "ece"]
    assert ((honest["ci_low"] <= honest["value"]) & (honest["value"] <= honest["ci_high"])).all()
    assert set(by_fold["fold"]) == {1, 2, 3, 4}


def test_intervals_from_daily_sums_are_those_of_the_rows(measured, world):
    from finq_predictor.domain.evaluation import metrics as measures

    rows = world["oos_predictions"].query("model == 'xgboost'").dropna(subset=["label"])
    values = measured[0].query("model == 'xgboost'").set_index("metric")["value"]
    plain = measures.score_metrics(rows, 0.5)
    assert (values["mcc"], values["ece"]) == pytest.approx((plain["mcc"], plain["ece"]))


def test_without_outcomes_or_base_rate_there_is_nothing_to_measure(world):
    oos = world["oos_predictions"]
    with pytest.raises(DataError, match="known outcome"):
        compute_metrics(oos.assign(label=np.nan), PARAMS)
    with pytest.raises(DataError, match="base_rate"):
        compute_metrics(oos[oos["model"] != "base_rate"], PARAMS)


def test_all_trials_count(world):
    assert count_trials(world["oos_predictions"], world["trials"], PARAMS) == 8 + 2
    more = PARAMS.model_copy(update={"extra_trials": 5})
    assert count_trials(world["oos_predictions"], world["trials"].iloc[:0], more) == 7


def test_planted_skill_is_promoted_and_a_leak_is_not(world, measured, traded):
    decision = judge(world, measured, traded)
    assert decision.decision == "promote"
    assert decision.candidate in world["candidates"]
    assert decision.incumbent is None
    assert decision.decided_as_of == world["provenance"].last_ts
    alarmed = judge(world, measured, traded, leak_meter=make_leak_meter(accuracy=0.6))
    assert alarmed.decision == "provisional"
    unmetered = judge(world, measured, traded, leak_meter=world["leak_meter"].iloc[:0])
    assert unmetered.decision == "promote"


def test_predictions_without_their_model_are_refused(world, measured, traded):
    alone = {"logistic": world["candidates"]["logistic"]}
    with pytest.raises(DataError, match=r"predictions of xgboost.*run the whole training"):
        judge(world, measured, traded, candidates=alone)


def test_nodes_change_no_input(world, measured, traded):
    before = copy.deepcopy({key: value for key, value in world.items() if isinstance(value, pd.DataFrame)})
    compute_metrics(world["oos_predictions"], PARAMS)
    judge(world, measured, traded)
    predict_latest(champion(world), world["gold"], PARAMS)
    for key, frame in before.items():
        pd.testing.assert_frame_equal(world[key], frame)


def champion(world, status="provisional"):
    return world["candidates"]["logistic"].registered_as(make_version("4", status))


def test_the_last_bars_are_scored_by_the_champion(world):
    predictions = predict_latest(champion(world), world["gold"], PARAMS)
    assert predictions["ts"].nunique() == PARAMS.predict_bars
    assert predictions["ts"].max() == world["gold"]["ts"].max()
    assert list(predictions.columns) == [
        "ts",
        "instrument",
        "probability",
        "prediction",
        "confidence",
        "decision",
        "reason",
        "model",
        "version",
        "status",
        "simulated",
    ]
    assert set(predictions["status"]) == {"provisional"}
    assert predictions["simulated"].all()
    assert (predictions["prediction"] == (predictions["probability"] > 0.5)).all()
    alone = champion(world).predict(world["gold"].tail(1))["probability"].iloc[0]
    assert predictions["probability"].iloc[-1] == alone


def test_the_batch_abstains_as_the_api_does(world):
    model, gold = champion(world), world["gold"].copy()
    names = list(model.feature_set.names)
    last = gold.index[-1]
    gold.loc[last, names[: len(names) // 2 + 1]] = np.nan
    batch = predict_latest(model, gold, PARAMS)
    assert set(batch["decision"].iloc[:-1]) == {"predict"}
    assert batch["reason"].iloc[:-1].isna().all()
    assert batch["decision"].iloc[-1] == "abstain"
    assert batch["reason"].iloc[-1].startswith(f"missing features: {len(names) // 2 + 1} of {len(names)}")
    rows = gold.loc[[last]]
    (served,) = decide_rows(rows, model.predict(rows), names, AbstentionRules()).to_dict("records")
    shared = ["ts", "instrument", "probability", "prediction", "confidence", "decision", "reason"]
    assert batch.iloc[-1][shared].to_dict() == {name: served[name] for name in shared}


def test_the_batch_follows_the_rules_of_its_parameters(world):
    careful = PARAMS.model_copy(update={"abstention": AbstentionRules(min_confidence=1.0)})
    batch = predict_latest(champion(world), world["gold"], careful)
    assert set(batch["decision"]) == {"abstain"}
    assert batch["reason"].str.startswith("low confidence").all()


def test_a_champion_of_other_features_is_refused_with_advice(world):
    with pytest.raises(DataError, match=r"version 4 reads 1 features.*vol_20.*data_root"):
        predict_latest(champion(world), world["gold"].drop(columns="vol_20"), PARAMS)


def test_equal_models_have_equal_hashes(world):
    logistic, trees = world["candidates"]["logistic"], world["candidates"]["xgboost"]
    assert model_hash(logistic) == model_hash(logistic.registered_as(make_version()))
    assert model_hash(logistic) != model_hash(trees)


def test_runs_and_registration_carry_lineage(world):
    results = results_of(world, PARAMS)
    decision = results.promotion
    runs = prepare_runs(results, (Picture("pnl", b"png"),))
    assert [run.model for run in runs] == ["logistic", "xgboost"]
    assert {run.model: run.tags["decision"] for run in runs} == dict.fromkeys(world["candidates"], "reject") | {
        decision.candidate: "promote"
    }
    assert {"data_hash", "feature_set_hash", "code_hash", "seed", "simulated"} <= set(runs[0].tags)
    assert {"importance.json", "model_config.json", "environment.json", "gap_table.csv", "plots/pnl.png"} <= set(
        runs[0].artifacts
    )
    assert runs[0].metrics["auc"] != runs[0].metrics["naive.auc"]
    assert len(runs[0].trials) == 4

    ids = make_runs(*(run.model for run in runs))
    registration = prepare_registration(results, ids)
    assert registration.run_id == f"id-{decision.candidate}"
    assert set(registration.oos.columns) >= {"ts", "instrument", "score", "probability", "forward_return"}
    assert registration.tags["simulated"] == "true"
    assert registration.tags == registration.tags | lineage_tags(registration.bundle)
    assert prepare_attachment("<html>", ids) == Attachment(("id-logistic", "id-xgboost"), {"report.html": "<html>"})


def test_a_picture_of_one_model_goes_to_the_run_of_that_model_only(world):
    results = results_of(world, PARAMS)
    drawn = draw_plots(results)["plot_images"]
    about = {picture.name: picture.model for picture in drawn}
    assert list(about) == list(PICTURES)
    assert {name for name, model in about.items() if model == results.candidate} == set(OF_ONE_MODEL)
    runs = {run.model: set(run.artifacts) for run in prepare_runs(results, drawn)}
    (other,) = set(runs) - {results.candidate}
    plots = {f"plots/{name}.png" for name in PICTURES}
    assert plots <= runs[results.candidate]
    assert plots & runs[other] == plots - {f"plots/{name}.png" for name in OF_ONE_MODEL}
