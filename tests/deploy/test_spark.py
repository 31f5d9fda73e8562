"""What deploy/spark installs is what runs, and an environment that borrows finds what the other one has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

PYTHON = Path(".venv-spark") / "bin" / "python"
ASK = (
    "import importlib.metadata as m, sys, json; "
    "print(json.dumps({name: m.version(name) for name in sys.argv[1:]} | {'kedro': m.version('kedro')}))"
)


def requirements(project_path: Path) -> dict[str, str]:
    lines = (project_path / "deploy" / "spark" / "requirements.txt").read_text().splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {one.name: str(one.specifier).removeprefix("==") for one in wanted}


def test_the_environment_has_what_is_pinned_and_borrows_the_rest(project_path):
    python = project_path / PYTHON
    if not python.exists():
        pytest.skip("no Spark environment: make .venv-spark/.ready makes it")
    pinned = requirements(project_path)
    done = subprocess.run([python, "-c", ASK, *pinned], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert all(f'"{name}": "{version}"' in done.stdout for name, version in pinned.items()), done.stdout


def test_none_of_it_is_pinned_twice(project_path):
    """What the product has too would be borrowed in one version and installed in another."""
    ours = {line.partition("==")[0] for line in (project_path / "constraints.txt").read_text().splitlines()}
    assert not ours & set(requirements(project_path))


def test_an_environment_borrows_the_packages_of_another(project_path, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "new"], check=True, timeout=120)
    python = tmp_path / "new" / "bin" / "python"
    script = project_path / "deploy" / "spark" / "borrow.py"
    assert subprocess.run([python, "-c", "import kedro"], capture_output=True, timeout=60).returncode != 0
    subprocess.run([python, script, sys.executable], check=True, timeout=60)
    assert subprocess.run([python, "-c", "import kedro"], capture_output=True, timeout=60).returncode == 0
