"""Every dataset of every pipeline is declared, and every declaration is used."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from finq_predictor.adapters.layout import Folder, Layout
from finq_predictor.domain.tables import TABLES, get_table

KEDROS_OWN = {"{default}"}


@pytest.fixture(scope="module")
def resolver(project_path):
    bootstrap_project(project_path)
    with KedroSession.create(project_path) as session:
        return session.load_context().catalog.config_resolver


@pytest.fixture(scope="module")
def datasets():
    every = {name for pipeline in pipelines.values() for name in pipeline.datasets()}
    return {name for name in every if not name.startswith("params:")}


def test_every_dataset_is_declared(resolver, datasets):
    undeclared = {name for name in datasets if resolver.match_dataset_pattern(name) is None}
    assert not undeclared


def test_every_pattern_is_used(resolver, datasets):
    used = {resolver.match_dataset_pattern(name) for name in datasets}
    # What is read by notebooks only.
    views = {f"{{market}}.{name}" for name in ("technical", "microstructure", "volatility")}
    # What a hook keeps of every run, and `finq reproduce` reads.
    kept = {"{market}.settings_{stage}"}
    assert set(resolver.list_patterns()) - used - KEDROS_OWN == views | kept


def test_every_dataset_lies_in_a_layer(resolver, datasets):
    without = [
        name
        for name in datasets
        if "layer" not in resolver.resolve_pattern(name).get("metadata", {}).get("kedro-viz", {})
    ]
    assert not without


@pytest.fixture(scope="module")
def kept_tables(resolver, datasets):
    """Names, without the market, of the datasets that keep a table; what a source delivers is not ours."""
    entries = {name.split(".")[1]: resolver.resolve_pattern(name) for name in datasets}
    return {
        name
        for name, entry in entries.items()
        if entry.get("dataset") == "pandas.ParquetDataset" or entry["type"].endswith(".BronzeDataset")
    }


def test_every_table_that_is_kept_is_declared(kept_tables):
    assert len(kept_tables) > 20
    for name in kept_tables:
        assert get_table(name)


def test_every_declared_table_is_kept_and_lies_in_its_layer(kept_tables):
    for name, table in TABLES.items():
        kept = [dataset for dataset in kept_tables if fnmatch(dataset, name)]
        assert kept, name
        for dataset in kept:
            assert Layout(Path()).place("equity", dataset).parts[0] == Folder[table.layer.name]


def test_every_declared_table_is_written_by_the_pipeline_it_names(kept_tables):
    for dataset in kept_tables:
        writers = [
            node.name.split(".")[0]
            for node in pipelines["__default__"].nodes
            if any(output.split(".")[1] == dataset for output in node.outputs)
        ]
        assert set(writers) == {get_table(dataset).writer}, dataset


def test_pipelines_are_the_stages_the_markets_and_all():
    stages = {"ingestion", "sentiment", "features", "training", "evaluation", "monitoring"}
    scheduled = {
        f"{market}_{what}"
        for market in ("equity", "fx")
        for what in ("training", "validation", "predictions", "screening")
    }
    assert set(pipelines) == stages | {"equity", "fx", "__default__"} | scheduled
    assert len(pipelines["equity"].nodes) + len(pipelines["fx"].nodes) == len(pipelines["__default__"].nodes)


def test_nodes_are_named_by_stage_and_market():
    assert all(
        node.name.split(".")[0] in pipelines and node.name.split(".")[1] in pipelines
        for node in pipelines["__default__"].nodes
    )
