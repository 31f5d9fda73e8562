"""What every entry of the catalog comes to once anchors, merge keys, placeholders and globals are filled in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

ATOMIC = "finq_predictor.adapters.datasets.atomic.AtomicDataset"
# The wrapped dataset follows from the end of the file's name.
WRITERS = {
    ".parquet": "pandas.ParquetDataset",
    ".json": "json.JSONDataset",
    ".png": {"type": "matplotlib.MatplotlibDataset", "save_args": {"dpi": 110}},
    ".html": (
        text := {
            "type": "text.TextDataset",
            "fs_args": {"open_args_save": {"encoding": "utf-8"}, "open_args_load": {"encoding": "utf-8"}},
        }
    ),
    ".prom": text,
}
# Where each file lies; what a name does not say by itself is spelled out.
FILES = {
    r"silver_(?P<table>\w+)": "02_silver/{market}/{table}.parquet",
    r"quarantine_(?P<table>\w+)": "02_silver/{market}/quarantine/{table}.parquet",
    r"(?P<table>scored_articles)": "02_silver/{market}/{table}.parquet",
    r"(?P<table>provenance|ingestion_checks)": "02_silver/{market}/{table}.json",
    r"gold": "03_gold/{market}/gold.parquet",
    r"feature_set": "03_gold/{market}/feature_set.json",
    r"(?P<table>folds|trials|leak_meter)": "04_models/{market}/{table}.parquet",
    r"(?P<table>hyperparameters|training_summary)": "04_models/{market}/{table}.json",
    r"(?P<table>oos_predictions|predictions)": "05_predictions/{market}/{table}.parquet",
    r"(?P<table>metrics|metrics_by_fold|daily_skill|backtest|backtest_summary)": "06_reports/{market}/{table}.parquet",
    r"promotion": "06_reports/{market}/promotion.json",
    r"report": "06_reports/{market}/report.html",
    r"plot_(?P<table>(?!images)\w+)": "06_reports/{market}/plots/{table}.png",
    r"(?P<table>freshness|missing_rates|drift)": "06_reports/{market}/monitoring/{table}.parquet",
    r"monitoring_report": "06_reports/{market}/monitoring/report.html",
    r"monitoring_metrics": "06_reports/{market}/monitoring/metrics.prom",
}
DATASETS = "finq_predictor.adapters.datasets."
VALUE = DATASETS + "json_value.JsonValueDataset"
# The type of each typed value.
VALUES = {
    "provenance": "finq_predictor.domain.ingestion.provenance.Provenance",
    "ingestion_checks": "finq_predictor.domain.ingestion.gates.IngestionChecks",
}
OTHERS = {
    r"source_\w+": DATASETS + "source.SourceDataset",
    r"bronze_\w+": DATASETS + "bronze.BronzeDataset",
    r"candidates": DATASETS + "bundles.BundlesDataset",
    r"incumbent": DATASETS + "registry.IncumbentDataset",
    r"champion": DATASETS + "registry.ChampionDataset",
    r"tracked_run": DATASETS + "tracked_run.TrackedRunDataset",
    r"tracked_report": DATASETS + "tracked_run.TrackedReportDataset",
    r"code_version": DATASETS + "code_version.CodeVersionDataset",
    r"cleaned_\w+|tally_\w+|panel|trained_models|measures|evaluation_results|plot_images": "MemoryDataset",
}
LAYERS = {
    "02_silver": "silver",
    "03_gold": "gold",
    "04_models": "models",
    "05_predictions": "predictions",
    "06_reports": "reports",
}
# What a promotion rests on comes before the champion in the lineage.
EVIDENCE = {"oos_predictions", "metrics", "metrics_by_fold", "daily_skill", "backtest", "backtest_summary", "promotion"}
CHECKED = re.compile(r"(?P<suite>bronze|silver)_(?P<table>\w+)|(?P<gold>gold)")


@pytest.fixture(scope="module")
def entries(project_path):
    """Name -> the entry as the catalog would build it."""
    bootstrap_project(project_path)
    with KedroSession.create(project_path, env="base", runtime_params={"data_root": "ROOT"}) as session:
        resolver = session.load_context().catalog.config_resolver
    names = {name for name in pipelines["__default__"].datasets() if not name.startswith("params:")}
    return {name: resolver.resolve_pattern(name) for name in sorted(names)}


def expected_file(name: str) -> str | None:
    market, table = name.split(".")
    for pattern, path in FILES.items():
        if found := re.fullmatch(pattern, table):
            return path.format(market=market, **found.groupdict())
    return None


def test_every_file_lies_in_its_place_and_is_written_by_its_kind(entries, project_path):
    wrong = {}
    for name, entry in entries.items():
        if entry["type"] not in (ATOMIC, VALUE):
            continue
        file, table = expected_file(name), name.split(".")[1]
        suffix = Path(file or "").suffix
        found = (Path(entry["filepath"]), entry.get("dataset"), entry.get("value"))
        writer = None if table in VALUES else WRITERS.get(suffix)
        if found != (project_path / "ROOT" / (file or ""), writer, VALUES.get(table)):
            wrong[name] = found
    assert not wrong


def test_what_is_no_single_file_has_its_own_dataset(entries):
    wrong = {}
    for name, entry in entries.items():
        table = name.split(".")[1]
        kinds = [kind for pattern, kind in OTHERS.items() if re.fullmatch(pattern, table)]
        if [entry["type"]] != (kinds or [VALUE if table in VALUES else ATOMIC]) or bool(kinds) == bool(
            expected_file(name)
        ):
            wrong[name] = entry["type"]
    assert not wrong


def test_layers_follow_the_folders(entries):
    for name, entry in entries.items():
        file, table = expected_file(name), name.split(".")[1]
        layer = entry["metadata"]["kedro-viz"]["layer"]
        if file:
            assert layer == ("models" if table in EVIDENCE else LAYERS[file.split("/")[0]]), name


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


@pytest.mark.parametrize("env", ["base", "own", "test"])
def test_anchors_are_not_datasets(project_path, env):
    bootstrap_project(project_path)
    with KedroSession.create(project_path, env=env) as session:
        catalog = session.load_context().config_loader["catalog"]
    assert catalog
    assert all(isinstance(entry, dict) and "type" in entry for entry in catalog.values())
    assert not [name for name in catalog if name.startswith("_")]


def test_own_files_share_everything_but_their_table(project_path):
    bootstrap_project(project_path)
    given = {"bars": "B", "benchmark": "I", "quotes": "Q", "articles": "A", "macro": "M"}
    with KedroSession.create(project_path, env="own", runtime_params=given) as session:
        catalog = session.load_context().config_loader["catalog"]
    sources = {name: entry["source"] for name, entry in catalog.items() if ".source_" in name and "{" not in name}
    own = "finq_predictor.adapters.sources.own_file.OwnFileSource"
    optional = {
        f"{market}.source_{table}": {"class": own, "table": table, "filepath": given[table]}
        for market in ("equity", "fx")
        for table in ("articles", "macro")
    }
    assert sources == optional | {
        "equity.source_bars": {"class": own, "table": "bars", "required": True, "filepath": "B"},
        "equity.source_benchmark": {"class": own, "table": "benchmark", "required": True, "filepath": "I"},
        "fx.source_bars": {"class": own, "table": "bars", "parameter": "quotes", "required": True, "filepath": "Q"},
    }
