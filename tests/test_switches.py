from __future__ import annotations

import os
import subprocess
import sys

import pytest

from finq_predictor.switches import CONSOLE, TELEMETRY, set_switches

ALL = {**TELEMETRY, **CONSOLE}
# What is imported first in a process of each kind, and what its libraries then answer.
ENTRIES = {
    "kedro": "from kedro.framework.startup import bootstrap_project as b; from pathlib import Path; b(Path.cwd())\n"
    "from kedro.framework.project import settings; settings.HOOKS",
    "finq": "import finq_predictor.cli",
    "service": "import finq_predictor.serving.service\n"
    "from bentoml._internal.utils.analytics.usage_stats import do_not_track; assert do_not_track()",
    "mlflow": "import finq_predictor.settings\n"
    "from mlflow.telemetry.utils import is_telemetry_disabled; assert is_telemetry_disabled()",
}


def process(project_path, code: str, **environment: str) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in ALL}
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=project_path,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_switch_is_set_in_a_fresh_process(project_path, entry):
    shown = process(project_path, f"{ENTRIES[entry]}\nimport os; print({{n: os.environ.get(n) for n in {list(ALL)}}})")
    assert shown == str(ALL)


def test_what_a_person_has_set_stays(monkeypatch):
    monkeypatch.setenv("DO_NOT_TRACK", "true")
    monkeypatch.delenv("GX_ANALYTICS_ENABLED")
    set_switches()
    assert os.environ["DO_NOT_TRACK"] == "true"
    assert os.environ["GX_ANALYTICS_ENABLED"] == TELEMETRY["GX_ANALYTICS_ENABLED"]


def test_the_makefile_gives_them_to_all_it_starts(project_path):
    clean = {name: value for name, value in os.environ.items() if name not in ALL}
    command = ["make", "-s", "--eval", "show: ; @env", "show", f"PYTHON={sys.executable}"]
    shown = subprocess.run(command, cwd=project_path, env=clean, capture_output=True, text=True, check=True).stdout
    assert {f"{name}={value}" for name, value in ALL.items()} <= set(shown.splitlines())


def test_they_are_spelled_in_one_place(project_path):
    listed = subprocess.run(["git", "ls-files"], cwd=project_path, capture_output=True, text=True, check=True).stdout
    files = [project_path / name for name in listed.splitlines() if not name.startswith(("docs/", "tests/"))]
    texts = {file.relative_to(project_path): file.read_bytes() for file in files if file.is_file()}
    spelled = {str(file) for file, text in texts.items() for name in ALL if f"{name}".encode() in text}
    assert spelled == {"src/finq_predictor/switches.py"}
