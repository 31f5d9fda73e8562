from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from finq_predictor.adapters.distributions import needed_by
from finq_predictor.adapters.layout import Layout, versions_of
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.models import MODELS
from serving.servers import BIN, serving

DATA = Layout(Path("data"))


@pytest.fixture(scope="module")
def bento(project_path, two_markets, tmp_path_factory) -> Path:
    """A bento built as a user builds it, in a copy of the project."""
    copy = tmp_path_factory.mktemp("project")
    shutil.copytree(project_path / "bentos", copy / "bentos")
    shutil.copytree(project_path / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(project_path / "constraints.txt", copy)
    variables = os.environ | {"BENTOML_HOME": str(copy / "home"), "FINQ_DATA_ROOT": str(two_markets)}
    command = [str(BIN / "bentoml"), "build", "--output", "tag"]
    built = subprocess.run(command, cwd=copy / "bentos", env=variables, capture_output=True, text=True, timeout=180)
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    assert sorted(path.name for path in (copy / "bentos").iterdir() if path.name != "__pycache__") == [
        ".gitignore",
        "bentofile.yaml",
        "service.py",
        "staging.py",
    ]
    (found,) = (path for path in (copy / "home" / "bentos" / "finq-api").iterdir() if path.is_dir())
    return found


def test_bento_holds_package_models_data_and_pins(bento):
    inside = {str(path.relative_to(bento / "src")) for path in (bento / "src").rglob("*") if path.is_file()}
    for name in (
        "service.py",
        "finq_predictor/serving/app.py",
        "finq_predictor/serving/web/index.html",
        "finq_predictor/domain/modelling/prediction.py",
        *(f"data/snapshots/{market}/current" for market in MARKETS),
    ):
        assert name in inside
    for market in MARKETS:
        assert [path for path in inside if Path(path).is_relative_to(DATA.champion(market))]
        assert [path for path in inside if Path(path).is_relative_to(versions_of(DATA.silver(market, "bars")))]
    assert not [path for path in inside if "pipelines" in path or "/cli/" in path or "__pycache__" in path]
    pins = (bento / "env" / "python" / "requirements.txt").read_text()
    for names in needed_by(MODELS.values()):
        assert any(f"{name}==" in pins for name in names), names
    assert not {"mlflow", "kedro", "great-expectations"} & {line.split("==")[0] for line in pins.splitlines()}
    docker = (bento / "env" / "docker" / "Dockerfile").read_text()
    assert "libgomp1" in docker
    assert "BENTOML_HOST=0.0.0.0" in docker
    assert "FINQ_AUTH" not in docker, "who may ask is said by whoever runs it"


def test_bento_serves_by_itself(bento, tmp_path):
    command = (str(BIN / "bentoml"), "serve", str(bento), "--host", "127.0.0.1", "--port")
    with serving(command, tmp_path, seconds=240.0, PYTHONPATH=str(bento / "src")) as url:
        assert httpx.post(f"{url}/predict", json={"instrument": "AAPL"}, timeout=30).json()["market"] == "equity"


def test_what_is_staged_is_enough_to_load_every_market(project_path, two_markets, tmp_path):
    """The copies alone, in a process that finds no other package: what the service imports and reads."""
    for name in ("bentos", "src"):
        shutil.copytree(project_path / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(project_path / "constraints.txt", tmp_path)
    code = (
        "from pathlib import Path; import staging; staging.stage(Path.cwd());"
        "import finq_predictor; from finq_predictor.serving.store import load_market;"
        "from finq_predictor.serving.settings import Settings;"
        "from finq_predictor.domain.market.markets import MARKETS;"
        "assert Path(finq_predictor.__file__).is_relative_to(Path.cwd()), finq_predictor.__file__;"
        "print(sorted(load_market(Settings(data_root=Path('data')), one).market.name for one in MARKETS.values()))"
    )
    variables = {**os.environ, "FINQ_DATA_ROOT": str(two_markets), "PYTHONPATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "bentos",
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip() == str(sorted(MARKETS))
    assert not (tmp_path / "bentos" / "finq_predictor").exists()
