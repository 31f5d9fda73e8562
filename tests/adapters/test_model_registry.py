"""Registration, aliases, export and roll-back on a real MLflow store."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from mlflow import MlflowClient

from finq_predictor.adapters.bundle_store import load_bundle, save_bundle
from finq_predictor.adapters.champion_changes import roll_back
from finq_predictor.adapters.datasets.registry import ChampionDataset, IncumbentDataset
from finq_predictor.adapters.layout import Layout, locate
from finq_predictor.adapters.model_registry import ModelRegistry, Registration
from finq_predictor.adapters.snapshots import writer
from finq_predictor.adapters.snapshots.store import SnapshotStore, path_of
from finq_predictor.adapters.tracking import TrackedRun, connect
from finq_predictor.domain.errors import StoreError, UnknownNameError
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.calibration import PlattCalibrator
from finq_predictor.domain.modelling.origin import ModelStatus
from synthetic_evaluation import make_world
from synthetic_values import make_decision, make_version

# Known warnings of MLflow's own imports.
KNOWN = ("The ``noload``", ".*Add type hints to the `predict`", ".*Any type hint is inferred")
pytestmark = [pytest.mark.filterwarnings(f"ignore:{text}") for text in KNOWN]
NAME = "finq-equity-outperform"


@pytest.fixture(scope="module")
def world():
    return make_world(days=200, instruments=10)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """An empty store; making its tables takes seconds, copying it does not."""
    folder = tmp_path_factory.mktemp("store")
    connect(Layout(folder).tracking_uri).search_experiments()
    return Layout(folder).database


@pytest.fixture
def place(template, tmp_path):
    shutil.copy(template, Layout(tmp_path).database)
    return {
        "market": "equity",
        "tracking_uri": Layout(tmp_path).tracking_uri,
        "artifact_root": str(Layout(tmp_path).artifacts),
        "export_dir": str(Layout(tmp_path).champion("equity")),
    }


def exported(place) -> ModelBundle:
    where = locate(Path(place["export_dir"]))
    return load_bundle(path_of(where.root, where.market, where.dataset))


def registration(world, name: str = "logistic", decision: str = "promote") -> Registration:
    bundle = world["candidates"][name]
    oos = world["oos_predictions"]
    return Registration(
        decision=make_decision(decision, name),
        bundle=bundle,
        oos=oos[oos["model"] == name],
        importance=bundle.model.importance(),
        tags={"model": name, "model_hash": name, "source_id": "simulated-0", "simulated": "true"},
    )


def test_before_the_first_registration_there_is_nothing(place):
    assert IncumbentDataset(**place).load() is None
    assert not ChampionDataset(**place).exists()
    with pytest.raises(Exception, match=r"No champion is registered as 'finq-equity-outperform'.*kedro run"):
        ChampionDataset(**place).load()


def test_register_load_and_export(place, world):
    dataset = ChampionDataset(**place)
    dataset.save(registration(world))
    champion = dataset.load()
    assert (champion.version, champion.status) == ("1", ModelStatus.PROMOTED)
    copied = exported(place)
    assert copied.origin == champion.origin
    rows = world["gold"].head(50)
    pd.testing.assert_frame_equal(copied.predict(rows), world["candidates"]["logistic"].predict(rows))
    version = ModelRegistry(**place).champion()
    assert version.tags["simulated"] == "true"
    assert version.tags["reason"] == "because"
    assert sorted(version.aliases) == ["challenger", "champion"]


def test_the_incumbent_comes_back_with_its_evidence(place, world):
    ChampionDataset(**place).save(registration(world, "xgboost", "provisional"))
    incumbent = IncumbentDataset(**place).load()
    given = registration(world, "xgboost")
    assert (incumbent.version, incumbent.status, incumbent.model, incumbent.simulated) == (
        "1",
        "provisional",
        "xgboost",
        True,
    )
    assert incumbent.importance == pytest.approx(given.importance)
    pd.testing.assert_frame_equal(incumbent.oos, given.oos.reset_index(drop=True))


def test_a_successor_keeps_the_old_champion_for_roll_back(place, world):
    registry = ModelRegistry(**place)
    assert registry.register(registration(world)) == "1"
    assert registry.register(registration(world, "xgboost")) == "2"
    assert exported(place).name == "xgboost"
    assert roll_back(registry, reason="odd rankings").in_use == "1"
    assert exported(place).name == "logistic"
    assert roll_back(registry, reason="they were right").in_use == "2"


def test_versions_come_in_the_order_in_which_they_were_champion(place, monkeypatch):
    """The tenth comes after the ninth, in whatever order and type the store names them."""
    known = [SimpleNamespace(version=version, tags={}) for version in ("10", "2", "9", "11", "1")]
    client = SimpleNamespace(search_model_versions=lambda _: known)
    monkeypatch.setattr("finq_predictor.adapters.model_registry.connect", lambda _: client)
    monkeypatch.setattr(ModelRegistry, "_load", lambda _, version: version.version)
    assert ModelRegistry(**place).load_versions() == ["1", "2", "9", "10", "11"]


def test_there_is_no_way_back_from_the_first(place, world):
    registry = ModelRegistry(**place)
    registry.register(registration(world))
    with pytest.raises(StoreError, match="no previous champion"):
        roll_back(registry, reason="odd rankings")


def test_a_rejection_changes_nothing(place, world):
    registry = ModelRegistry(**place)
    registry.register(registration(world))
    assert registry.register(registration(world, "xgboost", "reject")) is None
    assert registry.load_champion().name == "logistic"
    assert len(connect(place["tracking_uri"]).search_model_versions(f"name='{NAME}'")) == 1


def test_a_champion_that_has_failed_is_demoted_and_says_so(place, world):
    dataset = ChampionDataset(**place)
    dataset.save(registration(world))
    failed = registration(world, "xgboost", "reject")
    dataset.save(replace(failed, decision=replace(failed.decision, demoted="It has failed since it was trained.")))
    champion = dataset.load()
    assert (champion.version, champion.name, champion.status) == ("1", "logistic", ModelStatus.PROVISIONAL)
    assert exported(place).status is ModelStatus.PROVISIONAL, "what serves says so, too"
    assert ModelRegistry(**place).champion().tags["demoted"] == "It has failed since it was trained."
    assert IncumbentDataset(**place).load().status is ModelStatus.PROVISIONAL


def test_a_version_whose_standing_was_lost_is_not_taken_for_a_promoted_one(place, world):
    registry = ModelRegistry(**place)
    registry.register(registration(world))
    client = connect(place["tracking_uri"])
    client.delete_model_version_tag(NAME, "1", "status")
    assert registry.load_champion().status is ModelStatus.PROVISIONAL
    assert IncumbentDataset(**place).load().status is ModelStatus.PROVISIONAL
    client.set_model_version_tag(NAME, "1", "status", "golden")
    with pytest.raises(UnknownNameError, match="golden"):
        registry.load_champion()


def test_a_flat_model_is_never_promoted(place, world):
    flat = replace(world["candidates"]["logistic"], calibrator=PlattCalibrator(0.0, -0.018))
    assert flat.is_flat
    assert not world["candidates"]["logistic"].is_flat
    with pytest.raises(Exception, match=r"logistic was to be promoted, but gives every row the same probability"):
        ChampionDataset(**place).save(replace(registration(world), bundle=flat))
    assert not ChampionDataset(**place).exists()
    ChampionDataset(**place).save(replace(registration(world, decision="provisional"), bundle=flat))
    assert ChampionDataset(**place).load().status is ModelStatus.PROVISIONAL


def test_the_incumbent_brings_its_own_bundle(place, world):
    ChampionDataset(**place).save(registration(world))
    incumbent = IncumbentDataset(**place).load()
    rows = world["gold"].head(20)
    pd.testing.assert_frame_equal(incumbent.bundle.predict(rows), world["candidates"]["logistic"].predict(rows))


def test_the_registry_wins_over_the_exported_folder(place, world, tmp_path):
    registry = ModelRegistry(**place)
    registry.register(registration(world))
    other = world["candidates"]["xgboost"].registered_as(make_version("9"))
    writer.store(locate(Path(place["export_dir"])), lambda folder: save_bundle(other, folder))
    assert registry.load_champion().name == "logistic"
    assert exported(place).version == "1"

    next(path_of(tmp_path, "equity", "champion").glob("model*")).write_text("damaged", encoding="utf-8")
    assert registry.load_champion().name == "logistic"

    shutil.rmtree(SnapshotStore(tmp_path, "equity").folder)
    registry.register(registration(world, "xgboost", "reject"))
    assert exported(place).name == "logistic"


def test_mlflow_itself_can_serve_the_registered_model(place, world):
    import mlflow

    registry = ModelRegistry(**place)
    registry.register(registration(world))
    source = registry.champion().source
    model = mlflow.pyfunc.load_model(source)
    rows = world["gold"].head(20)
    names = list(world["candidates"]["logistic"].feature_set.names)
    served = model.predict(rows[names])
    expected = world["candidates"]["logistic"].predict(rows)
    assert served["probability"].tolist() == expected["probability"].tolist()
    requirements = registry._local(source) / "requirements.txt"
    assert any(line.startswith("scikit-learn==") for line in requirements.read_text().splitlines())


def test_the_incumbent_is_read_only(place):
    with pytest.raises(Exception, match="read only"):
        IncumbentDataset(**place).save(object())


def test_a_registration_with_a_run_belongs_to_it(place, world):
    client = connect(place["tracking_uri"])
    experiment = client.create_experiment("elsewhere", artifact_location=f"file://{place['artifact_root']}")
    run_id = client.create_run(experiment).info.run_id
    ModelRegistry(**place).register(replace(registration(world), run_id=run_id))
    version = ModelRegistry(**place).champion()
    assert version.run_id == run_id
    assert json.loads((ModelRegistry(**place)._local(version.source) / "evidence/importance.json").read_text())


@pytest.mark.parametrize("killed_at", ["log_artifacts", "create_model_version", "set_registered_model_alias"])
def test_a_registration_that_was_killed_is_finished_and_not_doubled(place, world, monkeypatch, killed_at):
    """Killed after each step that writes: the next try ends with one version, one run and one champion."""
    registry = ModelRegistry(**place)
    run = registry.tracker.write(TrackedRun("logistic", {}, {}, {}))
    chosen = replace(registration(world), run_id=run.run_id)
    original = getattr(MlflowClient, killed_at)

    def killed(client: MlflowClient, *args: object, **options: object) -> None:
        original(client, *args, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(MlflowClient, killed_at, killed)
        with pytest.raises(KeyboardInterrupt):
            registry.register(chosen)
    assert registry.register(chosen) == "1"
    client = connect(place["tracking_uri"])
    assert [version.version for version in client.search_model_versions(f"name='{NAME}'")] == [1]
    assert client.get_model_version_by_alias(NAME, "champion").run_id == run.run_id
    assert exported(place).version == "1"


def test_a_registered_model_is_never_written_over(place, world, monkeypatch):
    registry = ModelRegistry(**place)
    registry.register(registration(world))
    run_id = registry.champion().run_id

    def refuse(*_: object) -> None:
        raise AssertionError("it may be read at this moment")

    monkeypatch.setattr(MlflowClient, "log_artifacts", refuse)
    assert registry.register(replace(registration(world), run_id=run_id, tags={"model_hash": "other"})) == "2"
