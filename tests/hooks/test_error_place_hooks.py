from __future__ import annotations

import pytest
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.io import AbstractDataset, DataCatalog, DatasetError, MemoryDataset
from kedro.pipeline import Pipeline, node
from kedro.runner import SequentialRunner

from finq_predictor.domain.errors import DataError
from finq_predictor.hooks.error_place import ErrorPlaceHooks


class Broken(AbstractDataset):
    def load(self):
        raise DataError("it cannot be read")

    def save(self, data):
        raise DataError("it cannot be written")

    def _describe(self):
        return {}


def copy(text: str) -> str:
    if text == "wrong":
        raise DataError("the text is wrong")
    return text


def fail(**datasets) -> Exception:
    pipeline = Pipeline([node(copy, "a", "b", name="first"), node(copy, "b", "c", name="second")], namespace="stage")
    named = {f"stage.{name}": dataset for name, dataset in datasets.items()}
    manager = _create_hook_manager()
    manager.register(ErrorPlaceHooks())
    manager.hook.before_pipeline_run(run_params={}, pipeline=pipeline, catalog=None)
    with pytest.raises(Exception) as caught:  # noqa: PT012 - Kedro's session does both
        try:
            SequentialRunner().run(pipeline, DataCatalog(named), manager)
        except Exception as error:
            manager.hook.on_pipeline_error(error=error, run_params={}, pipeline=pipeline, catalog=None)
            raise
    return caught.value


def test_the_node_is_named_when_its_function_fails():
    error = fail(a=MemoryDataset("wrong"))
    assert isinstance(error, DataError)
    assert error.__notes__ == ["Where: node stage.first"]


def test_node_and_dataset_are_named_when_an_input_cannot_be_loaded():
    error = fail(a=MemoryDataset("right"), b=Broken())
    assert isinstance(error, DatasetError)
    assert error.__notes__ == ["Where: node stage.first, saving stage.b"]
    assert fail(a=Broken()).__notes__ == ["Where: node stage.first, loading stage.a"]


def test_what_went_well_before_is_not_named():
    assert fail(a=MemoryDataset("right"), c=Broken()).__notes__ == ["Where: node stage.second, saving stage.c"]
