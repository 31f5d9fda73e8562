from __future__ import annotations

import pytest
from kedro.io import DataCatalog, DatasetError, MemoryDataset
from kedro.pipeline import Pipeline, node

from finq_predictor.adapters.datasets.invocation import InvocationDataset
from finq_predictor.adapters.invocation import Invocation
from finq_predictor.hooks.invocation import InvocationHooks


def keep(invocation: Invocation, other: int) -> str:
    return f"{invocation.command} {other}"


def test_a_run_is_told_to_the_datasets_that_want_to_know():
    catalog = DataCatalog({"fx.invocation": InvocationDataset(), "fx.other": MemoryDataset(1)})
    pipeline = Pipeline([node(keep, ["invocation", "other"], "text")], namespace="fx")
    assert catalog.load("fx.invocation") == Invocation()
    InvocationHooks().before_pipeline_run({"env": "own", "runtime_params": {"quotes": "q.csv"}}, pipeline, catalog)
    assert catalog.load("fx.invocation").command == 'kedro run --env own --params "quotes=q.csv"'
    assert "kedro run --env own" in repr(catalog.get("fx.invocation"))


def test_it_is_not_written_by_a_node():
    with pytest.raises(DatasetError, match="read-only"):
        InvocationDataset().save(Invocation())
