"""A whole run of both markets: what it leaves behind, and that the service answers with the very same numbers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from starlette.testclient import TestClient

from finq_predictor.adapters.bundle_store import load_bundle
from finq_predictor.adapters.layout import Folder, Layout
from finq_predictor.adapters.quality.validator import SuiteValidator
from finq_predictor.adapters.snapshots.store import path_of
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.tables import TABLES, get_table
from finq_predictor.domain.tables.schema import Layer
from serving.parity import TOLERANCE, largest_difference

CANDIDATES = {"equity": {"composite", "prior_ridge", "logistic", "xgboost"}, "fx": {"logistic", "xgboost"}}
STAGES = ("ingestion", "sentiment", "features", "training", "evaluation", "monitoring")


def _run(project: Path, root: Path, **options: object) -> None:
    bootstrap_project(project)
    with KedroSession.create(project, env="test", runtime_params={"data_root": str(root)}) as session:
        session.run(**options)


@pytest.fixture(scope="module")
def client(small_project):
    from finq_predictor.serving.app import create_app
    from finq_predictor.serving.settings import Settings

    with TestClient(create_app(Settings(data_root=small_project, record=False, auth="off"))) as client:
        yield client


@pytest.mark.parametrize("market", sorted(MARKETS))
def test_a_champion_is_registered_with_its_origin(small_project, market):
    from mlflow import MlflowClient

    client = MlflowClient(Layout(small_project).tracking_uri)
    version = client.get_model_version_by_alias(MARKETS[market].registered_model, "champion")
    assert version.tags["simulated"].lower() == "true"
    assert {"data_hash", "feature_set_hash", "code_hash", "seed"} <= set(version.tags)
    exported = load_bundle(path_of(small_project, market, "champion"))
    assert exported.version == str(version.version)
    assert exported.status == version.tags["status"]


@pytest.mark.parametrize("market", sorted(MARKETS))
def test_each_model_is_a_run_in_the_experiment_of_its_market(small_project, market):
    from mlflow import MlflowClient

    client = MlflowClient(Layout(small_project).tracking_uri)
    experiment = client.get_experiment_by_name(f"finq-{market}")
    runs = client.search_runs([experiment.experiment_id], max_results=200)
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    named = {run.info.run_id: re.sub(r"-\d{8}-\d{4}.*", "", run.info.run_name) for run in parents}
    # What stands beside the models of the race, such as the one of risk, has measures of its own.
    race = [run for run in parents if named[run.info.run_id] in CANDIDATES[market]]
    assert {named[run.info.run_id] for run in race} == CANDIDATES[market]
    assert set(named.values()) <= CANDIDATES[market] | {"risk-assessment"}
    assert all({"auc", "rank_ic", "ece"} <= {name.split("/")[-1] for name in run.data.metrics} for run in race)
    assert len(runs) > len(parents), "the trials of the search are nested runs"


@pytest.mark.parametrize("market", sorted(MARKETS))
def test_reports_say_simulated_and_load_nothing_from_elsewhere(small_project, market):
    for report in ("report", "monitoring_report"):
        page = Layout(small_project).place(market, report).read_text()
        assert "simulated" in page.lower()
        assert not re.search(r"""(src|href)=["']https?://""", page)
    metrics = Layout(small_project).place(market, "monitoring_metrics").read_text()
    assert "finq_data_freshness_hours{" in metrics


@pytest.mark.parametrize("market", sorted(MARKETS))
def test_every_table_is_as_declared(small_project, market):
    keeper = MARKETS[market]
    delivered = keeper.source_tables
    some = {f"silver_{table}" for each in MARKETS.values() for table in (*each.source_tables, *each.derived_tables)}
    ours = {f"silver_{table}" for table in (*delivered, *keeper.derived_tables)}
    datasets = [name for name in TABLES if "*" not in name and name not in some - ours]
    datasets += [f"{kind}_{table}" for kind in ("bronze", "quarantine") for table in delivered]
    for dataset in datasets:
        layer = get_table(dataset).layer
        kept = layer is not Layer.BRONZE and not dataset.startswith(
            ("quarantine", "gate_results", "provider_differences")
        )
        path = path_of(small_project, market, dataset) if kept else Layout(small_project).place(market, dataset)
        files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
        assert files
        for file in files:
            SuiteValidator(layer, market, dataset.removeprefix(f"{layer}_")).validate(pd.read_parquet(file))


