"""A run that makes the candidates of a market takes its request; any other run leaves it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline, node

from finq_predictor.adapters.datasets.snapshot import SnapshotDataset
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.retraining import RetrainEvent, RetrainLog
from finq_predictor.domain.monitoring.retraining import Reason, ReasonKind
from finq_predictor.hooks.retraining import RetrainHooks

MARKET = "fx"


def make() -> None:
    """Nothing."""


def pipeline_of(output: str) -> Pipeline:
    return Pipeline([node(make, None, f"{MARKET}.{output}", name=output)])


@pytest.fixture
def catalog(tmp_path):
    place = Layout(tmp_path).place(MARKET, "candidates")
    kept = SnapshotDataset(filepath=str(place), dataset="finq_predictor.adapters.datasets.bundles.BundlesDataset")
    return DataCatalog({f"{MARKET}.candidates": kept, f"{MARKET}.folds": MemoryDataset()})


@pytest.fixture
def log(tmp_path):
    log = RetrainLog(tmp_path, MARKET)
    log.ask([Reason(ReasonKind.ASKED, "because")], "me", now=datetime.now(UTC))
    return log


def test_a_training_takes_the_request_and_is_done_with_it(catalog, log, monkeypatch):
    monkeypatch.setenv("FINQ_RUN_ID", "fx-run-1")
    hooks = RetrainHooks()
    hooks.before_pipeline_run(pipeline_of("candidates"), catalog)
    assert log.open_request() is None
    RetrainHooks().before_pipeline_run(pipeline_of("candidates"), catalog)
    hooks.after_pipeline_run()
    story = [(entry.event, bool(entry.request), entry.by) for entry in log.entries()]
    assert story[1:] == [
        (RetrainEvent.BEGAN, True, "fx-run-1"),
        (RetrainEvent.BEGAN, False, "fx-run-1"),
        (RetrainEvent.TRAINED, True, "fx-run-1"),
    ]


def test_a_training_that_fails_gives_it_back(catalog, log):
    hooks = RetrainHooks()
    hooks.before_pipeline_run(pipeline_of("candidates"), catalog)
    hooks.on_pipeline_error(ValueError("no rows"))
    assert log.open_request() is not None
    assert log.entries()[-1].note == "ValueError: no rows"
    hooks.after_pipeline_run()
    assert len(log.entries()) == 3


def test_another_run_leaves_it(catalog, log):
    hooks = RetrainHooks()
    hooks.before_pipeline_run(pipeline_of("folds"), catalog)
    hooks.after_pipeline_run()
    assert len(log.entries()) == 1
