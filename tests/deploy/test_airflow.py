"""The exported DAGs as Airflow reads them, what they are made of, and the files beside them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from airflow_server import airflow_python, environment
from finq_predictor.adapters.scheduling.airflow_files import write_airflow_files
from finq_predictor.adapters.scheduling.definition import read_schedule
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.scheduling.jobs import Job

READ_DAGS = """
import json, sys
import airflow.settings
airflow.settings.initialize()
from airflow.dag_processing.dagbag import DagBag
before = set(sys.modules)
bag = DagBag(sys.argv[1])
def names(assets):
    return sorted(asset.name for asset in assets)
def triggers(timetable):
    condition = getattr(timetable, "asset_condition", None)
    return sorted(asset.name for asset in condition.objects) if condition is not None else []
def clocks(timetable):
    timetable = getattr(timetable, "timetable", timetable)
    zone = getattr(timetable, "timezone", None) or getattr(timetable, "_timezone", None)
    expression = getattr(timetable, "expression", None) or getattr(timetable, "_expression", None)
    return expression, str(getattr(zone, "name", zone))
print("RESULT" + json.dumps({
    "errors": bag.import_errors,
    "imported": sorted({name.partition(".")[0] for name in set(sys.modules) - before}),
    "dags": {
        name: {
            "tasks": {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks},
            "kinds": {task.task_id: type(task).__name__ for task in dag.tasks},
            "outlets": {task.task_id: names(task.outlets) for task in dag.tasks if task.outlets},
            "words": {task.task_id: task.env for task in dag.tasks if hasattr(task, "bash_command")},
            "clocks": clocks(dag.timetable),
            "assets": triggers(dag.timetable),
            "overlap": dag.max_active_runs,
            "catchup": dag.catchup,
            "tags": sorted(dag.tags),
            "each": sorted({
                (task.owner, task.retries, task.retry_delay.total_seconds(), bool(task.retry_exponential_backoff),
                 task.pool, task.execution_timeout.total_seconds(), bool(task.on_failure_callback))
                for task in dag.tasks
            }),
        }
        for name, dag in bag.dags.items()
    },
}))
"""
HEAVY = {"finq_predictor", "kedro", "pandas", "numpy", "torch", "mlflow", "sklearn", "xgboost", "pyarrow", "matplotlib"}


@pytest.fixture(scope="module")
def read(project_path, tmp_path_factory):
    """Reads DAGs as Airflow does: gives what it found, and the seconds."""
    python = airflow_python(project_path)
    home = tmp_path_factory.mktemp("airflow")
    variables = environment(project_path, home, f"sqlite:///{home}/airflow.db")

    def reading(folder: Path) -> dict:
        done = subprocess.run(
            [python, "-c", READ_DAGS, folder], env=variables, capture_output=True, text=True, timeout=180
        )
        line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT")), None)
        assert line, done.stdout[-2000:] + done.stderr[-4000:]
        return json.loads(line.removeprefix("RESULT"))

    return reading


@pytest.fixture(scope="module")
def loaded(read, project_path) -> dict:
    found = read(project_path / "deploy" / "airflow" / "dags")
    assert found["errors"] == {}
    return found


@pytest.fixture(scope="module")
def dags(loaded) -> dict[str, dict]:
    return loaded["dags"]


@pytest.fixture(scope="module")
def jobs(project_path) -> dict[str, Job]:
    return dict(read_schedule(project_path, "local"))


def test_what_is_committed_is_what_make_dags_writes(project_path, tmp_path):
    recipe = (project_path / "Makefile").read_text().partition("\ndags:")[2].partition("\n\n")[0]
    words = subprocess.run(
        ["make", "--no-print-directory", "-n", "dags"], cwd=project_path, capture_output=True, text=True, check=True
    ).stdout
    (create,) = re.findall(r"\S*kedro airflow create .*", words.replace("\\\n", " "))
    assert "finq schedule --airflow deploy/airflow" in recipe.replace("$(BIN)/", "")
    command = [word if word != "deploy/airflow/dags" else str(tmp_path / "dags") for word in create.split()]
    command[0] = str(Path(sys.executable).parent / "kedro")
    subprocess.run(command, cwd=project_path, check=True, capture_output=True, timeout=180)
    write_airflow_files(project_path, "local", tmp_path)
    there = project_path / "deploy" / "airflow"
    for found, committed in (("dags", there / "dags"), (".", there)):
        pattern = "*.py" if found == "dags" else "*.json"
        assert {path.name: path.read_text() for path in (tmp_path / found).glob(pattern)} == {
            path.name: path.read_text() for path in committed.glob(pattern)
        }, "run `make dags`"


def test_there_is_a_dag_for_each_job_and_none_for_anything_else(dags, jobs):
    assert {job.dag_id for job in jobs.values()} == set(dags)
    intents = {re.sub(r"finq_(equity_|fx_)?", "", name) for name in dags}
    assert intents == {
        *("data_collection", "market_features", "news_features", "model_training", "model_validation", "monitoring"),
        *("batch_predictions", "backup", "backup_weekly"),
    }


def test_what_airflow_does_is_what_the_file_says(dags, jobs):
    """Clocks and zones, triggers, retries, limits, pools, owners: what `finq schedule` reads from the same file."""
    for name, job in jobs.items():
        dag = dags[job.dag_id]
        if job.schedule is not None:
            assert dag["clocks"] == [job.schedule, job.timezone], name
        requests = [f"{job.retrains}.retrain_request"] if job.retrains else []
        assert dag["assets"] == sorted([*job.triggered_by, *requests]), name
        assert (dag["overlap"], dag["catchup"]) == (1, False), name
        limits = [
            job.owner,
            job.retries,
            60 * job.retry_delay_minutes,
            True,
            f"finq_{job.pool}",
            60 * job.timeout_minutes,
        ]
        assert dag["each"] == [[*limits, True]], name
        assert tuple(dag["tags"]) == tuple(sorted(job.tags)), name
        outlets = sorted(asset for of in dag["outlets"].values() for asset in of)
        assert outlets == sorted(job.makes), name
        assert ("wait_for_bronze" in dag["tasks"]) == bool(job.waits_for), name


def test_nothing_is_done_twice(dags):
    """A training ends with its candidates, and the validation does the rest."""
    for market in MARKETS:
        training, validation = (dags[f"finq_{market}_model_{what}"] for what in ("training", "validation"))
        assert training["tasks"] == {
            "wait_for_bronze": [],
            "sentiment": ["wait_for_bronze"],
            "features": ["sentiment"],
            "training": ["features"],
        }
        assert training["outlets"] == {"training": [f"{market}.candidates"]}
        assert validation["tasks"] == {"evaluation": []}
        assert validation["assets"] == [f"{market}.candidates"]


def test_monitoring_ends_with_asking_whether_to_train(dags):
    monitoring = dags["finq_monitoring"]
    for market in MARKETS:
        name = f"train_{market}_on_request"
        assert monitoring["tasks"][name] == ["monitoring"]
        assert monitoring["kinds"][name] == "TrainOnRequest"
        assert monitoring["outlets"][name] == [f"{market}.retrain_request"]
    assert "monitoring" not in monitoring["outlets"]


def test_reading_a_dag_imports_nothing_of_the_project_and_nothing_heavy(loaded, project_path):
    assert HEAVY.isdisjoint(loaded["imported"])
    code = (project_path / "deploy" / "airflow" / "plugins" / "finq_airflow.py").read_text()
    for file in (project_path / "deploy" / "airflow" / "dags").glob("*.py"):
        code += file.read_text()
    imported = set(re.findall(r"^\s*(?:from|import) (\w+)", code, flags=re.MULTILINE))
    assert imported <= {*sys.stdlib_module_names, "airflow", "pendulum", "finq_airflow"}


COMMANDS = {
    "default": {
        "retries": 1,
        "schedule": None,
        "owner": "me",
        "tags": ["mine"],
        "start_date": [2025, 1, 1],
    },
    "pools": {"few": 2},
    "backup": {
        "description": 'A "backup" after each training.',
        "triggered_by": ["trained"],
        "command": ["finq", "backup", "s3://bucket/it's {{ not }} $HOME"],
        "pool": "few",
    },
    "train": {
        "command": ["kedro", "run", "--pipelines", "fx"],
        "schedule": "0 3 * * *",
        "makes": ["trained"],
        "timezone": "Asia/Tokyo",
    },
}


def test_a_job_with_a_command_is_a_dag_by_the_same_template(project_path, tmp_path, read):
    (tmp_path / "conf" / "base").mkdir(parents=True)
    (tmp_path / "conf" / "local").mkdir()
    (tmp_path / "conf" / "base" / "airflow.yml").write_text(yaml.safe_dump(COMMANDS))
    (tmp_path / "deploy" / "airflow").mkdir(parents=True)
    shutil.copy(project_path / "deploy" / "airflow" / "dag_template.j2", tmp_path / "deploy" / "airflow")
    written = write_airflow_files(tmp_path, "local", tmp_path / "out")
    assert [file.name for file in written] == [
        "pools.json",
        "finq_predictor_backup_dag.py",
        "finq_predictor_train_dag.py",
    ]
    assert json.loads(written[0].read_text())["finq_few"]["slots"] == 2
    found = read(tmp_path / "out" / "dags")
    assert found["errors"] == {}
    backup, train = found["dags"]["finq_backup"], found["dags"]["finq_train"]
    assert (backup["assets"], backup["each"][0][4], train["each"][0][4]) == (["trained"], "finq_few", "default_pool")
    assert train["clocks"] == ["0 3 * * *", "Asia/Tokyo"]
    assert train["outlets"] == {"train": ["trained"]}
    words = backup["words"]["backup"]
    assert words["TASK_PROGRAM"].endswith("/finq")
    assert words["TASK_WORD_2"] == "{% raw %}s3://bucket/it's {{ not }} $HOME{% endraw %}"


TELL = """
import sys, time
import finq_airflow
finq_airflow.LONGEST_ANSWER_S = 0.5
class Instance:
    dag_id, task_id, run_id, try_number = "d", "t", "r", 4
