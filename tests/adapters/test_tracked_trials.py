"""What a search really writes arrives in MLflow as what it was: finished trials finished, pruned ones killed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.tracking import PARENT, TrackedRun, Tracker, connect
from finq_predictor.domain.errors import UnknownNameError
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.modelling.search import TrialState
from finq_predictor.pipelines.training.params import TrainingParams
from finq_predictor.pipelines.training.plan import Plan
from finq_predictor.pipelines.training.samples import make_samples
from finq_predictor.pipelines.training.search import search_race
from synthetic_gold import feature_names, make_gold

# Known warnings of MLflow's own imports.
KNOWN = ("The ``noload``", ".*Add type hints to the `predict`", ".*Any type hint is inferred")
pytestmark = [pytest.mark.filterwarnings(f"ignore:{text}") for text in KNOWN]


@pytest.fixture(scope="module")
def trials() -> pd.DataFrame:
    """A real search in which some trials are pruned."""
    gold = make_gold(n_instruments=8, n_dates=160)
    params = TrainingParams(
        seed=3,
        models={"logistic": {"params": {"C": 0.01}, "search": {"C": {"low": 1e-6, "high": 10.0, "log": True}}}},
        gap={"embargo_bars": 5},
        search={"trials": 12, "inner_folds": 3, "max_rows": None},
        leak_meter={"model": "logistic"},
    )
    plan = Plan(params, get_market("equity"))
    _, found = search_race(make_samples(gold, tuple(feature_names(gold)), 5), plan)["logistic"]
    return found


@pytest.fixture(scope="module")
def tracker(tmp_path_factory) -> Tracker:
    folder = tmp_path_factory.mktemp("trials")
    return Tracker(Layout(folder).tracking_uri, Layout(folder).artifacts, "finq-equity")


def test_finished_trials_are_finished_and_pruned_ones_killed(trials, tracker):
    states = trials["state"].tolist()
    assert set(states) == {"complete", "pruned"}, "the search shows both"
    parent = tracker.write(TrackedRun("logistic", {}, {}, {}, trials=trials))
    client = connect(tracker.tracking_uri)
    experiment = client.get_experiment_by_name("finq-equity").experiment_id
    nested = client.search_runs([experiment], f"tags.`{PARENT}` = '{parent.run_id}'", order_by=["attribute.run_name"])
    closed = [run.info.status for run in nested]
    assert closed == ["FINISHED" if state == "complete" else "KILLED" for state in states]
    assert [run.data.tags["state"] for run in nested] == states
    np.testing.assert_allclose([run.data.metrics["value"] for run in nested], trials["value"])


def test_a_failed_trial_is_failed_and_an_unknown_state_is_refused(trials, tracker):
    client = connect(tracker.tracking_uri)
    parent = tracker.write(TrackedRun("broken", {}, {}, {}, trials=trials.head(1).assign(state=TrialState.FAIL.value)))
    experiment = client.get_experiment_by_name("finq-equity").experiment_id
    (nested,) = client.search_runs([experiment], f"tags.`{PARENT}` = '{parent.run_id}'")
    assert nested.info.status == "FAILED"
    with pytest.raises(UnknownNameError, match=r"state of a trial 'COMPLETE'\. Did you mean 'complete'"):
        tracker.write(TrackedRun("odd", {}, {}, {}, trials=trials.head(1).assign(state="COMPLETE")))
