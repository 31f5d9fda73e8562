"""The rules of the house, held by machines."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from finq_predictor.domain.market import MARKETS

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


def test_the_domain_knows_no_machine(project_path):
    """No lock, clock, file, process or environment; what needs them lies above."""
    names = "asyncio|io|logging|multiprocessing|os|pathlib|shutil|socket|subprocess|tempfile|threading|time"
    machine = re.compile(rf"^\s*(?:import|from) ({names})\b", re.MULTILINE)
    found = {
        str(path.relative_to(project_path)): modules
        for path in (project_path / "src" / "finq_predictor" / "domain").rglob("*.py")
        if (modules := machine.findall(path.read_text(encoding="utf-8")))
    }
    assert not found


def test_only_the_layout_spells_where_data_lie(project_path):
    place = re.compile(r"0[1-6]_[a-z]+|mlflow\.db|mlartifacts")
    files = [file for folder in ("src", "bentos") for file in (project_path / folder).rglob("*") if file.is_file()]
    spelled = {
        str(file.relative_to(project_path))
        for file in files
        if file.suffix in {".py", ".j2", ".html", ".js", ".yaml"} and place.search(file.read_text(encoding="utf-8"))
    }
    assert spelled == {"src/finq_predictor/adapters/layout.py"}


NAMES_OF_MARKETS = "|".join(MARKETS)
# What asks a market or calendar for its name, or takes one answer for a sign of another; with a line that does so.
ASKING_FOR_A_NAME = {
    rf"""["'](?:{NAMES_OF_MARKETS})["']""": 'prices = OHLC if market == "fx" else ADJUSTED',
    r"""market\.name\s*(?:==|!=|(?:not )?in\b)""": "if market.name in names:",
    r"""\b(?:market|calendar)\s*(?:==|!=)\s*["']""": "{% if calendar == 'XNYS' %}",
    r"""["'](?:24/5|24/7|inferred|XNYS)["']""": 'opens = WEEK if calendar.code == "24/5" else NEVER',
    r"""\bnot\s+[\w.]*\.has_benchmark""": "pairs=not market.has_benchmark",
    r"""\bif\s+[\w.]*\.has_benchmark\s+else""": 'table = "bars" if market.has_benchmark else "quotes"',
}
# The market room itself, and the laboratory, where a market is invented under its name.
MAY_NAME_MARKETS = ("domain/market/", "simulation/", "adapters/sources/simulated.py")


def _asks_for_a_name(line: str) -> bool:
    return any(re.search(pattern, line) for pattern in ASKING_FOR_A_NAME)


@pytest.mark.parametrize("line", ASKING_FOR_A_NAME.values())
def test_the_search_for_names_of_markets_can_fail(line):
    assert _asks_for_a_name(line)


def test_nobody_asks_a_market_for_its_name(project_path):
    package = project_path / "src" / "finq_predictor"
    files = [path for path in package.rglob("*") if path.suffix in {".py", ".j2", ".html", ".js"}]
    files += [path for folder in ("conf", "bentos") for path in (project_path / folder).rglob("*.y*ml")]
    files += (project_path / "bentos").glob("*.py")
    allowed = tuple(f"{package}/{place}" for place in MAY_NAME_MARKETS)
    found = [
        f"{path.relative_to(project_path)}:{number}: {line.strip()}"
        for path in files
        if not str(path).startswith(allowed)
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if _asks_for_a_name(line)
    ]
    assert not found, "let the market answer, see finq_predictor.domain.market:\n" + "\n".join(found)


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
        # What it fits are models of that one file.
        told = [line.strip() for line in listed.splitlines() if library in line]
        assert f'"{library}": f"{{__name__}}.{library}:{library}",' in told
        assert all(re.fullmatch(rf'"\w+": f"{{__name__}}\.{library}:\w+",', line) for line in told)
        others = [path for path in models.glob("*.py") if path.name not in ("__init__.py", f"{library}.py")]
        assert not [path.name for path in others if library in path.read_text().lower()]
