"""Whatever our own code imports is declared where it is installed for: what runs by default needs the core alone."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

SOURCE = Path(__file__).resolve().parents[2] / "src" / "finq_predictor"
# What is asked for by configuration only, each with the extra that brings it; without it a sentence says so.
ON_REQUEST = {
    "torch": "sequence",
    "transformers": "text",
    "statsforecast": "sequence",
    "skfolio": "portfolio",
    "sqlalchemy": "storage",
}
# Of an environment of its own, or for those who change the files that lie ready in deploy.
ELSEWHERE = {"pyspark", "feast", "grafana_foundation_sdk"}
BY_DEFAULT = ("domain", "pipelines", "reports", "hooks", "simulation")


def imported(file: Path) -> Iterator[str]:
    """Top names of what a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@cache
def declared() -> dict[str, frozenset[str]]:
    """Core and extras -> distributions that installing them brings, with all that those require."""
    project = tomllib.loads((SOURCE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {"core": project["dependencies"], **project["optional-dependencies"]}
    return {name: brought(frozenset(given)) for name, given in groups.items() if name != "all"}


def brought(wanted: frozenset[str]) -> frozenset[str]:
    """Everything that comes with what is wanted, as far as it is installed here."""
    found: set[str] = set()
    ahead = [Requirement(one) for one in wanted]
    asked: set[tuple[str, frozenset[str]]] = set()
    while ahead:
        one = ahead.pop()
        key = (plain(one.name), frozenset(one.extras))
        if key in asked:
            continue
        asked.add(key)
        found.add(key[0])
        try:
            needs = requires(one.name) or []
        except PackageNotFoundError:
            continue
        for need in map(Requirement, needs):
            worlds = [{"extra": extra} for extra in ("", *one.extras)]
            if need.marker is None or any(need.marker.evaluate(world) for world in worlds):
                ahead.append(need)
    return frozenset(found)


def plain(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def third_party(folder: str) -> dict[str, set[str]]:
    """Module -> files below a folder that import it."""
    found: dict[str, set[str]] = {}
    for file in sorted((SOURCE / folder).rglob("*.py")):
        for name in set(imported(file)) - {"finq_predictor", "__future__", "_typeshed"} - set(sys.stdlib_module_names):
            found.setdefault(name, set()).add(file.relative_to(SOURCE).as_posix())
    return found


@pytest.mark.parametrize("folder", list(BY_DEFAULT))
def test_what_runs_by_default_needs_the_core_alone(folder):
    names = packages_distributions()
    core = declared()["core"]
    lacking = {}
    for module, files in third_party(folder).items():
        if module in ELSEWHERE or module in ON_REQUEST:
            continue
        if not core & {plain(one) for one in names.get(module, [module])}:
            lacking[module] = sorted(files)
    assert lacking == {}


def test_what_is_asked_for_is_in_the_extra_that_is_named():
    names = packages_distributions()
    for module, extra in ON_REQUEST.items():
        assert declared()[extra] & {plain(one) for one in names.get(module, [module])}, module


def test_nothing_is_imported_that_only_tests_install():
    names = packages_distributions()
    mine = frozenset().union(*(given for name, given in declared().items() if name != "dev"))
    lacking = {
        module: sorted(files)
        for module, files in third_party("").items()
        if module not in ELSEWHERE and not mine & {plain(one) for one in names.get(module, [module])}
    }
    assert lacking == {}
