"""Runs land in the market's experiment, with trials below them, and disturb nobody's active run."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import mlflow
import pandas as pd
import pytest

from finq_predictor.adapters.atomic_file import own_name
from finq_predictor.adapters.datasets.tracked_run import TrackedReportDataset, TrackedRunDataset
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.tracking import PARENT, Attachment, TrackedRun, Tracker, connect

# Known warnings of MLflow's own imports.
KNOWN = ("The ``noload``", ".*Add type hints to the `predict`", ".*Any type hint is inferred")
pytestmark = [pytest.mark.filterwarnings(f"ignore:{text}") for text in KNOWN]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracking")
    return {
        "market": "fx",
        "tracking_uri": Layout(folder).tracking_uri,
        "artifact_root": str(Layout(folder).artifacts),
    }


@pytest.fixture(scope="module")
def tracked(place, tmp_path_factory):
    dataset = TrackedRunDataset(**place, filepath=str(tmp_path_factory.mktemp("ids") / "tracked_runs.json"))
    dataset.tracker.clock = lambda: datetime(2025, 1, 15, 9, 30, tzinfo=UTC)
    trials = pd.DataFrame(
        {
            "trial": [0, 1],
            "model": "xgboost",
            "value": [0.69, float("nan")],
            "duration_s": [1.0, 2.0],
            "state": ["complete", "pruned"],
            "params": ['{"max_depth": 3}', "{}"],
        }
    )
    run = TrackedRun(
        "xgboost",
        params={"seed": 7, "long": "x" * 9000, "nested": {"b": 1, "a": 2}, **{f"p{k}": k for k in range(150)}},
        metrics={"auc": 0.51, "undefined": float("nan"), **{f"m{k}": float(k) for k in range(150)}},
        tags={"data_hash": "abc", "simulated": "true"},
        artifacts={
            "importance.json": {"a": 1.0},
            "plots/x.png": b"png",
            "gap_table.csv": pd.DataFrame({"a": [1]}),
            "note.txt": "hello",
        },
        trials=trials,
    )
    dataset.save([run])
    return dataset


def test_a_run_has_its_name_numbers_and_lineage(place, tracked):
    ids = tracked.load()
    assert ids.of("xgboost").run_name == "xgboost-20250115-0930"
    assert ids.of("xgboost").experiment == "finq-fx"
    run = connect(place["tracking_uri"]).get_run(ids.of("xgboost").run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["auc"] == 0.51
    assert "undefined" not in run.data.metrics
    assert len(run.data.metrics) == 151
    assert len(run.data.params) == 153
    assert run.data.params["nested"] == '{"a": 2, "b": 1}'
    assert run.data.tags["data_hash"] == "abc"


def test_artifacts_of_every_kind_arrive(place, tracked):
    client, run_id = connect(place["tracking_uri"]), tracked.load().of("xgboost").run_id
    names = {item.path for item in client.list_artifacts(run_id)} | {
        item.path for item in client.list_artifacts(run_id, "plots")
    }
    assert {"importance.json", "gap_table.csv", "note.txt", "plots/x.png"} <= names


def test_trials_are_nested_runs(place, tracked):
    client, run_id = connect(place["tracking_uri"]), tracked.load().of("xgboost").run_id
    experiment = client.get_experiment_by_name("finq-fx").experiment_id
    nested = client.search_runs([experiment], f"tags.`{PARENT}` = '{run_id}'", order_by=["attribute.run_name"])
    assert [run.info.run_name for run in nested] == ["xgboost-trial-000", "xgboost-trial-001"]
    assert [run.info.status for run in nested] == ["FINISHED", "KILLED"]
    assert nested[0].data.params == {"max_depth": "3"}
    assert nested[0].data.metrics == {"value": 0.69, "duration_s": 1.0}


def test_the_report_is_attached_later(place, tracked):
    run_id = tracked.load().of("xgboost").run_id
    dataset = TrackedReportDataset(**place)
    dataset.save(Attachment((run_id,), {"report.html": "<html>"}))
    assert "report.html" in {item.path for item in connect(place["tracking_uri"]).list_artifacts(run_id)}
    with pytest.raises(Exception, match="write only"):
        dataset.load()


def test_an_active_run_of_someone_else_is_left_alone(place, tmp_path):
    other = f"sqlite:///{tmp_path}/other.db"
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(other)
    try:
        # A session of Kedro in this process may have chosen an experiment that the other store lacks.
        with mlflow.start_run(experiment_id="0") as active:
            TrackedRunDataset(**place, filepath=str(tmp_path / "ids.json")).save(
                [TrackedRun("m", {"a": 1}, {"b": 2.0}, {})]
            )
            assert mlflow.active_run().info.run_id == active.info.run_id
        assert mlflow.get_run(active.info.run_id).data.metrics == {}
        assert mlflow.get_tracking_uri() == other
    finally:
        mlflow.set_tracking_uri(before)


def test_a_deleted_experiment_is_restored(place, tmp_path):
    client = connect(place["tracking_uri"])
    client.delete_experiment(client.get_experiment_by_name("finq-fx").experiment_id)
    TrackedRunDataset(**place, filepath=str(tmp_path / "ids.json")).save([TrackedRun("m", {}, {}, {})])
    assert client.get_experiment_by_name("finq-fx").lifecycle_stage == "active"


def test_a_failed_run_is_marked(place, tmp_path):
    dataset = TrackedRunDataset(**place, filepath=str(tmp_path / "ids.json"))
    with pytest.raises(Exception, match="real number"):
        dataset.save([TrackedRun("broken", {}, {"not a number": "metrics"}, {})])
    client = connect(place["tracking_uri"])
    runs = client.search_runs([client.get_experiment_by_name("finq-fx").experiment_id], "attribute.status = 'FAILED'")
    assert len(runs) == 1
    assert not dataset.exists()


def _dead() -> str:
    """The name of a process of this machine that has died."""
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    return own_name().rpartition("-")[0] + f"-{child.stdout.strip()}"


def test_runs_of_killed_processes_are_closed_by_the_next(place):
    tracker = Tracker(place["tracking_uri"], place["artifact_root"], "finq-killed")
    run = TrackedRun("logistic", {}, {"auc": 0.5}, {})
    first = tracker.write(run)
    client = connect(place["tracking_uri"])
    experiment = client.get_experiment_by_name("finq-killed").experiment_id
    left = client.create_run(experiment, tags={"writer": _dead()}).info.run_id
    alive = client.create_run(experiment, tags={"writer": own_name()}).info.run_id
    foreign = client.create_run(experiment, tags={}).info.run_id
    second = tracker.write(run)
    assert first.run_id != second.run_id, "without an identity every run is written"
    status = {run_id: client.get_run(run_id).info.status for run_id in (left, alive, foreign)}
    assert status == {left: "KILLED", alive: "RUNNING", foreign: "RUNNING"}


def test_what_was_found_before_is_not_written_again(place):
    tracker = Tracker(place["tracking_uri"], place["artifact_root"], "finq-same")
    run = TrackedRun("logistic", {}, {"auc": 0.5}, {"decision": "promote"}, identity="abc")
    first = tracker.write(run)
    assert tracker.write(replace(run, tags={"decision": "reject"})) == first
    assert tracker.write(replace(run, identity="abd")) != first
    client = connect(place["tracking_uri"])
    client.set_terminated(first.run_id, status="KILLED")
    assert tracker.write(run) != first, "what was not finished does not count"
