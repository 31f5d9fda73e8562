"""Experiments and models on a server of MLflow, named by the variable that everybody knows."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from finq_predictor.adapters.datasets.registry import ChampionDataset
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.model_registry import ModelRegistry, Registration
from finq_predictor.adapters.tracking import connect, tracking_uri_of
from finq_predictor.domain.errors import ConfigurationError, StoreError
from redis_server import free_port
from synthetic_evaluation import make_world
from synthetic_values import make_decision


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracking")
    port = free_port()
    store = f"sqlite:///{folder / 'server.db'}"
    # As every store is made, in one process: the server would make it in several.
    connect(store).search_experiments()
    words = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--backend-store-uri", store]
    program = Path(sys.executable).with_name("mlflow")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [program, "server", *words, "--artifacts-destination", str(folder / "files")],
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
    try:
        end = time.monotonic() + 120
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 200:
                    break
            except httpx.HTTPError:
                assert process.poll() is None, (folder / "log").read_text()[-2000:]
                assert time.monotonic() < end, (folder / "log").read_text()[-2000:]
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def test_a_model_is_registered_on_the_server_and_served_from_its_export(server, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    layout, world = Layout(tmp_path), make_world(days=200, instruments=10)
    place = {
        "market": "equity",
        "tracking_uri": tracking_uri_of(layout),
        "artifact_root": str(layout.artifacts),
        "export_dir": str(layout.champion("equity")),
    }
    assert place["tracking_uri"] == server
    bundle, oos = world["candidates"]["logistic"], world["oos_predictions"]
    tags = {"model": "logistic", "model_hash": "x", "source_id": "simulated-0", "simulated": "true"}
    dataset = ChampionDataset(**place)
    dataset.save(
        Registration(
            decision=make_decision("promote", "logistic"),
            bundle=bundle,
            oos=oos[oos["model"] == "logistic"],
            importance=bundle.model.importance(),
            tags=tags,
        )
    )
    assert dataset.load().version == "1"
    assert ModelRegistry(**place).load_version("1").name == "logistic"
    # Everything lies with the server, and nothing beside the data but what is served.
    assert not layout.database.exists()
    assert not layout.artifacts.exists()
    (run,) = connect(server).search_runs([connect(server).get_experiment_by_name("finq-equity").experiment_id])
    assert run.info.artifact_uri.startswith("mlflow-artifacts:")


def test_every_dataset_that_tracks_takes_it_and_the_environment_is_left_as_it_was(project_path, tmp_path, monkeypatch):
    def tracked() -> str:
        with KedroSession.create(project_path, runtime_params={"data_root": str(tmp_path)}) as session:
            catalog = session.load_context().catalog
            assert (
                catalog.get("fx.champion").registry.tracking_uri == catalog.get("fx.tracked_run").tracker.tracking_uri
            )
            return catalog.get("fx.champion").registry.tracking_uri

    bootstrap_project(project_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert tracked() == Layout(tmp_path).tracking_uri
    # MLflow would hand the store of that run on to the next one, and to every process that is started from here.
    assert "MLFLOW_TRACKING_URI" not in os.environ
    elsewhere = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", elsewhere)
    assert tracked() == elsewhere
    assert os.environ["MLFLOW_TRACKING_URI"] == elsewhere
    monkeypatch.setenv("FINQ_TRACKING_URI", f"sqlite:///{tmp_path / 'ours.db'}")
    assert tracked().endswith("ours.db")


def test_what_mlflow_left_in_the_environment_is_not_what_somebody_said(tmp_path, monkeypatch):
    """It writes there whatever it is told to use; every other folder of data of the process then seemed to be empty."""
    import mlflow

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    before = mlflow.get_tracking_uri()
    try:
        mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'left.db'}")
        assert os.environ["MLFLOW_TRACKING_URI"].endswith("left.db")
        assert tracking_uri_of(Layout(tmp_path)) == Layout(tmp_path).tracking_uri
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'said.db'}")
        assert tracking_uri_of(Layout(tmp_path)).endswith("said.db")
        mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'said.db'}")
        assert tracking_uri_of(Layout(tmp_path)).endswith("said.db")
    finally:
        mlflow.set_tracking_uri(before)


def test_a_run_refuses_what_nobody_reads(project_path, tmp_path, monkeypatch):
    bootstrap_project(project_path)
    monkeypatch.setenv("FINQ_SIGNNG_KEY", "hid4en")
    with (
        KedroSession.create(project_path, runtime_params={"data_root": str(tmp_path)}) as session,
        pytest.raises(ConfigurationError, match=r"FINQ_SIGNNG_KEY .did you mean FINQ_SIGNING_KEY") as refused,
    ):
        session.load_context()
    assert "hid4en" not in str(refused.value)
    assert not any(tmp_path.iterdir())


def test_the_password_of_a_store_is_shown_nowhere(tmp_path):
    store = f"sqlite://user:hid4en@{tmp_path / 'x.db'}"
    registry = ModelRegistry("fx", store, tmp_path, Layout(tmp_path).champion("fx"))
    registry.champion = lambda: None
    with pytest.raises(StoreError, match="No champion is registered") as raised:
        registry.load_champion()
    assert "hid4en" not in str(raised.value)
