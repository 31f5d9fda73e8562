"""The environment that has PySpark, for tests that start something in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent
PYTHON = PROJECT / ".venv-spark" / "bin" / "python"


def require() -> None:
    """Skip where Java or PySpark cannot be had."""
    if not PYTHON.exists():
        pytest.skip("no Spark environment: make .venv-spark/.ready makes it")
    if shutil.which("java") is None:
        pytest.skip("no Java: apt-get install openjdk-17-jre-headless installs it")


def run(script: Path, *words: str, timeout: int = 500) -> str:
    """Run a script with Spark; returns what it printed."""
    require()
    path = os.pathsep.join(map(str, (PROJECT / "src", PROJECT / "tests", HERE)))
    done = subprocess.run(
        [PYTHON, script, *words],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-5000:]
    return done.stdout
