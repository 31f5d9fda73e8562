"""A run that nobody follows tells a real push gateway how it ended, and one that is away stops no run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from finq_predictor.adapters.alarms.reading import parsed
from finq_predictor.adapters.scheduling.journal import JOB
from finq_predictor.adapters.scheduling.pushing import GATEWAY, NAME, UNTOLD, gateway_of, job_gauges, name_of, push
from finq_predictor.adapters.scheduling.scheduler import Means, Scheduler
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.scheduling.jobs import Job, Schedule
from finq_predictor.hooks.pushing import PushHooks
from prometheus_servers import promtool, running_push_gateway

P_AT_SS = "$2b$04$abcdefghijklmnopqrstuux1xldIMZ95v8jSLOpqCBZ5kZ5M/8v4G"
"""What bcrypt makes of a password of four letters."""


@pytest.fixture
def gateway() -> Iterator[str]:
    with running_push_gateway() as url:
        yield url


def told(url: str) -> dict[tuple[str, str], float]:
    text = httpx.get(f"{url}/metrics", timeout=10).text
    found = {(name, labels.get("job", "")): value for name, labels, value in parsed(text, url)}
    return {key: value for key, value in found.items() if key[0].startswith("finq_")}


def kedro_run(project: Path, data: Path, more: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    words = ["--env", "test", "--pipelines=ingestion", "--namespaces=ingestion.fx"]
    command = [sys.executable, "-m", "kedro", "run", *words, "--params", f"data_root={data}{more}"]
    environment = {**os.environ, **variables}
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=300, env=environment)


@pytest.mark.slow
def test_a_run_tells_how_it_ended_and_a_failure_leaves_the_last_success(gateway, project_path, tmp_path):
    before = datetime.now(UTC).timestamp()
    assert kedro_run(project_path, tmp_path, **{GATEWAY: gateway, NAME: "collection"}).returncode == 0
    well = told(gateway)
    assert well["finq_job_last_success_timestamp_seconds", "collection"] >= before
    assert well["finq_job_last_duration_seconds", "collection"] > 0.0
    assert well["finq_job_failed_status", "collection"] == 0.0
    stopped = kedro_run(
        project_path, tmp_path, ",fx.ingestion.gates.min_instruments=500", **{GATEWAY: gateway, NAME: "collection"}
    )
    assert stopped.returncode == 1
    ill = told(gateway)
    assert ill["finq_job_failed_status", "collection"] == 1.0
    success = ("finq_job_last_success_timestamp_seconds", "collection")
    assert ill[success] == well[success]


def test_what_it_holds_is_as_promtool_wants_it(gateway):
    assert push(
        gateway_of({GATEWAY: gateway}), "a", job_gauges("a", 2.5, datetime(2024, 1, 1, tzinfo=UTC), failed=False)
    )
    text = "\n".join(line for line in httpx.get(f"{gateway}/metrics", timeout=10).text.splitlines() if "finq_" in line)
    checked = subprocess.run(
        [promtool(), "check", "metrics"], input=text + "\n", capture_output=True, text=True, timeout=30
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_a_gateway_that_is_away_is_told_in_the_log_and_stops_nothing(caplog, monkeypatch):
    monkeypatch.setenv(GATEWAY, "http://anna:secret-word@127.0.0.1:9")
    monkeypatch.delenv(JOB, raising=False)
    hooks = PushHooks()
    hooks.before_pipeline_run({"namespaces": ["features.fx"], "pipeline_names": ["fx"]})
    hooks.after_pipeline_run()
    assert "The push gateway at http://127.0.0.1:9 was not told of features.fx" in caplog.text
    assert "secret-word" not in caplog.text
    assert "secret-word" not in repr(gateway_of())


def test_a_user_is_named_to_the_gateway(tmp_path):
    gauges = job_gauges("a", 1.0, datetime.now(UTC), failed=True)
    config = tmp_path / "web.yml"
    config.write_text(f"basic_auth_users: {{anna: '{P_AT_SS}'}}")
    with running_push_gateway(f"--web.config.file={config}") as url:
        assert not push(gateway_of({GATEWAY: url}), "a", gauges)
        assert not push(gateway_of({GATEWAY: url.replace("http://", "http://anna:pass@")}), "a", gauges)
        assert push(gateway_of({GATEWAY: url.replace("http://", "http://anna:p%40ss@")}), "a", gauges)


def test_who_is_followed_by_our_scheduler_pushes_nothing(tmp_path, monkeypatch):
    """Whatever the environment of the scheduler says."""
    monkeypatch.setenv(GATEWAY, "http://127.0.0.1:9")
    seen = tmp_path / "seen"
    jobs = Schedule({"a": Job(command=["true"])})
    write = f"import os; open({str(seen)!r}, 'w').write(os.environ[{GATEWAY!r}] + os.environ[{JOB!r}])"
    scheduler = Scheduler(jobs, tmp_path / "schedule", Means({"a": [sys.executable, "-c", write]}, tmp_path))
    scheduler.work_once("a", threading.Event(), 1.0)
    scheduler.close()
    assert seen.read_text() == "a"
    assert gateway_of({**UNTOLD}) is None
    assert gateway_of({}) is None


def test_a_task_of_another_scheduler_goes_by_its_job_and_what_it_runs_of_it():
    assert name_of("ingestion", {JOB: "fx"}) == "fx_ingestion"
    assert name_of("monitoring", {JOB: "monitoring"}) == "monitoring"
    assert name_of("ingestion", {JOB: "fx", NAME: "mine"}) == "mine"
    assert name_of("fx", {}) == "fx"


@pytest.mark.parametrize("wrong", ["127.0.0.1:9091", "ftp://host", "http://"])
def test_an_address_that_is_none_is_refused_without_showing_it(wrong):
    with pytest.raises(ConfigurationError, match=r"FINQ_PUSH_GATEWAY holds no address; expected http://HOST:9091"):
        gateway_of({GATEWAY: wrong})


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"namespaces": ["features.fx", "features.equity"]}, "features.fx_features.equity"),
        ({"pipeline_names": ["fx"], "namespaces": None}, "fx"),
        ({}, "__default__"),
    ],
    ids=["namespaces", "pipelines", "all"],
)
def test_a_run_has_the_name_of_what_was_asked_for(monkeypatch, asked, name):
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.delenv(JOB, raising=False)
    hooks = PushHooks()
    hooks.before_pipeline_run(asked)
    assert hooks._job == name
