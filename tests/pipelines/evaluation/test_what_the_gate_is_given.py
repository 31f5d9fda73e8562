"""The gate decides by what was measured after costs, beforehand, and of the very candidate; nothing else reaches it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from finq_predictor.adapters.datasets.live_trials import LiveTrialsDataset
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.live_trials import write_report
from finq_predictor.domain.evaluation import metrics
from finq_predictor.domain.evaluation.bootstrap import bootstrap_mean
from finq_predictor.domain.evaluation.data_sketch import DataSketch
from finq_predictor.domain.evaluation.live_trials import ExperimentReport
from finq_predictor.domain.evaluation.mean_test import mean_above_zero
from finq_predictor.domain.evaluation.skill import daily_skill
from finq_predictor.domain.evaluation.survivorship import bill_survivorship
from finq_predictor.domain.evaluation.trial_ledger import Kind
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.modelling.calibration import PlattCalibrator
from finq_predictor.domain.modelling.model_hash import model_hash
from finq_predictor.domain.modelling.origin import ModelStatus
from finq_predictor.domain.promotion.decision import Incumbent, Verdict
from finq_predictor.pipelines.evaluation.champion import Followed, record_of
from finq_predictor.pipelines.evaluation.measuring import compute_metrics
from finq_predictor.pipelines.evaluation.nodes import bill_survivors, gate_strategy, gather_measures
from finq_predictor.pipelines.evaluation.params import EvaluationParams
from finq_predictor.pipelines.evaluation.sealed import seal_window
from finq_predictor.pipelines.evaluation.tracking import prepare_registration
from finq_predictor.pipelines.evaluation.trials import rows_of
from finq_predictor.reports.evaluation.results import EvaluationResults
from synthetic_evaluation import HORIZON, decide, enter, make_world, results_of, trade
from synthetic_values import make_runs, make_trial

EQUITY = get_market("equity")
PARAMS = EvaluationParams(n_bootstrap=200)


@pytest.fixture(scope="module")
def world() -> dict:
    return make_world(signal=1.5, days=400, instruments=20)


@pytest.fixture(scope="module")
def measured(world):
    return compute_metrics(
        world["oos_predictions"], world["neutral_outcomes"], world["training_summary"], PARAMS, market=EQUITY
    )[:3]


@pytest.fixture(scope="module")
def traded(world):
    return trade(world, PARAMS)


@pytest.fixture(scope="module")
def results(world) -> EvaluationResults:
    return results_of(world, PARAMS)


def judge(world, measured, traded):
    return decide(world, gather_measures(*measured, *traded), PARAMS)[0]


def values_of(decision) -> dict:
    return {check.name: (check.passed, check.value) for check in decision.checks}


def test_only_what_is_left_after_costs_under_the_strategy_of_the_gate_counts(world, measured, traded):
    daily, summary = (table.copy() for table in traded)
    strategy = gate_strategy(world["oos_predictions"], PARAMS)
    before = values_of(judge(world, measured, traded))
    for table, net, gross in ((daily, "net_return", "gross_return"), (summary, "net", "gross")):
        table[gross] = -table[gross] - 1.0
        table[net] = table[net].where(table["strategy"] == strategy, -1.0)
    assert values_of(judge(world, measured, (daily, summary))) == before
    # And it does count.
    for table, net in ((daily, "net_return"), (summary, "net")):
        table[net] = -1.0 - np.arange(len(table)) % 7
    after = values_of(judge(world, measured, (daily, summary)))
    for name in ("net_sharpe", "deflated_sharpe", "net_beats_naive"):
        assert after[name] != before[name], name


def test_a_model_is_measured_beside_the_rate_that_was_said_beforehand(world, measured):
    rows = world["oos_predictions"].query("model == 'logistic'").dropna(subset=["label"])
    y, p = rows["label"].to_numpy(float), rows["probability"].to_numpy(float)
    found = measured[0].query("model == 'logistic'").set_index("metric")["value"]["brier_skill"]
    assert found == pytest.approx(metrics.brier_skill(y, p, 0.49))
    assert found != pytest.approx(metrics.brier_skill(y, p, y.mean()))


def test_intervals_and_tests_know_how_far_a_label_reaches(world, measured, traded):
    rows = world["oos_predictions"].query("model == 'logistic'").dropna(subset=["label"])
    ranks = metrics.daily_rank_ic(rows["score"], rows["forward_return"], metrics.bar_times(rows["ts"]))
    resampling = {"n_resamples": 200, "seed": PARAMS.seed, "level": PARAMS.confidence}
    expected = bootstrap_mean(ranks, min_block=2.0 * HORIZON, **resampling)
    card = measured[0].query("model == 'logistic'").set_index("metric").loc["rank_ic"]
    assert (card["ci_low"], card["ci_high"]) == pytest.approx((expected.low, expected.high))
    assert expected.low != pytest.approx(bootstrap_mean(ranks, **resampling).low)
    decision = judge(world, measured, traded)
    skill = measured[2].set_index("ts")[decision.candidate]
    assert values_of(decision)["has_skill"][1] == pytest.approx(mean_above_zero(skill, HORIZON).p_value)


def test_the_sealed_window_tells_of_the_candidate_for_whom_it_was_opened(world, measured, traded):
    decision = judge(world, measured, traded)
    said, gold = world["sealed_predictions"], world["gold"]
    outcome = gold[["ts", "instrument", "label_5", "forward_return_5"]].set_axis(
        ["ts", "instrument", "label", "forward_return"], axis=1
    )
    skills = {
        str(name): daily_skill(rows.merge(outcome, on=["ts", "instrument"]), "rank_ic", EQUITY).mean()
        for name, rows in said.groupby("model")
    }
    assert decision.opening.skill == pytest.approx(skills[decision.candidate])
    assert len({round(skill, 9) for skill in skills.values() if np.isfinite(skill)}) > 1


def test_a_day_without_an_outcome_is_no_day_of_the_sealed_window(world):
    said, gold = world["sealed_predictions"], world["gold"].copy()
    block = gold["ts"].between(said["ts"].min(), said["ts"].max())
    days = gold.loc[block, "ts"].unique()
    gold.loc[gold["ts"].isin(days[-3:]), ["label_5", "forward_return_5"]] = np.nan
    window = seal_window(said, gold, world["neutral_outcomes"], world["training_summary"], *enter(world), market=EQUITY)
    assert len(window.days) == len(days) - 3


def test_what_was_tried_is_noted_on_the_rows_on_which_it_was_seen(world):
    tried, rows = enter(world)
    seen = {Kind.JUDGED: rows.tested, Kind.SEARCH: rows.searched}
    assert all(entry.data == seen[entry.kind] for entry in tried.entries)
    assert rows.searched.last < rows.tested.first
    assert tried.judged_on(rows.searched) == 0


def test_rows_are_the_same_data_whatever_horizon_is_asked(world):
    """Who tries another horizon on the same bars looks at the same data."""
    gold = world["gold"]
    daily = gold["forward_return_5"] / 5.0 + 1e-3
    both = gold.assign(forward_return_1=daily, label_1=(daily > 0.0).astype(float), forward_return_20=3.0 * daily)
    known = both[["ts", "instrument"]].assign(forward_return=daily)
    assert rows_of(both, gold["ts"]) == DataSketch.of(known)
    assert rows_of(gold, gold["ts"]) == DataSketch.of(known.assign(forward_return=gold["forward_return_5"]))


def test_the_bill_of_survivors_is_that_of_the_candidate_with_its_hedge(world, results):
    decision, oos = results.promotion, world["oos_predictions"]
    # What is ranked is hedged by itself; what is held for itself is not.
    params = PARAMS.model_copy(update={"gate_strategy": "threshold"})
    given = (world["silver_bars"], decision, world["training_summary"], params)
    found = bill_survivors(oos, *given, world["silver_benchmark"], market=EQUITY)
    mine = oos[oos["model"] == decision.candidate]
    expected = bill_survivorship(
        mine,
        world["silver_bars"],
        EQUITY,
        horizon=HORIZON,
        rules=params.backtest,
        strategy="threshold",
        skill="rank_ic",
        benchmark=world["silver_benchmark"],
    )
    assert found == expected
    assert (found.model, found.asked) == (decision.candidate, len(mine))
    assert found != bill_survivors(oos, *given, market=EQUITY)


def test_the_registry_gets_the_evidence_of_the_candidate_alone(world, results):
    registration = prepare_registration(results, make_runs(*world["candidates"]))
    mine = world["oos_predictions"].query("model == @results.candidate")
    pd.testing.assert_series_equal(registration.oos["probability"], mine["probability"])


def test_models_that_are_calibrated_otherwise_are_other_models(world):
    bundle = world["candidates"]["logistic"]
    slope = bundle.calibrator.slope
    other = replace(bundle, calibrator=PlattCalibrator(slope + 0.1, bundle.calibrator.intercept))
    assert model_hash(other) != model_hash(bundle)
    assert model_hash(replace(bundle, horizon=bundle.horizon + 1)) != model_hash(bundle)


def test_a_champion_is_held_to_what_it_was_registered_for(world):
    known = world["oos_predictions"].query("model == 'logistic'")
    days = known["ts"].unique()
    promised, since = known[known["ts"] < days[40]], known[known["ts"] >= days[40]]
    champion = Incumbent("1", ModelStatus.PROMOTED, "logistic", "s", True, "h", promised, {}, None)
    record = record_of(Followed(champion, since, ""), "rank_ic", EQUITY)
    pd.testing.assert_series_equal(record.promised, daily_skill(promised, "rank_ic", EQUITY))
    pd.testing.assert_series_equal(record.skill, daily_skill(since, "rank_ic", EQUITY))


def test_the_gate_is_given_what_this_very_model_did_beside_this_very_champion(world, measured, traded, tmp_path):
    champion = Incumbent("3", ModelStatus.PROVISIONAL, "logistic", "s", True, "old", *follow(world))
    beside, measures = {**world, "incumbent": champion}, gather_measures(*measured, *traded)
    hashes = [model_hash(bundle) for bundle in world["candidates"].values()]
    dataset = LiveTrialsDataset(str(Layout(tmp_path).experiment_report("equity")))
    assert (dataset.load(), dataset.exists()) == (None, False)

    def checked(**changes):
        trials = tuple(make_trial(-0.4, **{"model_hash": one, **changes}) for one in hashes)
        write_report(tmp_path, ExperimentReport("equity", "2026-01-05T00:00:00+00:00", trials, ()))
        # As a run reads it.
        decision = decide(beside, measures, PARAMS, dataset.load())[0]
        return decision, values_of(decision)["live_evidence"]

    before = decide(beside, measures, PARAMS, None)[0]
    assert (before.decision, values_of(before)["live_evidence"]) == (Verdict.PROVISIONAL, (True, None))
    decision, (passed, value) = checked()
    assert (decision.decision, passed) == (Verdict.REJECT, False)
    assert value <= 0.05
    assert "did worse than champion version 3 (logistic)" in decision.reason
    # Another fit, another champion, a model of which nobody wrote down which it is: nothing is known of it.
    for changes in ({"model_hash": "another"}, {"model_hash": ""}, {"champion_version": "2"}, {"champion_model": "x"}):
        decision, found = checked(**changes)
        assert (decision.decision, found) == (Verdict.PROVISIONAL, (True, None)), changes
    # What a made-up champion did tells nothing of a real market.
    beside["provenance"] = replace(world["provenance"], simulated=False)
    assert checked()[1] == (True, None)
    dataset._path.write_text("{}")
    with pytest.raises(Exception, match="finq experiment report --market equity"):
        dataset.load()
    with pytest.raises(Exception, match="finq experiment report"):
        dataset.save(object())


def follow(world) -> tuple:
    return world["oos_predictions"].query("model == 'logistic'"), {}, world["candidates"]["logistic"]
