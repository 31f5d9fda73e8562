"""Nodes stay small enough to be read: what belongs together comes as one value."""

from __future__ import annotations

import warnings

import pytest

from finq_predictor.pipeline_registry import register_pipelines

MOST_INPUTS = 6
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # dots in names
    NODES = register_pipelines()["__default__"].nodes


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)
def test_no_node_takes_more_than_can_be_kept_in_mind(node):
    data = [name for name in node.inputs if not name.startswith("params:")]
    assert len(data) <= MOST_INPUTS, f"gather what belongs together in one value: {data}"
