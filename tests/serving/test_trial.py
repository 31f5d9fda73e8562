"""Whatever a new model does to the process that loads it, the one that serves lives on with the former model."""

from __future__ import annotations

import json
import os
import shutil
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from finq_predictor.adapters.bundle_store import load_bundle, save_bundle
from finq_predictor.adapters.layout import Layout, locate
from finq_predictor.adapters.snapshots import writer
from finq_predictor.adapters.snapshots.store import path_of
from finq_predictor.domain.errors import StoreError
from finq_predictor.serving import trial
from finq_predictor.serving.inference import Models, identity
from finq_predictor.serving.settings import Settings
from finq_predictor.serving.trial import load_tried
from serving import small_market
from serving.servers import UVICORN, serving
from synthetic_values import make_version

# A library that does something to its process when a model is loaded.
LIBRARIES = {
    "dies": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
    "aborts": "import os\nos.abort()",
    "leaves": "import os\nos._exit(3)",
    "hangs": "import time\ntime.sleep(600)",
    "grows": "kept = bytearray(64 * 2**30)",
    "lies": """
import numpy as np
class Booster:
    def __init__(self, model_file): pass
    def set_param(self, param): pass
    def inplace_predict(self, matrix, validate_features): return np.full(len(matrix), 0.25, np.float32)
__version__ = "99.0.0"
class core:
    XGBoostError = ArithmeticError
""",
}
SAID = {
    "dies": "was ended by SIGSEGV",
    "aborts": "was ended by SIGABRT",
    "leaves": "failed: status 3",
    "hangs": "took longer than 8 s",
    "grows": "failed: MemoryError",
    "lies": "gave other numbers in its trial than here",
}


@pytest.fixture
def champion(two_markets) -> Path:
    """The folder of a model of trees."""
    return path_of(two_markets, "fx", "champion")


@pytest.fixture(autouse=True)
def nothing_tried(monkeypatch):
    monkeypatch.setattr(trial, "_tried", set())


def _library(folder: Path, code: str) -> str:
    """A folder in which a library of trees lies that runs some code when it is imported."""
    (folder / "xgboost").mkdir(parents=True)
    (folder / "xgboost" / "__init__.py").write_text(code)
    return str(folder)


def test_a_model_is_tried_once_and_read_as_ever(champion, caplog):
    with caplog.at_level("INFO"):
        first = load_tried(champion, 60.0)
    assert "was tried within" in caplog.text
    assert identity(first) == identity(load_bundle(champion))
    started = time.monotonic()
    again = load_tried(champion, 60.0)
    assert time.monotonic() - started < 1.0, "the second time there is no trial"
    assert trial.ask(again) == trial.ask(first)


@pytest.mark.parametrize("deed", LIBRARIES)
def test_what_a_model_does_to_its_process_is_told(deed, champion, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([_library(tmp_path, LIBRARIES[deed]), os.environ["PYTHONPATH"]]))
    with pytest.raises(StoreError, match=SAID[deed]):
        load_tried(champion, 8.0 if deed == "hangs" else 120.0)
    assert trial._tried == set()


def test_what_is_refused_in_the_trial_is_told_as_it_is_here(champion, tmp_path):
    folder = Path(shutil.copytree(champion, tmp_path / "model"))
    _craft(folder)
    with pytest.raises(StoreError, match="asks for a feature that is none of the"):
        load_tried(folder, 60.0)


def test_a_model_that_needs_all_libraries_is_tried_with_them(champion, tmp_path, monkeypatch):
    """Scikit-learn is left out of a trial unless it is asked for."""
    library = LIBRARIES["lies"] + "\nimport sklearn.linear_model\nraise SystemExit(7)"
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([_library(tmp_path, library), os.environ["PYTHONPATH"]]))
    with pytest.raises(StoreError, match="status 7"):
        load_tried(champion, 60.0)


def test_of_processes_of_one_server_one_tries_for_all(champion, tmp_path, monkeypatch):
    """Four workers that start together would make eight trials, on the processors they start on."""
    monkeypatch.setenv("FINQ_TRIALS_FOLDER", str(tmp_path))
    bundle = load_tried(champion, 60.0)
    monkeypatch.setattr(trial, "_tried", set())  # as in another process
    monkeypatch.setattr(trial.subprocess, "run", lambda *_, **__: pytest.fail("it was tried again"))
    assert trial.ask(load_tried(champion, 60.0)) == trial.ask(bundle)
    (kept,) = tmp_path.glob("*.json")
    kept.write_text(json.dumps([[0.5, 0.5]]))
    monkeypatch.setattr(trial, "_tried", set())
    with pytest.raises(StoreError, match="other numbers in its trial"):
        load_tried(champion, 60.0)


