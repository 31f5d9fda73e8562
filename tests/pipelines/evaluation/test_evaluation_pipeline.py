"""The evaluation pipeline as wired, on the real store: first run, second run, a better candidate."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from kedro_datasets.matplotlib import MatplotlibDataset
from kedro_datasets.pandas import ParquetDataset
from kedro_datasets.text import TextDataset

from finq_predictor.adapters.bundle_store import load_bundle
from finq_predictor.adapters.datasets.json_value import JsonValueDataset
from finq_predictor.adapters.datasets.promotion_log import PromotionLogDataset
from finq_predictor.adapters.datasets.registry import ChampionDataset, IncumbentDataset
from finq_predictor.adapters.datasets.running_costs import RunningCostsDataset
from finq_predictor.adapters.datasets.snapshot_id import SnapshotIdDataset
from finq_predictor.adapters.datasets.tracked_run import TrackedReportDataset, TrackedRunDataset
from finq_predictor.adapters.datasets.trial_ledger import TrialLedgerDataset
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.promotion_log import PromotionLogFile
from finq_predictor.adapters.snapshots.store import path_of
from finq_predictor.adapters.tracking import connect
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.tables import SILVER_MEMBERSHIP
from finq_predictor.pipelines.evaluation.params import EvaluationParams
from finq_predictor.pipelines.evaluation.pipeline import create_pipeline
from finq_predictor.reports.evaluation.model_pictures import MODEL_PICTURES
from finq_predictor.reports.evaluation.pictures import OF_ONE_MODEL, PICTURES
from synthetic_evaluation import make_world

KNOWN = ("The ``noload``", ".*Add type hints to the `predict`", ".*Any type hint is inferred")
pytestmark = [pytest.mark.filterwarnings(f"ignore:{text}") for text in KNOWN]
PARAMS = EvaluationParams(n_bootstrap=200)

DRAWN = (*PICTURES, *MODEL_PICTURES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("evaluation")


def run(folder, world) -> dict:
    store = {
        "market": "equity",
        "tracking_uri": Layout(folder).tracking_uri,
        "artifact_root": str(Layout(folder).artifacts),
    }
    champion = {**store, "export_dir": str(Layout(folder).champion("equity"))}
    kept = ("incumbent", "trial_ledger")
    datasets = {name: MemoryDataset(value) for name, value in world.items() if name not in kept}
    ledger, decisions = str(folder / "trials.jsonl"), str(Layout(folder).place("equity", "promotion_log"))
    datasets |= {name: TrialLedgerDataset(ledger) for name in ("trial_ledger", "tried", "opened")}
    datasets |= {
        "params:evaluation": MemoryDataset(PARAMS),
        "incumbent": IncumbentDataset(**champion),
        "champion": ChampionDataset(**champion),
        "tracked_run": TrackedRunDataset(**store, filepath=str(folder / "tracked_runs.json")),
        "tracked_report": TrackedReportDataset(**store),
        **{name: PromotionLogDataset(decisions) for name in ("promotion_log", "entered")},
        "running_costs": RunningCostsDataset(str(folder / "running_costs.json")),
        "replay": MemoryDataset(None),
        "live_trials": MemoryDataset(None),
        "silver_membership": MemoryDataset(SILVER_MEMBERSHIP.empty()),
        "snapshot": SnapshotIdDataset(root=str(folder), market="equity"),
        "report": TextDataset(filepath=str(folder / "report.html")),
        **{f"plot_{name}": MatplotlibDataset(filepath=str(folder / f"plots/{name}.png")) for name in DRAWN},
        "promotion": JsonValueDataset(
            value="finq_predictor.domain.promotion.decision.Decision", filepath=str(folder / "promotion.json")
        ),
        **{name: ParquetDataset(filepath=str(folder / f"{name}.parquet")) for name in ("predictions", "metrics")},
    }
    catalog = DataCatalog(datasets)
    SequentialRunner().run(create_pipeline(get_market("equity")), catalog)
    return {name: catalog.load(name) for name in ("promotion", "predictions", "report", "tracked_run", "metrics")}


def test_from_nothing_to_a_promoted_champion_and_on(folder):
    weak = make_world(signal=0.0, days=450, instruments=25, seed=3)
    first = run(folder, weak)
    assert first["promotion"].decision == "provisional"
    assert set(first["predictions"]["status"]) == {"provisional"}
    assert "the model is provisional" in first["report"]

    measured = (folder / "running_costs.json").read_bytes()
    again = run(folder, weak)
    assert (folder / "running_costs.json").read_bytes() == measured, "a model is measured once"
    assert again["promotion"].decision == "reject"
    assert "very model" in again["promotion"].reason
    assert set(again["predictions"]["version"]) == {"1"}
    pd.testing.assert_frame_equal(first["predictions"], again["predictions"])
    pd.testing.assert_frame_equal(first["metrics"], again["metrics"])

    good = make_world(signal=1.5, days=450, instruments=25)
    better = run(folder, good)
    assert better["promotion"].decision == "promote"
    assert better["promotion"].incumbent.version == "1"
    assert set(better["predictions"]["status"]) == {"promoted"}
    assert load_bundle(path_of(folder, "equity", "champion")).version == "2"

    rejected = run(folder, replace_source(weak, good))
    assert rejected["promotion"].decision == "reject"
    assert set(rejected["predictions"]["version"]) == {"2"}
    assert "stays in use" in rejected["report"]
    assert set(rejected["promotion"].others) == set(weak["candidates"]) - {rejected["promotion"].candidate}

    client = connect(Layout(folder).tracking_uri)
    chosen = better["promotion"].candidate
    (other,) = set(good["candidates"]) - {chosen}
    run_id, other_id = (better["tracked_run"].of(name).run_id for name in (chosen, other))
    plots = {Path(item.path).stem for item in client.list_artifacts(run_id, "plots")}
    assert plots == set(DRAWN)
    assert {Path(item.path).stem for item in client.list_artifacts(other_id, "plots")} == plots - set(OF_ONE_MODEL)
    assert {"report.html", "importance.json"} <= {item.path for item in client.list_artifacts(run_id)}
    version = client.get_model_version_by_alias("finq-equity-outperform", "champion")
    assert version.run_id == run_id
    log = PromotionLogFile(folder, "equity").read()
    assert [one.act for one in log.records] == ["provisional", "reject", "promote", "reject"]
    assert [one.in_use for one in log.records] == ["1", "1", "2", "2"]
    assert [run["promotion"].log_head for run in (first, again, better, rejected)] == [
        one.previous for one in log.records
    ]
    promoted = log.records[2]
    costs = {one.name: one for one in promoted.checks if one.name in ("row_latency", "bar_latency", "model_size")}
    assert len(costs) == 3
    assert all(one.gating and one.passed and one.value > 0 for one in costs.values())
    assert {"auc", "rank_ic", "sharpe", "turnover_per_day"} <= set(promoted.candidate.figures)
    assert {"skill_promised", "days_since"} <= set(promoted.champion.figures)
    assert f"decision <code>{promoted.hash}</code>" in better["report"], "an anchor that can be printed"
    assert client.get_run(run_id).data.tags["promotion_log"] == promoted.hash
    assert client.get_run(run_id).data.tags["snapshot"] in better["report"]
    assert f"finq reproduce {client.get_run(run_id).data.tags['snapshot']} --market equity" in better["report"]
    assert all((folder / f"plots/{name}.png").stat().st_size > 5_000 for name in DRAWN)


def replace_source(world: dict, like: dict) -> dict:
    bundles = {
        name: replace(bundle, origin=replace(bundle.origin, source_id=like["provenance"].source_id))
        for name, bundle in world["candidates"].items()
    }
    return world | {
        "candidates": bundles,
        "provenance": replace(world["provenance"], source_id=like["provenance"].source_id),
    }
