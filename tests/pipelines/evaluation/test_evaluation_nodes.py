"""Nodes of the evaluation: pure, complete, and honest about what was not there."""

import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from finq_predictor.adapters.tracking import Attachment
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.modelling.decisions import AbstentionRules, decide_rows
from finq_predictor.domain.modelling.model_hash import model_hash
from finq_predictor.domain.modelling.origin import ModelStatus
from finq_predictor.domain.promotion.decision import Incumbent
from finq_predictor.pipelines.evaluation.champion import follow_champion
from finq_predictor.pipelines.evaluation.measuring import compute_metrics
from finq_predictor.pipelines.evaluation.nodes import draw_plots, gather_measures, predict_latest
from finq_predictor.pipelines.evaluation.params import EvaluationParams
from finq_predictor.pipelines.evaluation.tracking import (
    lineage_tags,
    prepare_attachment,
    prepare_registration,
    prepare_runs,
)
from finq_predictor.pipelines.evaluation.trials import count_judged
from finq_predictor.reports.evaluation.model_pictures import MODEL_PICTURES
from finq_predictor.reports.evaluation.pictures import OF_ONE_MODEL, PICTURES
from finq_predictor.reports.figures import Picture
from synthetic_evaluation import decide, enter, make_bundle, make_leak_meter, make_world, results_of, trade
from synthetic_values import make_runs, make_version

EQUITY = get_market("equity")
PARAMS = EvaluationParams(n_bootstrap=200)


@pytest.fixture(scope="module")
def world():
    return make_world(signal=1.5, days=500, instruments=25)


@pytest.fixture(scope="module")
def measured(world):
    return measure(world, world["oos_predictions"])


def measure(world, oos):
    return compute_metrics(oos, world["neutral_outcomes"], world["training_summary"], PARAMS, market=EQUITY)[:3]


@pytest.fixture(scope="module")
def traded(world):
    return trade(world, PARAMS)


def judge(world, measured, traded, params=PARAMS, **changes):
    return decide(world | changes, gather_measures(*measured, *traded), params)[0]


def test_every_metric_of_every_model_with_intervals(measured):
    metrics, by_fold, *_ = measured
    names = {"accuracy", "precision", "recall", "f1", "auc", "mcc", "brier", "log_loss", "ece", "ic", "rank_ic"}
    assert all(names <= set(rows["metric"]) for _, rows in metrics.groupby("model"))
    candidate = metrics[(metrics["model"] == "logistic") & metrics["metric"].isin(names)]
    assert candidate[["ci_low", "ci_high"]].notna().all(axis=None)
    honest = candidate[candidate["metric"] != "ece"]
    assert ((honest["ci_low"] <= honest["value"]) & (honest["value"] <= honest["ci_high"])).all()
    assert set(by_fold["fold"]) == {1, 2, 3}, "the fourth is sealed"


def test_intervals_from_daily_sums_are_those_of_the_rows(measured, world):
    from finq_predictor.domain.evaluation import metrics as measures

    rows = world["oos_predictions"].query("model == 'xgboost'").dropna(subset=["label"])
    values = measured[0].query("model == 'xgboost'").set_index("metric")["value"]
    plain = measures.score_metrics(rows, 0.5)
    assert (values["mcc"], values["ece"]) == pytest.approx((plain["mcc"], plain["ece"]))


def test_without_outcomes_or_base_rate_there_is_nothing_to_measure(world):
    oos = world["oos_predictions"]
    with pytest.raises(DataError, match="known outcome"):
        measure(world, oos.assign(label=np.nan))
    with pytest.raises(DataError, match="base_rate"):
        measure(world, oos[oos["model"] != "base_rate"])


def test_what_is_tried_is_counted_for_ever(world):
    tried, rows = enter(world)
    kinds = [entry.kind for entry in tried.entries]
    assert (kinds.count("judged"), kinds.count("search")) == (2, 8)
    assert count_judged(rows, tried, PARAMS) == 2, "trials of a search never saw these days"
    assert count_judged(rows, tried, PARAMS.model_copy(update={"extra_trials": 5})) == 7
    # A run that is repeated tries nothing new; another configuration on the same rows does, whoever runs it.
    again, _ = enter(world | {"trial_ledger": tried})
    assert len(again.entries) == len(tried.entries)
    other = replace(world["training_summary"], configurations={"logistic": "other", "xgboost": "third"})
    more, _ = enter(world | {"trial_ledger": tried, "training_summary": other})
    assert count_judged(rows, more, PARAMS) == 4
    # Another market's days are another question.
    elsewhere = make_world(days=500, instruments=25, seed=9)
    mixed, _ = enter(world | {"trial_ledger": enter(elsewhere)[0]})
    assert count_judged(rows, mixed, PARAMS) == 2