def test_a_trial_knows_no_key(champion, tmp_path, monkeypatch):
    monkeypatch.setenv("FINQ_SIGNING_KEY", "k" * 32)
    told = f"import os\nopen({str(tmp_path / 'told')!r}, 'w').write(repr(dict(os.environ)))\nraise SystemExit(5)"
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([_library(tmp_path, told), os.environ["PYTHONPATH"]]))
    save_bundle(_unsigned(champion, monkeypatch), tmp_path / "signed")
    with pytest.raises(StoreError, match="status 5"):
        load_tried(tmp_path / "signed", 60.0)
    assert "OMP_NUM_THREADS" in (tmp_path / "told").read_text()
    assert "FINQ_SIGNING_KEY" not in (tmp_path / "told").read_text()


def _unsigned(folder, monkeypatch):
    with monkeypatch.context() as without:
        without.delenv("FINQ_SIGNING_KEY")
        return load_bundle(folder)


def test_the_inference_service_tries_its_models_too(own_root, tmp_path, monkeypatch):
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([_library(tmp_path, LIBRARIES["aborts"]), os.environ["PYTHONPATH"]])
    )
    models = Models(Settings(data_root=own_root))
    models.refresh()
    (said,) = models.score([{"market": "fx", "model": {}, "rows": []}])
    assert "was ended by SIGABRT" in said["problem"]


def _craft(folder: Path) -> None:
    """Trees that ask for features far behind the last one, with right checksums."""
    state = json.loads((folder / "model.json").read_text())
    booster = json.loads(state["learned"]["booster"])
    for tree in booster["learner"]["gradient_booster"]["model"]["trees"]:
        tree["split_indices"][0] = 10**8
    state["learned"]["booster"] = json.dumps(booster)
    (folder / "model.json").write_text(json.dumps(state))
    sums = json.loads((folder / "checksums.json").read_text())
    sums["sha256"]["model.json"] = sha256((folder / "model.json").read_bytes()).hexdigest()
    (folder / "checksums.json").write_text(json.dumps(sums))


def _equity(url: str) -> dict[str, Any]:
    standing: dict[str, Any] = httpx.get(f"{url}/ready", timeout=30).json()["markets"]["equity"]
    return standing


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "said"), [(None, "asks for a feature that is none"), ("dies", "was ended by SIGSEGV")]
)
def test_a_server_outlives_a_model_that_kills(library, said, own_root, two_markets, tmp_path):
    """A crafted champion is put in the place of a good one while requests run."""
    place, whole = locate(Layout(own_root).champion("equity")), path_of(two_markets, "fx", "champion")
    variables = {"FINQ_DATA_ROOT": str(own_root), "FINQ_MARKETS": "equity", "FINQ_POLL_SECONDS": "0.1"}
    if library is not None:
        variables["PYTHONPATH"] = os.pathsep.join([_library(tmp_path, LIBRARIES[library]), os.environ["PYTHONPATH"]])

    def craft(folder: Path) -> None:
        if library is None:
            shutil.copytree(whole, folder, dirs_exist_ok=True)
            _craft(folder)
        else:
            bundle = small_market.champion(two_markets, "fx").registered_as(make_version("66"))
            save_bundle(bundle, folder)

    with serving(UVICORN, tmp_path, **variables) as url:
        before = httpx.post(f"{url}/predict", json={"instrument": "AAPL"}, timeout=30).json()
        writer.store(place, craft)
        end = time.monotonic() + 60
        # The whole can be degraded for another reason, as a keeper that is slow to begin: this market has to be.
        while (state := _equity(url))["status"] != "degraded" and time.monotonic() < end:
            after = httpx.post(f"{url}/predict", json={"instrument": "AAPL"}, timeout=30).json()
            assert after["probability"] == before["probability"]
        assert said in (state["reason"] or ""), state
        assert state["model"]["version"] == "1"
        assert httpx.post(f"{url}/predict", json={"instrument": "AAPL"}, timeout=30).status_code == 200


def test_what_was_tried_ahead_is_not_tried_again_and_a_fault_is_left_to_whoever_loads(champion, tmp_path, monkeypatch):
    place, absent = tmp_path / "trials", tmp_path / "absent"
    place.mkdir()
    trial.try_ahead([absent, champion], 60.0, place)
    (kept,) = place.glob("*.json")
    monkeypatch.setenv(trial.TRIALS, str(place))
    monkeypatch.setattr(trial, "_try", lambda *_: pytest.fail("it was tried already"))
    bundle = load_tried(champion, 60.0)
    assert trial.ask(bundle) == json.loads(kept.read_text())
