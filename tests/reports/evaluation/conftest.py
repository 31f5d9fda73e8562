"""An evaluation of a small world, and the smallest one that a report can be written about."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from finq_predictor.pipelines.evaluation.params import EvaluationParams
from finq_predictor.reports.evaluation.results import Worth
from synthetic_evaluation import make_world, results_of

PARAMS = EvaluationParams(n_bootstrap=200)


@pytest.fixture(scope="session")
def results():
    """Two candidates and two naive rules on 450 days."""
    return results_of(make_world(days=450, instruments=25), PARAMS)


@pytest.fixture(scope="session")
def smallest():
    """One candidate beside the base rate; no trial, no leak meter, no interval, and no figure is known."""
    world = make_world(days=260, instruments=12)
    oos = world["oos_predictions"]
    world |= {
        "oos_predictions": oos[oos["model"].isin(["logistic", "base_rate"])],
        "candidates": {"logistic": world["candidates"]["logistic"]},
        "trials": world["trials"].iloc[:0],
        "leak_meter": world["leak_meter"].iloc[:0],
    }
    found = results_of(world, PARAMS)
    unknown = {"value": np.nan, "ci_low": np.nan, "ci_high": np.nan}
    measures = replace(
        found.measures,
        metrics=found.measures.metrics.assign(**unknown),
        metrics_by_fold=found.measures.metrics_by_fold.assign(value=np.nan),
        daily_skill=found.measures.daily_skill.iloc[:3],
        backtest=found.measures.backtest.iloc[:0],
        backtest_summary=found.measures.backtest_summary.iloc[:0],
    )
    trained = replace(
        found.trained,
        oos_predictions=found.trained.oos_predictions.iloc[-1:],
        folds=found.trained.folds.iloc[:1],
        provenance=replace(found.trained.provenance, content_hashes={}, rows={}),
    )
    only = found.trained.oos_predictions.query("model == 'logistic'").iloc[-1:]
    return replace(found, measures=measures, trained=replace(trained, oos_predictions=only), worth=Worth())