begun = time.monotonic()
finq_airflow.tell_failure({"task_instance": Instance, "exception": ValueError("why not")})
finq_airflow.tell_failure({})
print("ENDED", time.monotonic() - begun)
"""


def tell(project_path, tmp_path, script: str | None) -> tuple[str, float]:
    programs = tmp_path / "bin"
    programs.mkdir()
    if script is not None:
        (programs / "finq").write_text(f"#!/bin/sh\n{script}\n")
        (programs / "finq").chmod(0o755)
    variables = environment(
        project_path, tmp_path, f"sqlite:///{tmp_path}/airflow.db", FINQ_KEDRO=str(programs / "kedro")
    )
    variables["PYTHONPATH"] = str(project_path / "deploy" / "airflow" / "plugins")
    done = subprocess.run(
        [airflow_python(project_path), "-c", TELL], env=variables, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "ENDED" in done.stdout
    return done.stdout + done.stderr, float(done.stdout.split()[-1])


def test_a_failure_is_handed_to_the_command_of_the_project(project_path, tmp_path):
    said, _ = tell(project_path, tmp_path, f'printf "%s|" "$@" > {tmp_path}/words; pwd > {tmp_path}/place')
    assert (tmp_path / "words").read_text() == "notify|--failed|d.t|--why|why not (run r, try 4)|"
    assert (tmp_path / "place").read_text().strip() == str(project_path)
    assert "d.t failed: why not" in said


@pytest.mark.parametrize("script", [None, "exit 3", f"echo $$ > pids; sleep {3600}"], ids=["absent", "fails", "hangs"])
def test_nobody_who_can_be_told_fails_or_holds_no_task(project_path, tmp_path, script):
    script = script and script.replace("pids", str(tmp_path / "pids"))
    said, seconds = tell(project_path, tmp_path, script)
    assert seconds < 30
    if script and "sleep" in script:
        assert "Nobody could be told within" in said
        process = Path("/proc") / (tmp_path / "pids").read_text().strip()
        end = time.monotonic() + 10
        while process.exists() and time.monotonic() < end:
            time.sleep(0.05)
        assert not process.exists() or "Z" in (process / "stat").read_text().split()[2]


def test_a_trigger_is_the_same_after_it_was_handed_on(project_path, tmp_path):
    """The triggerer makes it anew from what the database holds; it asks until the answer is yes, or it is too late."""
    code = """