@pytest.mark.parametrize("market", sorted(MARKETS))
def test_service_answers_what_the_batch_path_says(client, small_project, market):
    def post(path: str, body: dict) -> dict:
        answer = client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    assert largest_difference(post, small_project, market, last_bars=10) <= TOLERANCE
    stored = pd.read_parquet(path_of(small_project, market, "predictions"))
    last = stored[stored["ts"] == stored["ts"].max()].set_index("instrument")
    for name, row in last.iterrows():
        answer = post("/predict", {"instrument": name})
        assert answer["probability"] == pytest.approx(row["probability"], abs=TOLERANCE)
        assert answer["prediction"] is bool(row["prediction"])
        assert (answer["decision"], answer["reason"] or "") == (row["decision"], row.fillna("")["reason"])
        assert answer["simulated"] is True
        assert answer["model"]["status"] in ("promoted", "provisional")


def test_running_again_elsewhere_adds_nothing(project_path, small_project, tmp_path):
    root = Path(shutil.copytree(small_project, tmp_path / "copy", symlinks=True))

    def bronze() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted((root / Folder.BRONZE).rglob("*.parquet"))}

    before, gold = bronze(), path_of(root, "fx", "gold").read_bytes()
    champion = load_bundle(path_of(root, "fx", "champion")).version
    _run(
        project_path,
        root,
        pipeline_names=["ingestion", "sentiment", "features"],
        namespaces=["ingestion.fx", "sentiment.fx", "features.fx"],
    )
    _run(project_path, root, pipeline_names=["evaluation"], namespaces=["evaluation.fx"])
    assert bronze() == before
    assert path_of(root, "fx", "gold").read_bytes() == gold
    assert load_bundle(path_of(root, "fx", "champion")).version == champion
    assert json.loads(path_of(root, "fx", "promotion").read_text())["decision"] == "reject"


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_runs_alone(project_path, small_project, tmp_path, stage):
    root = tmp_path / "alone"
    there, here = Layout(small_project), Layout(root)
    tracked = (f"{there.database.name}*", there.artifacts.name, there.champion("fx").name)
    shutil.copytree(small_project, root, ignore=shutil.ignore_patterns(*tracked))
    if stage == "monitoring":
        shutil.copytree(there.artifacts, here.artifacts)
        shutil.copytree(there.champion("fx"), here.champion("fx"))
        shutil.copy(there.database, here.database)
    _run(project_path, root, pipeline_names=[stage], namespaces=[f"{stage}.fx"])


def test_the_command_line_shows_a_prediction_and_what_to_try_next(small_project):
    finq = str(Path(sys.executable).parent / "finq")
    shown = subprocess.run(
        [finq, "predict", "--root", small_project], capture_output=True, text=True, check=True, timeout=120
    )
    assert "SIMULATED easy" in shown.stdout
    assert "probability" in shown.stdout
    assert "make serve" in shown.stdout
    wrong = subprocess.run(
        [finq, "predict", "EUR_UDS", "--root", small_project], capture_output=True, text=True, timeout=120
    )
    assert wrong.returncode == 1
    assert "Did you mean 'EUR_USD'" in wrong.stderr


@pytest.mark.proof
def test_the_audit_finds_no_look_ahead(small_project):
    finq = str(Path(sys.executable).parent / "finq")
    shown = subprocess.run(
        [finq, "audit", "--root", small_project, "--times", "3"], capture_output=True, text=True, timeout=300
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert shown.stdout.count("none of") == len(MARKETS)
