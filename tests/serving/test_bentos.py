from __future__ import annotations

import ast
import importlib
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from importlib.metadata import distributions, packages_distributions
from pathlib import Path

import httpx
import psutil
import pytest
from packaging.utils import canonicalize_name

from finq_predictor.adapters.distributions import needed_by
from finq_predictor.adapters.layout import Layout, versions_of
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.models import MODELS
from finq_predictor.serving.access.callers import Role
from finq_predictor.serving.access.store import open_store
from serving import small_market
from serving.conftest import wait_until
from serving.read_only import read_only_but
from serving.servers import BIN, running

DATA = Layout(Path("data"))
STAGED = ("bentos", "src", "pyproject.toml", "constraints.txt")


def copied(project: Path, into: Path) -> Path:
    """What a build reads of the project, elsewhere."""
    for name in STAGED:
        if (project / name).is_dir():
            shutil.copytree(project / name, into / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(project / name, into)
    return into


@pytest.fixture(scope="module")
def bento(project_path, two_markets, tmp_path_factory) -> Path:
    """A bento built as a user builds it, in a copy of the project."""
    copy = copied(project_path, tmp_path_factory.mktemp("project"))
    variables = os.environ | {"BENTOML_HOME": str(copy / "home"), "FINQ_DATA_ROOT": str(two_markets)}
    command = [str(BIN / "bentoml"), "build", "--output", "tag"]
    built = subprocess.run(command, cwd=copy / "bentos", env=variables, capture_output=True, text=True, timeout=180)
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    assert sorted(path.name for path in (copy / "bentos").iterdir() if path.name != "__pycache__") == [
        ".gitignore",
        "Dockerfile.j2",
        "bentofile.yaml",
        "service.py",
        "staging.py",
    ]
    (found,) = (path for path in (copy / "home" / "bentos" / "finq-api").iterdir() if path.is_dir())
    return found


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    """The folder that is written into; its name leaves room for those of sockets."""
    with tempfile.TemporaryDirectory(prefix="finq", dir="/tmp") as folder:
        yield Path(folder)


def locked(bento: Path) -> dict[str, str]:
    """The versions of a bento's lock, by name."""
    lines = (bento / "env" / "python" / "requirements.txt").read_text().split()
    return dict(line.split("==") for line in lines)


def test_bento_holds_package_models_data_and_locks(bento, project_path):
    inside = {str(path.relative_to(bento / "src")) for path in (bento / "src").rglob("*") if path.is_file()}
    for name in (
        "service.py",
        "finq_predictor/serving/app.py",
        "finq_predictor/serving/web/index.html",
        "finq_predictor/domain/modelling/prediction.py",
        "finq_predictor/adapters/database/migrations/env.py",
        *(f"data/snapshots/{market}/current" for market in MARKETS),
    ):
        assert name in inside
    for market in MARKETS:
        assert [path for path in inside if Path(path).is_relative_to(DATA.champion(market))]
        assert [path for path in inside if Path(path).is_relative_to(versions_of(DATA.silver(market, "bars")))]
    assert not [path for path in inside if "pipelines" in path or "__pycache__" in path]
    assert not [path for path in inside if path.endswith((".key", ".db", ".pem")) or "07_access" in path], "no secrets"
    lock = locked(bento)
    for names in needed_by(MODELS.values()):
        assert any(name in lock for name in names), names
    assert "async-timeout" in lock, "redis needs it before Python 3.11.3, which Debian 12 has"
    assert not {"mlflow", "kedro", "great-expectations", "pytest"} & set(lock)
    pins = (project_path / "constraints.txt").read_text().splitlines()
    assert {f"{name}=={version}" for name, version in lock.items()} <= set(pins)


def test_the_image_is_not_root_and_tells_how_it_is(bento):
    docker = (bento / "env" / "docker" / "Dockerfile").read_text()
    last = docker[docker.rindex("\nFROM ") :]
    assert "libgomp1" in docker
    assert re.findall(r"^USER (.*)$", docker, flags=re.MULTILINE) == ["10001:10001"]
    assert re.findall(r"^VOLUME (.*)$", docker, flags=re.MULTILINE) == ["/var/lib/finq"], "one place to write"
    assert re.search(r"^HEALTHCHECK .*\n +CMD \[.*/ready", last, flags=re.MULTILINE)
    assert "--no-deps" in docker
    assert "pip check" in docker, "the lock is whole, and nothing else is installed"
    for variable in ("BENTOML_HOST=0.0.0.0", "FINQ_DATA_ROOT=/app/bento/src/data", "FINQ_STATE_ROOT=/var/lib/finq"):
        assert variable in last
    assert "FINQ_AUTH" not in docker, "who may ask is said by whoever runs it"
    assert not re.search(r"SECRET|TOKEN|PASSWORD|KEY=", docker), "secrets come when it is run"
    labels = set(re.findall(r"org\.opencontainers\.image\.(\w+)=", last))
    assert labels == {"title", "description", "version", "revision"}


# Whether the lock is whole --------------------------------------------------------------------------------------------


def imported(source: Path) -> Iterator[str]:
    """All modules that a file imports, at once or when something is called, but none for types alone."""

    def visit(node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            yield from visit(child)

    return visit(ast.parse(source.read_text()))


def file_of(source: Path, module: str) -> Path | None:
    place = source / Path(*module.split("."))
    return next((file for file in (place / "__init__.py", place.with_suffix(".py")) if file.exists()), None)


def owners(names: Iterable[str]) -> dict[str, set[str]]:
    """Which packages made each module, or what it lies in; several share a name such as `opentelemetry`."""
    modules: dict[str, set[str]] = {}
    first = {name.partition(".")[0] for name in names}
    for made in distributions():
        for file in made.files or ():
            if file.parts[0].removesuffix(".py") in first and file.suffix in (".py", ".so"):
                parts = file.with_name(file.name.partition(".")[0]).parts
                whole = parts[:-1] if parts[-1] == "__init__" else parts
                modules.setdefault(".".join(whole), set()).add(canonicalize_name(made.name))
    found = {}
    for name in names:
        parts = name.split(".")
        nearest = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        found[name] = next((modules[one] for one in nearest if one in modules), set())
    return found


def reached(source: Path, package: str) -> dict[str, set[str]]:
    """What others made and the modules of a package, or what those import of ours, may import; and who imports it."""
    waiting = [file.relative_to(source) for file in (source / Path(*package.split("."))).rglob("*.py")]
    modules = [".".join(file.with_suffix("").parts) for file in waiting]
    known: set[str] = set()
    foreign: dict[str, set[str]] = {}
    while modules:
        module = modules.pop()
        file = file_of(source, module)
        if module in known or file is None:
            continue
        known.add(module)
        for name in imported(file):
            first, *_ = parts = name.split(".")
            if first == "finq_predictor":
                modules += [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
            elif first not in sys.stdlib_module_names:
                foreign.setdefault(name, set()).add(module)
    return foreign


def test_the_lock_names_all_that_the_service_may_import_one_day(bento):
    """Also what is imported when a setting wants it, such as Redis, a vault or an issuer."""
    lock = set(locked(bento))
    foreign = reached(bento / "src", "finq_predictor.serving")
    assert {"redis", "limits", "jwt", "authlib", "argon2", "sqlalchemy", "tenacity"} <= {
        name.partition(".")[0] for name in foreign
    }
    lacking = {name: foreign[name] for name, who in owners(foreign).items() if not who & lock}
    # A name that several share is no module; and spans are sent where the extra `otel` is asked for.
    spared = {name for name in lacking if name == "opentelemetry" or name.startswith("opentelemetry.exporter.")}
    assert {name: sorted(lacking[name])[:3] for name in set(lacking) - spared} == {}


REFUSING = """
import sys
class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {refused!r}:
            raise ModuleNotFoundError(f"{{name}} is not in the lock", name=name)
sys.meta_path.insert(0, Refusing())
"""


@pytest.fixture(scope="module")
def lock_alone(bento, tmp_path_factory) -> Path:
    """A folder with which Python finds no library outside of the lock, as in an image, in whatever process."""
    folder, lock = tmp_path_factory.mktemp("lock_alone"), {*locked(bento), "finq-predictor"}
    made_by = packages_distributions()
    refused = {name for name, who in made_by.items() if not {canonicalize_name(one) for one in who} & lock}
    assert {"kedro", "mlflow", "pytest", "pip", "setuptools"} <= refused
    (folder / "sitecustomize.py").write_text(REFUSING.format(refused=refused))
    return folder


def test_a_champion_of_any_kind_answers_with_the_lock_alone(lock_alone, bento, tmp_path):
    """The two of the bento are served below."""
    small_market.build(tmp_path, "fx", bars=300, model="lightgbm")
    code = (
        "from finq_predictor.adapters.snapshots.store import path_of; from finq_predictor.serving.trial import ask;"
        "from finq_predictor.adapters.bundle_store import load_bundle;"
        f"print(len(ask(load_bundle(path_of({str(tmp_path)!r}, 'fx', 'champion')))), 'rows')"
    )
    variables = {**os.environ, "PYTHONPATH": f"{lock_alone}:{bento / 'src'}"}
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip() == "15 rows"


def test_a_package_that_is_pinned_nowhere_stops_the_build(project_path, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(project_path / "bentos")
    staging = importlib.import_module("staging")
    pins = tmp_path / "constraints.txt"
    # It is needed by something that is needed by what the service imports.
    pins.write_text(re.sub(r"(?m)^six==.*\n", "", (project_path / "constraints.txt").read_text()))
    with pytest.raises(SystemExit, match="does not pin six; run `make lock`"):
        staging.locked(project_path / "pyproject.toml", pins)


def test_another_extra_is_locked_where_it_is_asked_for(project_path, monkeypatch):
    monkeypatch.syspath_prepend(project_path / "bentos")
    staging = importlib.import_module("staging")
    files = (project_path / "pyproject.toml", project_path / "constraints.txt")
    assert "boto3==" not in staging.locked(*files)
    monkeypatch.setenv("FINQ_BENTO_EXTRAS", "storage")
    assert "boto3==" in staging.locked(*files)


# As it is started in an image -----------------------------------------------------------------------------------------


def stored(state: Path) -> int:
    """How many predictions are in the store, as far as there is one."""
    try:
        with closing(sqlite3.connect(f"file:{Layout(state).store}?mode=ro", uri=True)) as opened:
            return int(opened.execute("select count(*) from served_predictions").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def test_bento_serves_where_it_may_write_into_one_folder_only(bento, lock_alone, state, tmp_path):
    """With the lock alone; nothing is written beside code and data, and it ends within seconds of SIGTERM."""
    accounts = open_store(state, make=True)
    accounts.add_account("desk", Role.PREDICTOR)
    key = {"Authorization": f"Bearer {accounts.make_key('desk').text}"}
    before = {path: path.stat().st_mtime_ns for path in bento.rglob("*")}
    command = (*read_only_but(state), sys.executable, "-m", "finq_predictor.serving.container", "--port")
    variables = {
        "BENTO_PATH": str(bento),
        "BENTOML_HOST": "0.0.0.0",
        "FINQ_DATA_ROOT": str(bento / "src" / "data"),
        "FINQ_STATE_ROOT": str(state),
        "HOME": "/nonexistent",
        "PYTHONPATH": f"{lock_alone}:{bento / 'src'}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with running(command, tmp_path, seconds=240.0, **variables) as server:
        assert httpx.get(f"{server.url}/ready", timeout=30).json()["status"] == "ok", "no part of it is in trouble"
        asked = {"url": f"{server.url}/predict", "json": {"instrument": "AAPL"}, "timeout": 30}
        assert httpx.post(**asked).status_code == 401
        answer = httpx.post(**asked, headers=key).json()
        assert (answer["market"], answer["recorded"]) == ("equity", True)
        assert "finq_ready 1" in httpx.get(f"{server.url}/metrics", headers=key, timeout=30).text
        wait_until(lambda: stored(state) == 1, 60)
        os.kill(server.pid, signal.SIGTERM)
        psutil.Process(server.pid).wait(timeout=20)
        assert "Traceback" not in server.log.read_text()
    assert {path: path.stat().st_mtime_ns for path in bento.rglob("*")} == before
