"""A real Airflow for tests: all its processes, in its own environment, over a real PostgreSQL."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from postgres_server import free_port

LONGEST_START_S = 90.0
PARTS = ("api-server", "scheduler", "dag-processor", "triggerer")
DONE = ("success", "failed", "skipped", "upstream_failed", "removed")


def airflow_python(project: Path) -> Path:
    """The interpreter of Airflow's environment."""
    python = project / ".venv-airflow" / "bin" / "python"
    if not python.exists():
        pytest.skip("no Airflow environment: `make test` makes .venv-airflow")
    return python


def environment(project: Path, home: Path, database: str, **more: str) -> dict[str, str]:
    """Everything that Airflow's processes are told; of this process's own settings nothing reaches them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "FINQ_", "PYTEST"))}
    return {
        **kept,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(project / "deploy" / "airflow" / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(project / "deploy" / "airflow" / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "FINQ_PROJECT": str(project),
        "FINQ_KEDRO": str(Path(sys.executable).parent / "kedro"),
        **more,
    }


@dataclass
class Airflow:
    """One that runs.

    Attributes:
        url: Where its API is.
        python: Its interpreter.
        variables: What its processes are told.
        processes: Its parts by name.
    """

    url: str
    python: Path
    variables: dict[str, str] = field(repr=False)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, repr=False)
    _token: str = field(default="", repr=False)

    @property
    def home(self) -> Path:
        return Path(self.variables["AIRFLOW_HOME"])

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one of its commands."""
        return subprocess.run(
            [self.python, "-m", "airflow", *words], env=self.variables, capture_output=True, text=True, timeout=180
        )

    def ask(self, path: str, content: Any = None, method: str | None = None) -> Any:
        """Ask its API."""
        body = None if content is None else json.dumps(content).encode()
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.code} {error.read().decode()}") from error

    def sign_in(self) -> None:
        self._token = self.ask("/auth/token")["access_token"]

    def unpause(self, dag: str) -> None:
        self.ask(f"/api/v2/dags/{dag}", {"is_paused": False}, "PATCH")

    def pause(self, dag: str) -> None:
        self.ask(f"/api/v2/dags/{dag}", {"is_paused": True}, "PATCH")

    def trigger(self, dag: str) -> str:
        """Start a run; returns its id."""
        return str(self.ask(f"/api/v2/dags/{dag}/dagRuns", {"logical_date": None})["dag_run_id"])

    def run(self, dag: str, run: str) -> dict[str, Any]:
        return dict(self.ask(f"/api/v2/dags/{dag}/dagRuns/{run}"))

    def runs(self, dag: str) -> list[dict[str, Any]]:
        return list(self.ask(f"/api/v2/dags/{dag}/dagRuns?order_by=id")["dag_runs"])

    def tasks(self, dag: str, run: str) -> dict[str, dict[str, Any]]:
        found = self.ask(f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances")["task_instances"]
        return {task["task_id"]: task for task in found}

    def events(self, asset: str) -> list[dict[str, Any]]:
        found = self.ask("/api/v2/assets/events?limit=200")["asset_events"]
        return [event for event in found if event["name"] == asset]

    def log(self, dag: str, run: str, task: str, attempt: int = 1) -> str:
        return json.dumps(self.ask(f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task}/logs/{attempt}"))

    def wait(self, what: Callable[[], Any], seconds: float, about: str = "") -> Any:
        """Wait until something is so, and give it."""
        end = time.monotonic() + seconds
        while not (found := what()):
            for name, process in self.processes.items():
                assert process.poll() is None, f"{name} ended: {self.said(name)}"
            assert time.monotonic() < end, f"{about or what} within {seconds} s; {self.said('scheduler')}"
            time.sleep(0.2)
        return found

    def ended(self, dag: str, run: str, seconds: float) -> str:
        """The state in which a run ended."""
        self.wait(lambda: self.run(dag, run)["state"] in DONE, seconds, f"{dag} did not end")
        return str(self.run(dag, run)["state"])

    def said(self, part: str) -> str:
        return (self.home / f"{part}.log").read_text(errors="replace")[-3000:]


@contextmanager
def running_airflow(python: Path, variables: dict[str, str], pools: Path, dags: int) -> Iterator[Airflow]:
    """Start all its processes and stop them again.

    Args:
        python: Its interpreter.
        variables: What it is told, see :func:`environment`.
        pools: File of the pools.
        dags: So many DAGs have to be known before it is given away.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    one = Airflow(
        url,
        python,
        {
            **variables,
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "16",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__INTERNAL_API_SECRET_KEY": "of-a-test",
            "AIRFLOW__API_AUTH__JWT_SECRET": "of-a-test-and-of-nothing-else-at-all",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": "of-a-test",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": f"{variables['AIRFLOW_HOME']}/logs",
        },
    )
    done = one.command("db", "migrate")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    done = one.command("pools", "import", str(pools))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    try:
        for part in PARTS:
            with (one.home / f"{part}.log").open("wb") as log:
                one.processes[part] = subprocess.Popen(
                    [python, "-m", "airflow", part],
                    env=one.variables,
                    stdout=log,
                    stderr=log,
                    cwd=one.home,
                    start_new_session=True,
                )
        one.wait(lambda: _answers(url), LONGEST_START_S, "the API")
        one.sign_in()
        one.wait(lambda: one.ask("/api/v2/dags?limit=100")["total_entries"] >= dags, LONGEST_START_S, "the DAGs")
        assert one.ask("/api/v2/importErrors")["import_errors"] == []
        yield one
    finally:
        # Nothing of theirs is kept; what a part started is of its session.
        for process in one.processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(15)
        _end_all_of(one.home)


def _end_all_of(home: Path) -> None:
    """End what tasks started, each in a session of its own: everything that was told this home."""
    mark = f"AIRFLOW_HOME={home}".encode()
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (place / "environ").read_bytes().split(b"\0"):
                os.kill(int(place.name), signal.SIGKILL)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/api/v2/monitor/health", timeout=5):
            return True
    except OSError:
        return False