def test_trials_make_the_gate_stricter(world, measured, traded):
    tried = world["trial_ledger"]
    for number in range(30):
        configurations = {"logistic": f"l{number}", "xgboost": f"x{number}"}
        summary = replace(world["training_summary"], configurations=configurations)
        tried, _ = enter(world | {"trial_ledger": tried, "training_summary": summary})
    decision = judge(world, measured, trade(world | {"trial_ledger": tried}, PARAMS), trial_ledger=tried)
    limits = {check.name: check.threshold for check in decision.checks}
    # The two of the world itself are among the sixty.
    assert limits["has_skill"] == pytest.approx(PARAMS.promotion.alpha / 60)
    before = {check.name: check.value for check in judge(world, measured, traded).checks}
    after = {check.name: check.value for check in decision.checks}
    assert after["deflated_sharpe"] < before["deflated_sharpe"]


def test_the_sealed_window_is_opened_once_and_noted(world, measured, traded):
    measures = gather_measures(*measured, *traded)
    decision, opened = decide(world, measures, PARAMS)
    assert decision.opening.number == 1
    assert decision.opening.level == pytest.approx(0.025)
    (entry,) = [entry for entry in opened.entries if entry.kind == "opening"]
    assert (entry.model, entry.reason) == (decision.candidate, decision.opening.reason)
    last = world["sealed_predictions"]["ts"]
    assert pd.Timestamp(decision.opening.first, tz="UTC") >= last.min().floor("D")
    assert world["oos_predictions"]["ts"].max() < last.min()
    # The same configuration looks at the same window again: it learns nothing, and it costs nothing.
    again, _ = decide(world | {"trial_ledger": opened}, measures, PARAMS)
    assert again.opening == decision.opening
    # Another one pays for the look.
    other = replace(world["training_summary"], configurations={"logistic": "other", "xgboost": "third"})
    third, noted = decide(world | {"trial_ledger": opened, "training_summary": other}, measures, PARAMS)
    assert (third.opening.number, third.opening.level) == (2, pytest.approx(0.05 / 6))
    assert len([entry for entry in noted.entries if entry.kind == "opening"]) == 2


def test_a_person_may_open_the_window_and_says_why():
    world = make_world(signal=0.0, days=450, instruments=25, seed=3)
    asked = PARAMS.model_copy(update={"open_final": "the desk wants to see it"})
    measures = gather_measures(*measure(world, world["oos_predictions"]), *trade(world, asked))
    decision, opened = decide(world, measures, asked)
    assert decision.decision == "provisional"
    assert opened.entries[-1].reason == decision.opening.reason == "the desk wants to see it"
    sealed, unopened = decide(world, measures, PARAMS)
    assert sealed.opening is None
    assert all(entry.kind != "opening" for entry in unopened.entries)


def test_what_happened_in_the_sealed_window_changes_nothing_while_it_is_sealed():
    world = make_world(signal=0.0, days=450, instruments=25, seed=3)
    measures = gather_measures(*measure(world, world["oos_predictions"]), *trade(world, PARAMS))
    gold = world["gold"].copy()
    later = gold["ts"] >= world["sealed_predictions"]["ts"].min()
    outcomes = ["forward_return_5", "label_5"]
    gold.loc[later, outcomes] = 1.0 - gold.loc[later, outcomes].fillna(0.0)
    assert decide(world, measures, PARAMS)[0] == decide(world | {"gold": gold}, measures, PARAMS)[0]
    assert not set(outcomes) & set(world["sealed_predictions"].columns)


# The champion on new days ------------------------------------------------------------------------------------------


def champion_of(world, name="logistic", until=300, **changes):
    """A champion that was trained on the first days only."""
    gold = world["gold"]
    times = gold["ts"].drop_duplicates().reset_index(drop=True)
    early = gold[gold["ts"] <= times[until]]
    bundle = make_bundle(name, early)
    known = world["oos_predictions"]
    facts = {
        "version": "3",
        "status": ModelStatus.PROMOTED,
        "model": name,
        "source_id": "simulated-another-name",
        "simulated": True,
        "model_hash": "old",
        "oos": known[(known["model"] == name) & (known["ts"] <= times[until])],
        "importance": {},
        "bundle": bundle,
    }
    return Incumbent(**(facts | changes))


