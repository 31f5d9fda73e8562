"""What every entry of the catalog comes to once anchors, merge keys, placeholders and globals are filled in."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from finq_predictor.adapters.layout import PLACES, Folder, Layout

ATOMIC = "finq_predictor.adapters.datasets.atomic.AtomicDataset"
# The wrapped dataset follows from the end of the file's name.
WRITERS = {
    ".parquet": "pandas.ParquetDataset",
    ".png": {"type": "matplotlib.MatplotlibDataset", "save_args": {"dpi": 110}},
    ".html": (
        text := {
            "type": "text.TextDataset",
            "fs_args": {"open_args_save": {"encoding": "utf-8"}, "open_args_load": {"encoding": "utf-8"}},
        }
    ),
    ".prom": text,
    "": "finq_predictor.adapters.datasets.bundles.BundlesDataset",
}
DATASETS = "finq_predictor.adapters.datasets."
KEPT = DATASETS + "snapshot.SnapshotDataset"
# What people and other programs open lies at one place; of all else versions are kept.
OPENED = re.compile(
    r"quarantine_\w+|provider_differences|gate_results|plot_\w+|report|monitoring_report|monitoring_metrics"
)
# The type of each typed value.
VALUES = {
    "provenance": "finq_predictor.domain.ingestion.provenance.Provenance",
    "ingestion_checks": "finq_predictor.domain.ingestion.gates.IngestionChecks",
    "feature_set": "finq_predictor.domain.features.FeatureSet",
    "hyperparameters": "finq_predictor.domain.modelling.search.Hyperparameters",
    "promotion": "finq_predictor.domain.promotion.decision.Decision",
    "survivorship": "finq_predictor.domain.evaluation.survivorship.SurvivorshipBill",
    "replay": "finq_predictor.domain.evaluation.replay_record.ReplayRecord",
    "trading_terms": "finq_predictor.domain.evaluation.paper_book.TradingTerms",
    "paper_book": "finq_predictor.domain.evaluation.signal_record.SignalRecord",
    "volatility_verdict": "finq_predictor.domain.risk.volatility.VolatilityVerdict",
    "portfolio_verdict": "finq_predictor.domain.portfolio.judging.PortfolioVerdict",
    "training_summary": "finq_predictor.domain.modelling.origin.TrainingSummary",
}
OTHERS = {
    r"search_store": DATASETS + "search_store.SearchStoreDataset",
    r"source_\w+": DATASETS + "source.SourceDataset",
    r"bronze_\w+": DATASETS + "bronze.BronzeDataset",
    r"incumbent": DATASETS + "registry.IncumbentDataset",
    r"champion": DATASETS + "registry.ChampionDataset",
    r"tracked_run": DATASETS + "tracked_run.TrackedRunDataset",
    r"tracked_report": DATASETS + "tracked_run.TrackedReportDataset",
    r"side_models": DATASETS + "side_models.SideModelsDataset",
    r"trial_ledger|tried|opened": DATASETS + "trial_ledger.TrialLedgerDataset",
    r"promotion_log|entered": DATASETS + "promotion_log.PromotionLogDataset",
    r"running_costs": DATASETS + "running_costs.RunningCostsDataset",
    r"snapshot": DATASETS + "snapshot_id.SnapshotIdDataset",
    r"provider_notes": DATASETS + "provider_notes.ProviderNotesDataset",
    r"live_trials": DATASETS + "live_trials.LiveTrialsDataset",
    r"online_features": DATASETS + "online_features.OnlineFeaturesDataset",
    r"engine": DATASETS + "engine.EngineDataset",
    r"clock": DATASETS + "clock.ClockDataset",
    r"code_version": DATASETS + "code_version.CodeVersionDataset",
    r"score_cards": DATASETS + "score_cards.ScoreCardsDataset",
    r"retrain_request": DATASETS + "retrain_request.RetrainRequestDataset",
    r"invocation": DATASETS + "invocation.InvocationDataset",
}
LAYERS = {
    Folder.SILVER: "silver",
    Folder.GOLD: "gold",
    Folder.MODELS: "models",
    Folder.PREDICTIONS: "predictions",
    Folder.REPORTS: "reports",
}
# What a promotion rests on comes before the champion in the lineage.
EVIDENCE = {
    "oos_predictions",
    "sealed_predictions",
    "metrics",
    "metrics_by_fold",
    "daily_skill",
    "model_comparisons",
    "model_validation",
    "model_stability",
    "regimes",
    "abstention",
    "neutral_outcomes",
    "backtest",
    "backtest_summary",
    "profit_parts",
    "capacity",
    "factor_returns",
    "attribution",
    "overfitting",
    "promotion",
    "replay",
}
CHECKED = re.compile(r"(?P<suite>bronze|silver)_(?P<table>\w+)|(?P<gold>gold)")


@pytest.fixture(scope="module")
def entries(project_path):
    """Name -> the entry as the catalog would build it, of all that is kept."""
    bootstrap_project(project_path)
    with KedroSession.create(project_path, env="base", runtime_params={"data_root": "data/anchors"}) as session:
        resolver = session.load_context().catalog.config_resolver
    names = {name for name in pipelines["__default__"].datasets() if not name.startswith("params:")}
    found = {name: resolver.resolve_pattern(name) for name in sorted(names)}
    return {name: entry for name, entry in found.items() if entry["type"] != "MemoryDataset"}


def expected_file(name: str) -> Path | None:
    """Where the layout puts a dataset that is one file of its own, relative to the root."""
    market, dataset = name.split(".")
    if any(re.fullmatch(pattern, dataset) for pattern in OTHERS):
        return None
    return Layout(Path()).place(market, dataset)


def test_every_file_lies_in_its_place_and_is_written_by_its_kind(entries, project_path):
    wrong = {}
    for name, entry in entries.items():
        if entry["type"] not in (ATOMIC, KEPT):
            continue
        file, table = expected_file(name) or Path(), name.split(".")[1]
        found = (Path(entry["filepath"]), entry.get("dataset"), entry.get("value"))
        writer = None if table in VALUES else WRITERS.get(file.suffix)
        if found != (project_path / "data/anchors" / file, writer, VALUES.get(table)):
            wrong[name] = found
    assert not wrong


def test_folders_and_the_database_lie_in_their_place(entries, project_path):
    layout = Layout(project_path / "data/anchors")
    for name, entry in entries.items():
        market, dataset = name.split(".")
        if "filepath" in entry:
            assert Path(entry["filepath"]) == layout.place(market, dataset), name
        if "export_dir" in entry:
            assert Path(entry["export_dir"]) == layout.champion(market), name
        if "tracking_uri" in entry:
            assert entry["tracking_uri"] == layout.tracking_uri, name
            assert Path(entry["artifact_root"]) == layout.artifacts, name


def test_every_place_of_the_layout_belongs_to_the_catalog(entries):
    datasets = {name.split(".")[1] for name, entry in entries.items() if "filepath" in entry or "export_dir" in entry}
    # No pipeline names what a hook keeps.
    datasets.add("settings_training")
    for place in (name for places in PLACES.values() for name in places):
        assert any(fnmatch(dataset, place) for dataset in datasets), f"nothing lies at {place}"


def test_what_is_no_single_file_has_its_own_dataset(entries):
    wrong = {}
    for name, entry in entries.items():
        table = name.split(".")[1]
        kinds = [kind for pattern, kind in OTHERS.items() if re.fullmatch(pattern, table)]
        if [entry["type"]] != (kinds or [ATOMIC if OPENED.fullmatch(table) else KEPT]) or bool(kinds) == bool(
            expected_file(name)
        ):
            wrong[name] = entry["type"]
    assert not wrong


def test_layers_follow_the_folders(entries):
    for name, entry in entries.items():
        file, table = expected_file(name), name.split(".")[1]
        layer = entry["metadata"]["kedro-viz"]["layer"]
        if file:
            assert layer == ("models" if table in EVIDENCE else LAYERS[file.parts[0]]), name


def test_bronze_silver_and_gold_are_checked_and_nothing_else(entries):
    for name, entry in entries.items():
        market, table = name.split(".")
        found = CHECKED.fullmatch(table)
        options = entry.get("validator", {}).get("options")
        if not found:
            assert options is None, name
            continue
        suite, table = (found["suite"], found["table"]) if found["suite"] else ("gold", "gold")
        assert options == {"suite": suite, "market": market, "table": table}
        assert entry["validator"]["class"] == "finq_predictor.adapters.quality.validator.SuiteValidator"


@pytest.mark.parametrize("env", ["base", "live", "own", "spark", "test"])
def test_anchors_are_not_datasets(project_path, env):
    bootstrap_project(project_path)
    with KedroSession.create(project_path, env=env) as session:
        catalog = session.load_context().config_loader["catalog"]
    assert catalog
    assert all(isinstance(entry, dict) and "type" in entry for entry in catalog.values())
    assert not [name for name in catalog if name.startswith("_")]


@pytest.mark.parametrize("env", ["base", "test"])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ("easy", 20240115, 1.0)),
        ({"preset": "realistic"}, ("realistic", 20240115, 1.0)),
        ({"preset": "noise", "seed": 7, "signal": 2.0}, ("noise", 7, 2.0)),
    ],
)
def test_the_knobs_of_the_simulator_reach_every_table_of_both_markets(project_path, env, given, expected):
    bootstrap_project(project_path)
    with KedroSession.create(project_path, env=env, runtime_params=given) as session:
        resolver = session.load_context().catalog.config_resolver
    for name in ("equity.source_bars", "equity.source_articles", "fx.source_bars", "fx.source_articles"):
        source = resolver.resolve_pattern(name)["source"]
        assert (source["preset"], source["seed"], source["signal"]) == expected


def test_own_files_share_everything_but_their_table(project_path):
    bootstrap_project(project_path)
    given = {"bars": "B", "benchmark": "I", "quotes": "Q", "articles": "A", "macro": "M", "membership": "E"}
    with KedroSession.create(project_path, env="own", runtime_params=given) as session:
        catalog = session.load_context().config_loader["catalog"]
    sources = {name: entry["source"] for name, entry in catalog.items() if ".source_" in name and "{" not in name}
    own = "finq_predictor.adapters.sources.folder.file_or_folder"
    optional = {
        f"{market}.source_{table}": {"class": own, "table": table, "filepath": given[table]}
        for market in ("equity", "fx")
        for table in ("articles", "macro")
    }
    assert sources == optional | {
        "equity.source_membership": {"class": own, "table": "membership", "filepath": "E"},
        "equity.source_bars": {"class": own, "table": "bars", "required": True, "filepath": "B"},
        "equity.source_benchmark": {"class": own, "table": "benchmark", "required": True, "filepath": "I"},
        "fx.source_bars": {"class": own, "table": "bars", "parameter": "quotes", "required": True, "filepath": "Q"},
    }
