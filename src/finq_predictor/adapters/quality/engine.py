"""Great Expectations, imported when first needed: it takes seconds and warns about libraries of its own."""

from __future__ import annotations

import warnings
from functools import lru_cache
from importlib import import_module
from typing import Any

import pandas as pd


@lru_cache(maxsize=1)
def expectations() -> Any:
    """The module ``great_expectations.expectations``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_module("great_expectations.expectations")


def failing(frame: pd.DataFrame, wanted: list[Any], result_format: str) -> list[Any]:
    """Ask the expectations about a frame.

    Args:
        frame: With a fresh index, so that an index is a position.
        wanted: Expectations.
        result_format: ``BOOLEAN_ONLY`` is quick; ``COMPLETE`` also gives ``unexpected_index_list``.

    Returns:
        Results of the expectations that are not met.
    """
    expectations()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        suite = import_module("great_expectations").ExpectationSuite(name="now", expectations=wanted)
        batch = _batch_definition().get_batch(batch_parameters={"dataframe": frame})
        answer = batch.validate(suite, result_format={"result_format": result_format})
    return [result for result in answer.results if not result.success]


@lru_cache(maxsize=1)
def _batch_definition() -> Any:
    """One context for the life of the process: making it is most of the cost."""
    bars = import_module("great_expectations.data_context.types.base").ProgressBarsConfig(globally=False)
    context = import_module("great_expectations").get_context(mode="ephemeral")
    context.variables.progress_bars = bars
    asset = context.data_sources.add_pandas("memory").add_dataframe_asset("frame")
    return asset.add_batch_definition_whole_dataframe("all")
