"""Every look into the environment is at a variable that is declared, and every declared one is looked at."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from finq_predictor.adapters.environment.declared import DECLARED, FOREIGN
from finq_predictor.adapters.environment.variable import OUTSIDE, Reader, by_name
from finq_predictor.adapters.http.credentials import variable as of_provider
from finq_predictor.serving.settings import Settings, every_variable
from finq_predictor.serving.settings import variable as of_setting

# Where the environment itself is touched: the one place that reads it, and what sets switches before any import.
TOUCHING = {"adapters/environment/reading.py", "switches.py"}
READERS = {"value_of", "foreign", "hand_on", "take_back", "read_secret", "given_as", "plainly", "given_for"}
# Names that are made while the program runs; each of them begins with what is declared for many.
MADE = {
    "adapters/channels/base.py",
    "adapters/http/credentials.py",
    "adapters/secret_values.py",
    # Of each name of one variable, or of a list of constants.
    "adapters/archives/databases.py",
    "adapters/alarms/settings.py",
    "adapters/object_store/connection.py",
    "serving/access/token_keys.py",
    "serving/hosting.py",
    "serving/settings.py",
}
WORD = re.compile(r"\bFINQ_[A-Z][A-Z_]*[A-Z]\b")


def _modules(project_path: Path) -> Iterator[tuple[str, Path]]:
    source = project_path / "src" / "finq_predictor"
    yield from ((path.relative_to(source).as_posix(), path) for path in sorted(source.rglob("*.py")))


def _value(node: ast.expr, place: str) -> object:
    """What an expression of constants is, in its module."""
    name = "finq_predictor." + place.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return eval(compile(ast.Expression(node), place, "eval"), vars(importlib.import_module(name)).copy())


def _arguments(call: ast.Call) -> Iterator[ast.expr]:
    function = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    if function == "plainly":
        yield call.args[1]
    elif function in READERS:
        yield call.args[0]
    for word in call.keywords:
        if word.arg == "envvar":
            yield from word.value.elts if isinstance(word.value, ast.List) else [word.value]


def _reads(project_path: Path) -> tuple[dict[str, set[str]], list[str]]:
    """Names that are looked at, with the modules that do; and what could not be told without running it."""
    found: dict[str, set[str]] = {}
    unclear = []
    for place, path in _modules(project_path):
        if place.startswith("adapters/environment/"):
            continue
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            if isinstance(call.func, ast.Name) and call.func.id == "secret_of":
                try:
                    names = [of_provider(*(str(_value(one, place)) for one in call.args[:2]))]
                except NameError:
                    names = []
                    unclear.append(f"{place}:{call.lineno}")
            else:
                names = []
                for argument in _arguments(call):
                    try:
                        names.append(str(_value(argument, place)))
                    except (NameError, KeyError):
                        unclear.append(f"{place}:{call.lineno}")
            for name in names:
                found.setdefault(name if name not in Settings.model_fields else of_setting(name), set()).add(place)
    return found, unclear


@pytest.fixture(scope="module")
def reads(project_path):
    return _reads(project_path)


def test_nobody_else_touches_the_environment(project_path):
    touching = set()
    for place, path in _modules(project_path):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            attribute = isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv", "putenv")
            name = isinstance(node, ast.ImportFrom) and node.module == "os" and {one.name for one in node.names}
            if attribute or (name and name & {"environ", "getenv", "environb"}):
                touching.add(place)
    assert touching == TOUCHING


def test_what_is_read_is_declared(reads):
    found, unclear = reads
    assert {place.partition(":")[0] for place in unclear} <= MADE
    every = every_variable()
    unknown = {name: places for name, places in found.items() if name not in FOREIGN and by_name(every, name) is None}
    assert not unknown
    assert len(found) > 25


def test_what_is_declared_is_read(reads, project_path):
    found, _ = reads
    texts = {path: path.read_text(encoding="utf-8") for _, path in _modules(project_path)}
    written = {word for path, text in texts.items() if "environment" not in path.parts for word in WORD.findall(text)}
    unread = [
        one.name
        for one in DECLARED.values()
        if not set(one.readers) <= OUTSIDE
        and not (set(one.forms) & set(found))
        and not (one.name in written and Reader.PRODUCT in one.readers)
    ]
    # Read by the name of a channel, which is made while the program runs.
    assert sorted(unread) == ["FINQ_CHANNEL_<NAME>", "FINQ_CHANNEL_SLACK"]


def test_what_only_others_read_stands_in_their_files(project_path):
    folders = {
        Reader.COMPOSE: ("deploy/compose",),
        Reader.COLLECTOR: ("deploy/logging",),
        Reader.BUILD: ("bentos",),
        Reader.TESTS: ("tests",),
        Reader.AIRFLOW: ("deploy/airflow",),
    }
    here = Path(__file__)
    for one in DECLARED.values():
        for reader in OUTSIDE.intersection(one.readers):
            files = [
                path for folder in folders[reader] for path in (project_path / folder).rglob("*") if path.is_file()
            ]
            assert any(
                one.name in path.read_text(encoding="utf-8", errors="ignore") for path in files if path != here
            ), (one.name, reader)


def test_what_stands_in_files_around_the_code_is_declared(project_path):
    """Compose, the chart, images, builds, pages: a name that they give and nobody knows would be refused."""
    every = every_variable()
    folders = ("deploy", "bentos", "conf", ".github", "docs", "Makefile", "README.md")
    # Named by decisions, as what was once read or is a mistake.
    former = {"FINQ_PUBLIC", "FINQ_SIGNNG_KEY", "FINQ_X"}
    unknown: dict[str, set[str]] = {}
    for folder in folders:
        place = project_path / folder
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path.is_file() and path.suffix in (
                ".py",
                ".yml",
                ".yaml",
                ".md",
                ".sh",
                ".j2",
                ".conf",
                ".tpl",
                ".json",
                "",
            ):
                for name in set(WORD.findall(path.read_text(encoding="utf-8", errors="ignore"))) - former:
                    begins = any(other.startswith(f"{name}_") for other in every)
                    if by_name(every, name) is None and not name.startswith("FINQ_OWN") and not begins:
                        unknown.setdefault(name, set()).add(path.relative_to(project_path).as_posix())
    assert not unknown
