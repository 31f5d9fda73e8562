"""The step that validates features one by one: its tables, its seal, its pictures, and its section of the report."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.features import FAMILIES
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.tables import get_table
from finq_predictor.pipeline_registry import register_pipelines
from finq_predictor.pipelines.evaluation.answers import gather_models, study_answers
from finq_predictor.pipelines.evaluation.measuring import compute_metrics
from finq_predictor.pipelines.evaluation.nodes import draw_plots
from finq_predictor.pipelines.evaluation.params import EvaluationParams
from finq_predictor.pipelines.evaluation.screening import (
    draw_features,
    gather_features,
    sets_of,
    validate_features,
    validate_models,
)
from finq_predictor.reports.evaluation.results import ALONE, Circumstances, ReportMaterial
from finq_predictor.reports.evaluation.sections import calibration, differences, signal
from finq_predictor.reports.evaluation.sections.features import build
from finq_predictor.reports.figures import Image
from synthetic_evaluation import FEATURE_SET, FEATURES, make_world, results_of

EQUITY = MARKETS["equity"]
PARAMS = EvaluationParams(n_bootstrap=100)
TABLES = ("feature_validation", "feature_sets", "feature_stability", "feature_correlations")


@pytest.fixture(scope="module")
def world() -> dict:
    return make_world(signal=2.0, days=450, instruments=20)


def screened(world: dict, params: EvaluationParams = PARAMS, **changes):
    given = [(world | changes)[name] for name in ("gold", "feature_set", "folds", "silver_bars")]
    return validate_features(*given, params, market=EQUITY)


@pytest.fixture(scope="module")
def tables(world):
    return screened(world)


def test_the_tables_are_as_they_are_declared(tables):
    for name, table in zip(TABLES, tables, strict=True):
        assert get_table(name).misfits(table) == []
        assert not table.duplicated(list(get_table(name).key)).any()
    assert tables[0]["feature"].tolist() == list(FEATURES)
    assert set(tables[0]["horizon"]) == {5}, "the horizons that gold has"
    assert tables[0].set_index("feature").loc["ret_5", "p_by"] < 0.01, "the one that moves prices"


def test_what_the_folds_seal_is_not_looked_at(world, tables):
    seal = world["folds"].loc[world["folds"]["sealed"], "test_start"].item()
    gold = world["gold"]
    late = ~(gold["label_end_5"] < seal)
    noise = pd.Series(np.random.default_rng(0).standard_normal(len(gold)), gold.index)
    changed = gold.assign(forward_return_5=gold["forward_return_5"].mask(late & gold["label_5"].notna(), noise))
    for before, after in zip(tables, screened(world, gold=changed), strict=True):
        pd.testing.assert_frame_equal(before, after)
    opened = screened(world, folds=world["folds"].assign(sealed=False))
    assert opened[0]["n_bars"].min() > tables[0]["n_bars"].max(), "without a seal there would be more to see"


def test_families_and_named_sets_are_the_sets(tables):
    sets = sets_of(FEATURE_SET)
    families = {name: members for name, members in sets.items() if name in FAMILIES}
    assert sorted(name for members in families.values() for name in members) == sorted(FEATURES)
    # Sets of which all is here, or nothing, say no more than `all`.
    named = {name: set(members) for name, members in sets.items() if name not in families}
    assert set(named) == {"fx-core"}
    assert all(members < set(FEATURES) for members in named.values())
    assert tables[1]["set"].tolist() == ["all", *sets]


def test_it_can_be_left_out(world):
    params = EvaluationParams(n_bootstrap=100, screening={"enabled": False})
    found = screened(world, params)
    assert [len(table) for table in found] == [0, 0, 0, 0]
    for name, table in zip(TABLES, found, strict=True):
        assert get_table(name).misfits(table) == []
    drawn = draw_features(gather_features(*found), market=EQUITY)
    assert {name for name in drawn if name.startswith("plot_")} == {
        *(f"plot_feature_{name}" for name in ("strength", "decay", "parts", "clusters"))
    }


def test_the_report_says_the_ten_strongest_as_they_are(world, tables):
    found = gather_features(*tables)
    images = draw_features(found, market=EQUITY)["feature_images"]
    pictures = {picture.name: Image.from_png(picture.png) for picture in images}
    results = results_of(world, PARAMS)
    section = build(ReportMaterial(results, results.bundle, pictures, Circumstances(features=found)))
    table = tables[0].dropna(subset=["t"])
    order = table.reindex(table["t"].abs().sort_values(ascending=False, kind="stable").index)
    assert [row.cells[0] for row in section.strongest.rows] == order["feature"].tolist()[:10]
    assert section.n_tests == len(table)
    assert section.n_bh == int((table["p_bh"] <= 0.05).sum()) > 0
    assert len(section.pictures) == 4
    nothing = build(ReportMaterial(results, results.bundle, pictures, ALONE))
    assert (nothing.n_tests, nothing.strongest.rows) == (0, [])


@pytest.mark.filterwarnings("ignore:.*contain '.' characters:UserWarning")
def test_it_runs_alone_and_as_a_part_of_the_evaluation():
    pipelines = register_pipelines()
    alone = {node.name for node in pipelines["equity_screening"].nodes}
    assert alone == {f"evaluation.equity.{name}" for name in ("validate_features", "gather_features", "draw_features")}
    assert alone <= {node.name for node in pipelines["equity_validation"].nodes}
    assert not any("candidates" in name or "champion" in name for name in pipelines["equity_screening"].inputs())


def test_what_models_say_is_measured_as_features_are(world):
    """The table of a model is the one that its probability would have as a feature of gold."""
    said = world["oos_predictions"]
    given = (said, world["gold"], world["folds"], world["silver_bars"])
    validation, stability = validate_models(*given, PARAMS, market=EQUITY)
    for name, table in zip(("model_validation", "model_stability"), (validation, stability), strict=True):
        assert get_table(name).misfits(table) == []
    assert set(validation["feature"]) == set(said["model"])
    mine = said[said["model"] == "logistic"].dropna(subset=["forward_return"])
    by_hand = mine.groupby("ts")[["probability", "forward_return"]].apply(
        lambda bar: bar["probability"].corr(bar["forward_return"], method="spearman")
    )
    found = validation.set_index("feature").loc["logistic"]
    sealed = world["folds"].loc[world["folds"]["sealed"], "test_start"].min()
    known = world["gold"].set_index("ts")["label_end_5"].groupby(level=0).max()
    assert found["mean"] == pytest.approx(by_hand[known.reindex(by_hand.index) < sealed].mean(), abs=1e-9)
    off = EvaluationParams(n_bootstrap=100, screening={"enabled": False})
    assert [len(table) for table in validate_models(*given, off, market=EQUITY)] == [0, 0]


def test_the_report_says_how_long_it_holds(world):
    given = (world["oos_predictions"], world["gold"], world["folds"], world["silver_bars"])
    answers = study_answers(given[0], given[3], world["training_summary"], PARAMS, market=EQUITY)
    measured = compute_metrics(given[0], world["neutral_outcomes"], world["training_summary"], PARAMS, market=EQUITY)
    found = gather_models(*validate_models(*given, PARAMS, market=EQUITY), *answers, measured[3])
    results = results_of(world, PARAMS)
    drawn = draw_plots(results, found)
    assert {"plot_model_decay", "plot_model_parts", "plot_abstention"} <= set(drawn)
    pictures = {picture.name: Image.from_png(picture.png) for picture in drawn["plot_images"]}
    section = signal.build(ReportMaterial(results, results.bundle, pictures, Circumstances(models=found)))
    assert section.over.rows[0].cells[0] == results.candidate
    assert len(section.over.rows) == len(found.validation.features)
    assert len(section.pictures) == 2
    assert not signal.build(ReportMaterial(results, results.bundle, pictures, ALONE)).over.rows
    apart = differences.build(ReportMaterial(results, results.bundle, pictures, Circumstances(models=found)))
    assert [row.cells[0] for row in apart.beside_naive.rows] == results.candidates
    assert (apart.pairs, apart.best_of_all is not None) == (1, True)
    trust = calibration.build(ReportMaterial(results, results.bundle, pictures, Circumstances(models=found)))
    assert trust.abstaining.rows[0].cells[0] == "100 %"
    assert {row.cells[0].split(":")[0] for row in trust.parts_of_the_test.rows} >= {"year"}
    assert trust.curves is not None
