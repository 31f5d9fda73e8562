"""The rules of the house, held by machines."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

FORBIDDEN_MODULES = {"utils", "helpers", "common", "misc"}


def _run(project_path: Path, *command: str) -> None:
    tool = Path(sys.executable).parent / command[0]
    result = subprocess.run([str(tool), *command[1:]], cwd=project_path, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]


def test_import_contracts_hold(project_path):
    _run(project_path, "lint-imports")


def test_types_are_strict(project_path):
    _run(project_path, "mypy")


@pytest.mark.parametrize("arguments", [("check", "."), ("format", "--check", ".")])
def test_style(project_path, arguments):
    _run(project_path, "ruff", *arguments)


def test_no_module_without_a_subject(project_path):
    stems = {path.stem.lstrip("_") for path in (project_path / "src").rglob("*.py")}
    assert not stems & FORBIDDEN_MODULES


def test_no_module_is_a_warehouse(project_path):
    long = {
        str(path): count
        for path in (project_path / "src").rglob("*.py")
        if (count := len(path.read_text().splitlines())) > 420
    }
    assert not long, f"split these modules: {long}"


def test_nothing_left_for_later(project_path):
    marker = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    left = [str(path) for path in (project_path / "src").rglob("*.py") if marker.search(path.read_text())]
    assert not left


def test_only_the_layout_spells_where_data_lie(project_path):
    place = re.compile(r"0[1-6]_[a-z]+|mlflow\.db|mlartifacts")
    files = [file for folder in ("src", "bentos") for file in (project_path / folder).rglob("*") if file.is_file()]
    spelled = {
        str(file.relative_to(project_path))
        for file in files
        if file.suffix in {".py", ".j2", ".html", ".js", ".yaml"} and place.search(file.read_text(encoding="utf-8"))
    }
    assert spelled == {"src/finq_predictor/adapters/layout.py"}


LIGHT = {
    "finq_predictor.pipeline_registry": {
        "mlflow",
        "great_expectations",
        "xgboost",
        "sklearn",
        "numba",
        "torch",
        "matplotlib",
    },
    "finq_predictor.cli": {"pandas", "numpy", "pydantic", "kedro"},
    "finq_predictor.settings": {"mlflow", "great_expectations", "xgboost", "sklearn", "numba", "torch", "matplotlib"},
    "finq_predictor.domain.market.markets": {"pandas", "numpy", "kedro"},
}


@pytest.mark.parametrize("module", sorted(LIGHT))
def test_import_stays_light(module):
    heavy = sorted(LIGHT[module])
    code = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert result.stdout.strip() == "[]", result.stdout + result.stderr


def test_only_a_model_itself_knows_its_library(project_path):
    """A library of a model is named in the model's own file and once in the registry, nowhere else in the code."""
    source = project_path / "src" / "finq_predictor"
    models = source / "domain" / "modelling" / "models"
    libraries = ("xgboost", "lightgbm", "booster")
    named = {
        f"{path.relative_to(source)}: {line.strip()}"
        for path in [*source.rglob("*.py"), *source.rglob("*.j2"), *(project_path / "bentos").glob("*.py")]
        if path.parent != models or path.name == "base.py"
        for line in path.read_text().splitlines()
        if any(library in line.lower() for library in libraries)
    }
    assert not named
    listed = (models / "__init__.py").read_text().lower()
    for library in ("xgboost", "lightgbm"):
        assert [line.strip() for line in listed.splitlines() if library in line] == [
            f'"{library}": f"{{__name__}}.{library}:{library}",'
        ]
        others = [path for path in models.glob("*.py") if path.name not in ("__init__.py", f"{library}.py")]
        assert not [path.name for path in others if library in path.read_text().lower()]
