"""Fixtures shared by all tests."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from finq_predictor.switches import set_switches

set_switches()
os.environ.setdefault("MPLBACKEND", "Agg")

PROJECT = Path(__file__).resolve().parents[1]

# What takes minutes begins first, so that no process is left alone with it at the end; the second needs no run of the
# small project, which the first one makes meanwhile.
LONG = (
    "e2e/test_small_project.py",
    "behaviour/test_signal_and_noise.py",
    "adapters/spark/test_spark_gold.py",
    "docs/test_extending.py",
    "deploy/test_airflow_runs.py",
    "chaos/test_chaos.py",
    "e2e/test_own_files.py",
    "docs/test_commands.py",
    "notebooks/test_notebooks.py",
    "e2e/test_console.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take long first; all others stay in their order."""
    rank = {PROJECT / "tests" / name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path, len(LONG)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Let every test find the loggers as they are after an import, whatever a run before it has configured."""
    logging.disable(logging.NOTSET)
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if name.partition(".")[0] == "finq_predictor" and isinstance(logger, logging.Logger):
            logger.disabled, logger.propagate, logger.handlers = False, True, []
            logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def project_path() -> Path:
    """The root of the project."""
    return PROJECT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real research data beside the checkout; it is never part of the project."""
    folder = PROJECT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real research data is not there: no folder {folder.name!r} in ../shared")
    return folder


def _made_by() -> str:
    """What the data of the small project depend on: this run of the tests, or the code and the configuration."""
    if session := os.environ.get("PYTEST_XDIST_TESTRUNUID"):
        return session
    digest = sha256()
    for folder, pattern in (("src", "*.py"), ("conf", "*.yml"), ("src", "*.j2")):
        for file in sorted((PROJECT / folder).rglob(pattern)):
            digest.update(file.relative_to(PROJECT).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


@pytest.fixture(scope="session")
def small_project() -> Iterator[Path]:
    """Data root of a whole run of both markets with ``--env test``, made once by the code that is tested.

    It is read by all tests; one that says something into it makes a copy first, and is named here else.
    """
    root = PROJECT / "data" / "test"
    stamp, made_by = root / ".made_by", _made_by()
    with FileLock(PROJECT / "data" / ".test.lock"):
        if not stamp.exists() or stamp.read_text() != made_by:
            shutil.rmtree(root, ignore_errors=True)
            command = [str(Path(sys.executable).parent / "kedro"), "run", "--env", "test"]
            result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=900)
            assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-5000:]
            stamp.write_text(made_by)
    yield root
    said = root / "05_predictions" / "served"
    assert not said.exists(), f"A test recorded answers below {said}, which is read by all; give it a state_root."


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server of the S3 protocol, shared by all tests of a process."""
    from s3_server import running_s3

    with running_s3(tmp_path_factory.mktemp("s3")) as address:
        yield address


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client for the bucket ``house``, which is the only one, with keys and server in the environment."""
    from s3_server import KEYS, make_bucket, tell

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {**KEYS, "AWS_ENDPOINT_URL_S3": s3_server}.items():
        monkeypatch.setenv(name, value)
    tell(s3_server, "reset")
    return make_bucket(s3_server, "house")


@pytest.fixture(autouse=True)
def _nothing_left_by_mlflow() -> Iterator[None]:
    """MLflow writes into the environment which store it was told to use; the next test would take it for a setting."""
    before = os.environ.get("MLFLOW_TRACKING_URI")
    yield
    if before is None:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    else:
        os.environ["MLFLOW_TRACKING_URI"] = before
