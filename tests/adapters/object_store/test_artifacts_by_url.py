"""Experiments and registered models whose files lie in an object store."""

from __future__ import annotations

import shutil

import pytest
from kedro.config import OmegaConfigLoader

from finq_predictor.adapters.bundle_store import load_bundle
from finq_predictor.adapters.datasets.registry import ChampionDataset, IncumbentDataset
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.model_registry import Registration
from finq_predictor.adapters.snapshots.store import path_of
from finq_predictor.adapters.tracking import connect
from finq_predictor.settings import CONFIG_LOADER_ARGS
from synthetic_evaluation import make_world
from synthetic_values import make_decision

# Known warnings of MLflow's own imports.
KNOWN = ("The ``noload``", ".*Add type hints to the `predict`", ".*Any type hint is inferred")
pytestmark = [pytest.mark.filterwarnings(f"ignore:{text}") for text in KNOWN]
ROOT = "s3://house/mlartifacts"


def test_a_champion_lies_there_and_is_exported_here(bucket, tmp_path):
    """One run and its model; the database is a copy's as much as the original's."""
    world, old, new = make_world(days=200, instruments=10), tmp_path / "old", tmp_path / "new"
    place = {
        "market": "equity",
        "tracking_uri": Layout(old).tracking_uri,
        "artifact_root": ROOT,
        "export_dir": str(Layout(old).champion("equity")),
    }
    oos = world["oos_predictions"]
    registration = Registration(
        make_decision("promote", "logistic"),
        world["candidates"]["logistic"],
        oos[oos["model"] == "logistic"],
        {"a": 1.0},
        {"model": "logistic", "simulated": "true"},
    )
    ChampionDataset(**place).save(registration)
    assert load_bundle(path_of(old, "equity", "champion")).name == "logistic"
    assert IncumbentDataset(**place).load().importance == {"a": 1.0}
    there = [each["Key"] for each in bucket.list_objects_v2(Bucket="house")["Contents"]]
    assert all(key.startswith("mlartifacts/finq-equity/") for key in there)
    assert not Layout(old).artifacts.exists()
    # A folder that was moved finds its own files; those of the store lie where they lay.
    shutil.copytree(old, new)
    (found,) = connect(Layout(new).tracking_uri).search_model_versions()
    assert found.source.startswith(f"{ROOT}/finq-equity/")


def test_the_configuration_takes_a_url(project_path, monkeypatch):
    monkeypatch.chdir(project_path)
    options = {"env": "test", "runtime_params": {"artifact_root": ROOT}}
    loader = OmegaConfigLoader(str(project_path / "conf"), **options, **CONFIG_LOADER_ARGS)
    assert loader["catalog"]["{market}.champion"]["artifact_root"] == ROOT
    assert loader["mlflow"]["tracking"]["experiment"]["create_experiment_kwargs"] == {"artifact_location": ROOT}
