"""The jobs in a real Dagster, which lives in an environment of its own: what it knows, and what a job of it writes."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from finq_predictor.adapters.scheduling.definition import read_schedule
from finq_predictor.adapters.snapshots.store import SnapshotStore, path_of
from finq_predictor.pipeline_registry import register_pipelines

ASK = """
import json, sys
sys.path.insert(0, "deploy/dagster")
import definitions as found
repository = found.defs.get_repository_def()
told = {
    "jobs": sorted(name for name in repository.job_names if not name.startswith("__")),
    "schedules": {
        one.job_name: [one.cron_schedule, one.execution_timezone] for one in repository.schedule_defs
    },
    "follows": {
        job.name: sorted(before.name for before in one._monitored_jobs)
        for one in repository.sensor_defs if one.name.endswith("_follows") for job in one.jobs
    },
    "assets": sorted(".".join(spec.key.path[1:]) for spec in found.known),
    "alone": [asset for asset in found.defs.assets if not isinstance(asset, found.dg.AssetSpec)],
}
ran = {}
for name in sys.argv[1:]:
    done = repository.get_job(name).execute_in_process()
    keys = [event.asset_key.path[1:] for event in done.all_events if event.is_step_materialization]
    ran[name] = [done.success, sorted(set(map(".".join, keys)))]
print("RESULT" + json.dumps(told | {"ran": ran}))
"""


def ask(project: Path, folder: Path, *jobs: str) -> dict:
    """What Dagster knows of the project, after it has run some of its jobs one after the other."""
    python = project / ".venv-dagster" / "bin" / "python"
    if not python.exists():
        pytest.skip("no Dagster environment: make .venv-dagster/.ready makes it")
    variables = {
        **os.environ,
        "PYTHONPATH": str(project / "src"),
        "DAGSTER_HOME": "",
        "FINQ_PROJECT": str(project),
        "FINQ_KEDRO_ENV": "test",
        "FINQ_KEDRO_PARAMS": f"data_root={folder}",
    }
    done = subprocess.run(
        [python, "-c", ASK, *jobs], cwd=project, env=variables, capture_output=True, text=True, timeout=500
    )
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT")), None)
    assert line, done.stdout[-2000:] + done.stderr[-5000:]
    return json.loads(line.removeprefix("RESULT"))


def assert_same(small_project: Path, root: Path, market: str, *datasets: str) -> None:
    for dataset in datasets:
        first, second = (path_of(one, market, dataset) for one in (small_project, root))
        assert first.read_bytes() == second.read_bytes(), f"{market} {dataset} differs"
    assert SnapshotStore(root, market).newest().damaged() == {}


def test_a_job_of_dagster_writes_what_a_run_writes(project_path, small_project, tmp_path):
    """And it knows the jobs, their times and the datasets that the project has, by their names."""
    found = ask(project_path, tmp_path, "test__ingestion")
    success, made = found["ran"]["test__ingestion"]
    assert success
    assert {"fx.silver_bars", "equity.silver_benchmark", "fx.bronze_bars"} <= set(made)
    for market in ("fx", "equity"):
        assert_same(small_project, tmp_path, market, "silver_bars", "silver_articles", "silver_macro")
    # A job with a command of its own is none that Dagster could look into.
    schedule = {name: job for name, job in read_schedule(project_path, "test").items() if job.command is None}
    assert found["jobs"] == sorted(f"test__{name}" for name in schedule)
    times = {f"test__{name}": [job.schedule, job.timezone] for name, job in schedule.items() if job.schedule}
    assert found["schedules"] == times
    assert found["follows"] == {
        f"test__{market}_validation": [f"test__{market}_training"] for market in ("equity", "fx")
    }
    pipelines = register_pipelines()
    stored = {name for job in schedule for name in pipelines[job].datasets() if not name.startswith("params:")}
    assert set(found["assets"]) == stored
    assert found["alone"] == [], "what is published together is not made alone"


@pytest.mark.proof
@pytest.mark.slow
def test_all_jobs_of_a_market_give_what_one_run_gives(project_path, small_project, tmp_path):
    names = [f"test__{name}" for name in ("ingestion", "fx_training", "fx_validation", "fx_predictions")]
    found = ask(project_path, tmp_path, *names)
    assert [success for success, _ in found["ran"].values()] == [True] * 4
    assert_same(small_project, tmp_path, "fx", "gold", "folds", "oos_predictions", "metrics", "predictions")


def test_its_environment_is_that_of_the_project_but_for_what_it_cannot_have(project_path):
    """Only what Dagster wants older is another version than what everything else is tested with."""

    def pins(file: Path) -> dict[str, str]:
        return dict(re.findall(r"^([\w.\[\]-]+)==([^\s;]+)", file.read_text(), flags=re.MULTILINE))

    ours, theirs = (
        pins(project_path / "constraints.txt"),
        pins(project_path / "deploy" / "dagster" / "requirements.txt"),
    )
    others = {name for name in theirs if name in ours and theirs[name] != ours[name]}
    assert {name for name in others if not name.startswith("opentelemetry-")} == {"protobuf"}
    assert theirs["kedro-dagster"] == "0.8.1"
