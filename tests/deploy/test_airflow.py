"""The exported DAGs, in a real Airflow 3 that lives in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.snapshots.store import path_of

EXPORTED = ("equity", "fx", "ingestion", "sentiment", "features", "evaluation", "monitoring")
READ_DAGS = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
print("RESULT" + json.dumps({
    "errors": bag.import_errors,
    "dags": {
        name: {
            "tasks": {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks},
            "timezone": str(dag.timezone),
            "timetable": getattr(dag.timetable, "_expression", None) or getattr(dag.timetable, "expression", None),
            "overlap": dag.max_active_runs,
            "retries": sorted({task.retries for task in dag.tasks}),
            "owner": dag.owner,
        }
        for name, dag in bag.dags.items()
    },
}))
"""


@pytest.fixture(scope="module")
def airflow(project_path, tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """The interpreter of the Airflow environment, and a home of its own for it."""
    python = project_path / ".venv-airflow" / "bin" / "python"
    if not python.exists():
        pytest.skip("no Airflow environment: `make test` makes .venv-airflow")
    home = tmp_path_factory.mktemp("airflow")
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(project_path / "deploy" / "airflow" / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "FINQ_PROJECT": str(project_path),
        "FINQ_KEDRO": str(Path(sys.executable).parent / "kedro"),
    }
    return python, environment


@pytest.fixture(scope="module")
def dags(airflow, project_path) -> dict[str, dict]:
    python, environment = airflow
    folder = project_path / "deploy" / "airflow" / "dags"
    result = subprocess.run(
        [python, "-c", READ_DAGS, folder], env=environment, capture_output=True, text=True, timeout=180
    )
    line = next((line for line in result.stdout.splitlines() if line.startswith("RESULT")), None)
    assert line, result.stdout[-2000:] + result.stderr[-4000:]
    loaded = json.loads(line.removeprefix("RESULT"))
    assert loaded["errors"] == {}
    return loaded["dags"]


def test_exported_dags_are_up_to_date(project_path, tmp_path):
    command = [
        *(str(Path(sys.executable).parent / "kedro"), "airflow", "create", "--group-by", "namespace"),
        *(
            "--jinja-file",
            "deploy/airflow/dag_template.j2",
            "--pipelines",
            ",".join(EXPORTED),
            "--target-dir",
            tmp_path,
        ),
    ]
    subprocess.run([str(part) for part in command], cwd=project_path, check=True, capture_output=True, timeout=180)
    committed = {path.name: path.read_text() for path in (project_path / "deploy" / "airflow" / "dags").glob("*.py")}
    assert {path.name: path.read_text() for path in tmp_path.glob("*.py")} == committed, "run `make dags`"


def test_one_task_per_stage_in_order(dags):
    stages = ["ingestion", "sentiment", "features", "training", "evaluation", "monitoring"]
    for name in ("finq_equity_training", "finq_fx_training"):
        tasks = dags[name]["tasks"]
        assert sorted(tasks) == sorted(stages)
        for task, upstream in tasks.items():
            assert all(stages.index(earlier) < stages.index(task) for earlier in upstream)
        assert tasks["ingestion"] == []


@pytest.mark.parametrize(
    ("dag", "timetable", "timezone"),
    [
        ("finq_equity_training", "0 2 * * 2-6", "America/New_York"),
        ("finq_fx_training", "0 0 * * *", "Asia/Singapore"),
        ("finq_data_collection", "*/10 * * * *", "UTC"),
        ("finq_market_features", "5 * * * *", "UTC"),
        ("finq_news_features", "*/30 * * * *", "UTC"),
        ("finq_monitoring", "*/15 * * * *", "UTC"),
        ("finq_model_validation", None, "UTC"),
    ],
)
def test_schedules_and_time_zones(dags, dag, timetable, timezone):
    assert (dags[dag]["timetable"], dags[dag]["timezone"]) == (timetable, timezone)
    assert dags[dag]["overlap"] == 1
    assert dags[dag]["retries"] == [3]
    assert dags[dag]["owner"] == "finq"


@pytest.mark.slow
def test_a_dag_runs_through_and_gives_what_one_run_gives(airflow, small_project, tmp_path):
    """Each stage in a process of its own, another time, elsewhere: the same seed makes the same bytes."""
    python, environment = airflow
    command = str(python.parent / "airflow")
    environment = {
        **environment,
        "FINQ_KEDRO_ENV": "test",
        "FINQ_KEDRO_PARAMS": f"data_root={tmp_path}",
    }
    subprocess.run([command, "db", "migrate"], env=environment, check=True, capture_output=True, timeout=180)
    result = subprocess.run(
        [command, "dags", "test", "finq_fx_training"], env=environment, capture_output=True, text=True, timeout=580
    )
    output = result.stdout[-6000:] + result.stderr[-3000:]
    assert result.returncode == 0, output
    assert Layout(tmp_path).report("fx").exists(), output
    assert Layout(tmp_path).place("fx", "monitoring_metrics").exists(), output
    for table in ("gold", "oos_predictions", "predictions"):
        first, second = (path_of(root, "fx", table) for root in (small_project, tmp_path))
        assert first.read_bytes() == second.read_bytes(), f"{first.name} differs"
