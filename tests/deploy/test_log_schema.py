"""Whoever writes lines writes them alike: a task of Airflow, the scheduler, the notifier. The rest is told beside them.

Runs: tests/adapters/test_log_lines.py; the API: tests/serving/test_service_log.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from finq_predictor.adapters.log_lines import FORMAT, RUN
from log_laws import lawful_lines

BIN = Path(sys.executable).parent
TASK = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
for dag in DagBag(sys.argv[1]).dags.values():
    for task in dag.tasks:
        words = [getattr(task, "bash_command", None) or "", *(getattr(task, "env", None) or {}).values()]
        if {"--namespaces", "ingestion"} <= set(" ".join(words).split()):
            print("RESULT" + json.dumps({"command": task.bash_command, "env": task.env, "cwd": task.cwd}))
            raise SystemExit
"""


def said_by(command: list[str | Path], place: Path, **variables: str) -> tuple[int, list[dict], str]:
    told = {**os.environ, FORMAT: "json", **variables}
    done = subprocess.run(command, cwd=place, env=told, capture_output=True, text=True, timeout=240)
    text = done.stdout + done.stderr
    return done.returncode, lawful_lines(text), text


@pytest.mark.slow
def test_a_task_of_airflow(project_path, tmp_path):
    airflow = project_path / ".venv-airflow" / "bin" / "python"
    if not airflow.exists():
        pytest.skip("no Airflow environment: `make test` makes .venv-airflow")
    home = {
        "AIRFLOW_HOME": str(tmp_path), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "FINQ_PROJECT": str(project_path), "FINQ_KEDRO": str(BIN / "kedro"),
    }  # fmt: skip
    folder = project_path / "deploy" / "airflow"
    home["PYTHONPATH"] = str(folder / "plugins")
    words = [airflow, "-c", TASK, folder / "dags"]
    read = subprocess.run(words, env={**os.environ, **home}, capture_output=True, text=True, timeout=180)
    found = next((line for line in read.stdout.splitlines() if line.startswith("RESULT")), "")
    assert found, read.stdout[-2000:] + read.stderr[-4000:]
    task = json.loads(found.removeprefix("RESULT"))
    asked = {"FINQ_KEDRO_ENV": "test", "FINQ_KEDRO_PARAMS": f"data_root={tmp_path / 'data'}", RUN: "manual__2026-03-02"}
    code, lines, _ = said_by(["bash", "-c", task["command"]], Path(task["cwd"]), **{**task["env"], **asked})
    assert code == 0
    assert {one["run"] for one in lines} == {"manual__2026-03-02"}
    assert [one["event"] for one in lines].count("run_ended") == 1


def test_the_scheduler(tmp_path):
    for environment in ("base", "local"):
        (tmp_path / "conf" / environment).mkdir(parents=True)
    jobs = {"good": {"command": ["true"]}, "bad": {"command": ["false"], "retries": 0}}
    (tmp_path / "conf" / "base" / "airflow.yml").write_text(yaml.safe_dump(jobs))
    for job, code, last in (("good", 0, ("run_succeeded", "INFO")), ("bad", 1, ("run_failed", "ERROR"))):
        command = [BIN / "finq", "schedule", "--root", tmp_path / "data", "--once", job]
        ended, lines, _ = said_by(command, tmp_path, FINQ_PROJECT=str(tmp_path))
        assert ended == code
        events = {one["event"]: one for one in lines}
        assert (last[0], events[last[0]]["level"]) == last
        assert events["run_started"]["run"] == events[last[0]]["run"]


def test_the_notifier(project_path, tmp_path):
    variables = {"FINQ_CHANNEL_LOG": "s3cr3t-w0rd", "FINQ_METRICS_KEY": "another-s3cr3t"}
    conf = ["--conf", project_path / "conf"]
    code, lines, text = said_by([BIN / "finq", "notify", "--test", "log", *conf], tmp_path, **variables)
    assert code == 0, text
    (line,) = (one for one in lines if one["event"] == "alarm")
    assert (line["level"], line["news"], line["logger"]) == ("INFO", "test", "finq_predictor.alarms.log")
    assert "s3cr3t" not in text


def test_what_stops_a_command(tmp_path):
    code, lines, _ = said_by([BIN / "finq", "alarms", "list", "--conf", tmp_path], tmp_path)
    assert code == 1
    (line,) = lines
    assert (line["event"], line["level"], line["error"]["type"]) == ("stopped", "ERROR", "ConfigurationError")