def test_the_champion_answers_for_days_after_its_training_with_its_own_bundle(world):
    incumbent = champion_of(world)
    followed = follow_champion(incumbent, world["gold"], world["neutral_outcomes"], market=EQUITY)
    times = world["gold"]["ts"].drop_duplicates().reset_index(drop=True)
    # Six bars after the last one trained on: labels that end before are known to it.
    assert followed.predictions["ts"].min() == times[300 + 6 + 1]
    row = followed.predictions.iloc[-1]
    same = world["gold"][(world["gold"]["ts"] == row["ts"]) & (world["gold"]["instrument"] == row["instrument"])]
    assert row["probability"] == incumbent.bundle.predict(same)["probability"].iloc[0]
    assert follow_champion(None, world["gold"], world["neutral_outcomes"], market=EQUITY).predictions.empty
    blind = follow_champion(incumbent, world["gold"].drop(columns="ret_5"), world["neutral_outcomes"], market=EQUITY)
    assert "reads 1 features that these data do not have (ret_5)" in blind.unknown
    lost = follow_champion(replace(incumbent, bundle=None), world["gold"], world["neutral_outcomes"], market=EQUITY)
    assert "cannot be read" in lost.unknown


def test_a_champion_of_other_definitions_is_not_judged_by_these(world):
    """The names are the same; what they mean is not, and the service would refuse it."""
    incumbent = champion_of(world)
    bundle = incumbent.bundle
    others = replace(bundle, feature_set=replace(bundle.feature_set, definitions_hash="0" * 64))
    refused = follow_champion(
        replace(incumbent, bundle=others), world["gold"], world["neutral_outcomes"], market=EQUITY
    )
    assert refused.predictions.empty
    assert "defined differently when the model was trained" in refused.unknown


def test_another_file_name_is_no_way_around_the_champion(world, measured, traded):
    """The champion is the better model; its source is only called otherwise."""
    weaker = {"candidates": world["candidates"], "incumbent": champion_of(world)}
    decision = judge(world, measured, traded, **weaker)
    names = {check.name: check for check in decision.checks}
    assert names["beats_champion"].gating
    assert decision.decision == "reject"


def test_a_champion_that_turned_bad_is_demoted(world, measured, traded):
    inverted = world["gold"].copy()
    names = list(world["candidates"]["logistic"].feature_set.names)
    inverted[names] = -inverted[names]
    turned = champion_of(world | {"gold": inverted})
    poor = make_world(signal=0.0, days=500, instruments=25)
    poor_measures = (measure(poor, poor["oos_predictions"]), trade(poor, PARAMS))
    decision = judge(poor | {"gold": world["gold"]}, *poor_measures, incumbent=turned)
    assert decision.decision == "reject"
    assert "has failed since it was trained" in decision.demoted


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
    measure(world, world["oos_predictions"])
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
        "p_yes",
        "p_no",
        "prediction_set",
        "coverage",
        "conformal_decision",
        "flags",
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
    (served,) = decide_rows(rows, model.predict(rows), model.feature_set, AbstentionRules(), EQUITY).to_dict("records")
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
    assert "why_trained" not in runs[0].tags
    asked = replace(results, invocation=replace(results.invocation, why_trained="drift"))
    again = prepare_runs(asked, (Picture("pnl", b"png"),))
    assert [run.tags["why_trained"] for run in again] == ["drift", "drift"]
    assert [run.identity for run in again] == [run.identity for run in runs], "the same model, whoever asked"
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
    assert list(about) == [*PICTURES, *MODEL_PICTURES]
    assert {name for name, model in about.items() if model == results.candidate} == set(OF_ONE_MODEL)
    runs = {run.model: set(run.artifacts) for run in prepare_runs(results, drawn)}
    (other,) = set(runs) - {results.candidate}
    plots = {f"plots/{name}.png" for name in PICTURES}
    assert plots <= runs[results.candidate]
    assert plots & runs[other] == plots - {f"plots/{name}.png" for name in OF_ONE_MODEL}