import asyncio, json, sys
from finq_airflow import FreshBronzeTrigger
def events(words, until):
    path, given = FreshBronzeTrigger(words, "/", {"A": "b"}, until, 0.05).serialize()
    assert path == "finq_airflow.FreshBronzeTrigger"
    again = FreshBronzeTrigger(**json.loads(json.dumps(given)))
    async def first():
        return [event.payload async for event in again.run()]
    return asyncio.run(first())
later, before = "2099-01-01T00:00:00+00:00", "2000-01-01T00:00:00+00:00"
script = "test -e there && echo come || { touch there; echo not yet; exit 3; }"
come = ["/bin/sh", "-c", script.replace("there", sys.argv[1])]
print("RESULT" + json.dumps([
    events(come, later), events(["/bin/sh", "-c", "echo never; exit 3"], before),
    events(["/bin/sh", "-c", "echo $A is wrong; exit 1"], later),
]))
"""
    variables = environment(project_path, tmp_path, f"sqlite:///{tmp_path}/airflow.db")
    variables["PYTHONPATH"] = str(project_path / "deploy" / "airflow" / "plugins")
    done = subprocess.run(
        [airflow_python(project_path), "-c", code, tmp_path / "there"],
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
    )
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT")), None)
    assert line, done.stderr[-3000:]
    assert json.loads(line.removeprefix("RESULT")) == [
        [{"state": "fresh", "said": "come"}],
        [{"state": "late", "said": "never"}],
        [{"state": "error", "said": "b is wrong"}],
    ]


def test_this_process_lets_nothing_of_its_own_reach_airflow(project_path, monkeypatch, tmp_path):
    monkeypatch.setenv("FINQ_KEDRO_PARAMS", "data_root=/elsewhere")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "x")
    found = environment(project_path, tmp_path, "sqlite://")
    assert "FINQ_KEDRO_PARAMS" not in found
    assert "AIRFLOW__CORE__FERNET_KEY" not in found
    assert found["PATH"] == os.environ["PATH"]
