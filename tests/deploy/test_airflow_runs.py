"""The DAGs in a real Airflow 3 over a real PostgreSQL: what they wait for, what they start, and what they survive."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_server import DONE, Airflow, airflow_python, environment, running_airflow
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.retraining import RetrainLog
from finq_predictor.adapters.snapshots.store import SnapshotStore, path_of
from finq_predictor.domain.monitoring.retraining import Reason, ReasonKind
from postgres_server import running_postgres

pytestmark = pytest.mark.slow

TRAINING, VALIDATION, PREDICTIONS = (
    f"finq_fx_{name}" for name in ("model_training", "model_validation", "batch_predictions")
)
COLLECTION = "finq_data_collection"
MANY = 10
# Made of the same parts as the DAGs of the project, with short delays, and each on data of its own.
TRIALS = """
import os
import finq_airflow as finq
import pendulum
from airflow.sdk import DAG

def trial(name, retries=3, cron=None, **when):
    return DAG(
        name,
        schedule=finq.schedule(cron, "UTC", **when),
        start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
        catchup=False,
        max_active_runs=1,
        default_args=finq.default_args("finq", retries, 0.01, 0.02, 10, "default_pool"),
    )

def collect(market, root, **more):
    stages = {"ingestion": (f"--namespaces ingestion.{market}", [])}
    finq.tasks("ingestion", stages, project=finq.Project(params=f"data_root={root}"), **more)

for number in range(%(many)d):
    with trial(f"trial_{number}") as dag:
        collect("equity" if number == 3 else "fx", f"%(root)s/{number}")
    globals()[dag.dag_id] = dag

# As long as the scheduler needs to hear of the deferral: one that is over before is taken for a task that was lost.
with trial("late") as late:
    collect("fx", "%(root)s/late", waits_for=["fx.bronze_bars"], wait_minutes=0.25)

with trial("fails", retries=1) as fails:
    finq.command("fails", ["/bin/sh", "-c", "echo tried >> %(root)s/tries; exit 7"])

with trial("asks") as asks:
    finq.command("asks", ["/bin/sh", "-c", "echo {{ nothing }} $HOME"], makes=["equity.retrain_request"])

with trial("on_request", retrains="equity") as on_request:
    finq.command("on_request", ["true"])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("airflow")


@pytest.fixture(scope="module")
def running(project_path, folder, small_project) -> Iterator[Airflow]:
    """All processes, with the DAGs of the project and the trials, on data that are not there yet."""
    python = airflow_python(project_path)
    shutil.copytree(project_path / "deploy" / "airflow" / "dags", folder / "dags")
    exported = len(list((folder / "dags").glob("*.py")))
    (folder / "dags" / "trials_dag.py").write_text(TRIALS % {"root": folder, "many": MANY})
    for name in ("home", "postgres"):
        (folder / name).mkdir()
    with running_postgres(folder / "postgres") as database:
        variables = environment(
            project_path,
            folder / "home",
            database.replace("+psycopg:", "+psycopg2:"),
            AIRFLOW__CORE__DAGS_FOLDER=str(folder / "dags"),
            FINQ_KEDRO_ENV="test",
            FINQ_KEDRO_PARAMS=f"data_root={folder / 'data'}",
            FINQ_AIRFLOW_POKE_SECONDS="0.5",
        )
        pools = project_path / "deploy" / "airflow" / "pools.json"
        with running_airflow(python, variables, pools, exported + MANY + 4) as airflow:
            for number in range(MANY):
                airflow.unpause(f"trial_{number}")
            yield airflow


def started(airflow: Airflow, dag: str) -> str:
    """Let a DAG go by its own schedule; the time that was due last is run at once."""
    airflow.unpause(dag)
    return str(airflow.wait(lambda: airflow.runs(dag), 60, dag)[0]["dag_run_id"])


def moment(text: str | None) -> datetime:
    assert text is not None
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


@pytest.fixture(scope="module")
def training(running) -> str:
    """A training that found no fresh bronze, and waits in the triggerer until the collection has brought some."""
    running.unpause(VALIDATION)
    run = started(running, TRAINING)
    running.wait(
        lambda: running.tasks(TRAINING, run).get("wait_for_bronze", {}).get("state") == "deferred", 60, "it defers"
    )
    assert {task["state"] for name, task in running.tasks(TRAINING, run).items() if name != "wait_for_bronze"} == {None}
    assert running.events("fx.bronze_bars") == []
    started(running, COLLECTION)
    return run


def test_every_dag_is_known_over_the_real_database(running):
    assert running.ask("/api/v2/importErrors")["import_errors"] == []
    pools = {pool["name"]: pool["slots"] for pool in running.ask("/api/v2/pools")["pools"]}
    assert (pools["finq_training"], pools["finq_data"]) == (1, 4)


def run_many(airflow: Airflow, folder: Path, many: int) -> None:
    """Runs at once, one of them killed, one asked for twice; what each wrote is whole and its own."""
    runs = {number: airflow.trigger(f"trial_{number}") for number in range(many)}
    again = airflow.trigger("trial_1")
    found = airflow.wait(
        lambda: [
            task
            for task in [airflow.tasks("trial_0", runs[0]).get("ingestion", {})]
            if task.get("state") == "running" and task.get("pid")
        ],
        60,
        "the task runs",
    )
    os.kill(found[0]["pid"], signal.SIGKILL)
    for number, run in runs.items():
        assert airflow.ended(f"trial_{number}", run, 60 + 20 * many) == "success", number
    task = airflow.tasks("trial_0", runs[0])["ingestion"]
    assert (task["state"], task["try_number"]) == ("success", 2), "what was killed is tried again"
    # The second one of a DAG begins when the first has ended.
    assert airflow.ended("trial_1", again, 90) == "success"
    first, second = (airflow.run("trial_1", run) for run in (runs[1], again))
    assert moment(second["start_date"]) >= moment(first["end_date"])
    made = {}
    for number in runs:
        market = "equity" if number == 3 else "fx"
        snapshot = SnapshotStore(folder / str(number), market).newest()
        assert snapshot.damaged() == {}
        made[number] = path_of(folder / str(number), market, "silver_bars").read_bytes()
    assert len({made[number] for number in made if number != 3}) == 1, "the same seed makes the same bytes"


def test_a_killed_task_is_tried_again_and_runs_of_a_dag_do_not_overlap(running, training, folder):
    run_many(running, folder, 3)


def test_a_wait_that_takes_too_long_fails_without_retries(running, folder):
    running.unpause("late")
    run = running.trigger("late")
    assert running.ended("late", run, 120) == "failed"
    tasks = running.tasks("late", run)
    assert (tasks["wait_for_bronze"]["state"], tasks["wait_for_bronze"]["try_number"]) == ("failed", 1)
    assert tasks["ingestion"]["state"] == "upstream_failed"
    assert "It waited 0.25 min in vain: fx.bronze_bars was never delivered" in running.log(
        "late", run, "wait_for_bronze"
    )
    assert not (folder / "late").exists()


def told(folder: Path) -> set[str]:
    kept = json.loads(Layout(folder / "data").failures.read_text())
    return {
        label[1]
        for channel in kept["channels"]
        for one in channel["standing"]["told"]
        for label in one["alarm"]["labels"]
    }


def test_a_failure_reaches_the_channels_once_its_retries_are_spent(running, folder):
    running.unpause("fails")
    run = running.trigger("fails")
    assert running.ended("fails", run, 60) == "failed"
    task = running.tasks("fails", run)["fails"]
    assert (task["state"], task["try_number"]) == ("failed", 2)
    assert (folder / "tries").read_text() == "tried\n" * 2
    running.wait(
        lambda: Layout(folder / "data").failures.exists() and "fails.fails" in told(folder), 60, "they are told"
    )
    assert "told   log: Warning: Failed job" in running.log("fails", run, "fails", 2)
    assert "finq notify" not in running.log("fails", run, "fails", 1)


def test_an_open_request_starts_one_training(running, folder):
    for dag in ("asks", "on_request"):
        running.unpause(dag)
    run = running.trigger("asks")
    assert running.ended("asks", run, 60) == "success"
    assert running.tasks("asks", run)["train_equity_on_request"]["state"] == "skipped"
    assert "echo {{ nothing }}" not in running.log("asks", run, "asks")
    log = RetrainLog(folder / "data", "equity")
    asked = log.ask([Reason(ReasonKind.ASKED, "for a test")], "a test", now=datetime.now(UTC))
    states = []
    for _ in range(2):
        run = running.trigger("asks")
        assert running.ended("asks", run, 60) == "success"
        states.append(running.tasks("asks", run)["train_equity_on_request"]["state"])
    assert states == ["success", "skipped"]
    assert [event["extra"]["request"] for event in running.events("equity.retrain_request")] == [asked.request]
    running.wait(lambda: [one["state"] for one in running.runs("on_request")] == ["success"], 60, "it is started once")


def test_collection_training_validation_and_predictions_give_what_one_run_gives(
    running, training, folder, small_project
):
    """The training waited for the collection, its candidates start the validation; the same seed, the same bytes."""
    assert running.ended(TRAINING, training, 300) == "success", running.tasks(TRAINING, training)
    tasks = running.tasks(TRAINING, training)
    assert sorted(tasks) == ["features", "sentiment", "training", "wait_for_bronze"]
    assert {task["state"] for task in tasks.values()} == {"success"}
    root = folder / "data"
    # Bronze was not enough: it began when the gates had passed it.
    history = SnapshotStore(root, "fx")
    assert moment(tasks["sentiment"]["start_date"]) >= moment(history.open(history.ids()[0]).manifest.published_at)
    assert running.ended(COLLECTION, running.runs(COLLECTION)[0]["dag_run_id"], 60) == "success"
    assert running.events("equity.bronze_articles")
    started_by = running.wait(lambda: running.runs(VALIDATION), 60, "the candidates start the validation")[0]
    assert started_by["run_type"] == "asset_triggered"
    assert running.ended(VALIDATION, started_by["dag_run_id"], 300) == "success"
    assert len(running.runs(VALIDATION)) == 1
    run = started(running, PREDICTIONS)
    assert running.ended(PREDICTIONS, run, 120) == "success"
    assert Layout(root).report("fx").exists()
    for table in ("silver_bars", "gold", "folds", "oos_predictions", "metrics", "predictions"):
        first, second = (path_of(one, "fx", table) for one in (small_project, root))
        assert first.read_bytes() == second.read_bytes(), f"{first.name} differs"
    assert SnapshotStore(root, "fx").newest().damaged() == {}


@pytest.mark.proof
def test_ten_runs_at_once_do_not_disturb_each_other(running, folder):
    for number in range(MANY):
        shutil.rmtree(folder / str(number), ignore_errors=True)
    begun = time.monotonic()
    run_many(running, folder, MANY)
    print(f"{MANY} runs at once: {time.monotonic() - begun:.0f} s")
    assert all(one["state"] in DONE for number in range(MANY) for one in running.runs(f"trial_{number}"))
