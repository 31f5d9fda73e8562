"""How nodes are named, marked and bound to their market."""

from __future__ import annotations

from inspect import signature

import pytest
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import Pipeline

from finq_predictor.domain.market.markets import MARKETS, Market, get_market
from finq_predictor.pipelines.steps import step


@pytest.fixture(scope="module")
def nodes(project_path):
    bootstrap_project(project_path)
    return pipelines["__default__"].nodes


def test_a_node_is_named_after_its_function(nodes):
    """``<stage>.<market>.<function>``; where one function serves several tables, the table of its output follows."""
    for node in nodes:
        stage, market, name = node.name.split(".")
        function = node.func.__name__
        tables = {output.split(".")[1].partition("_")[2] for output in node.outputs}
        assert name == function or name in {f"{function}_{table}" for table in tables}, node.name
        assert node.namespace == f"{stage}.{market}"


def test_a_function_is_found_in_its_stage(nodes):
    for node in nodes:
        stage = node.name.split(".")[0]
        assert node.func.__module__.rpartition(".")[0] == f"finq_predictor.pipelines.{stage}"


def test_no_node_bears_a_tag(nodes):
    assert not [node.name for node in nodes if node.tags]


def test_every_function_that_asks_for_the_market_gets_that_of_its_namespace(nodes):
    asking = 0
    for node in nodes:
        if "market" in signature(getattr(node.func, "__wrapped__", node.func)).parameters:
            asking += 1
            assert node.func.keywords == {"market": MARKETS[node.name.split(".")[1]]}, node.name
            assert "market" not in str(node.inputs)
    assert asking


def greet(name: str, *, market: Market) -> str:
    return f"{name} in {market.name}"


def shout(text: str) -> str:
    return text.upper()


def test_a_step_binds_the_market_only_where_it_is_asked_for():
    market = get_market("fx")
    bound = step(greet, "name", "greeting", market=market)
    assert bound.run({"name": "EUR_USD"}) == {"greeting": "EUR_USD in fx"}
    assert bound.func.__annotations__["name"] == "str", "Kedro finds the type of a parameter there"
    free = step(shout, "greeting", "silver_words", market=market, table="words")
    assert (bound.name, free.name) == ("greet", "shout_words")
    assert Pipeline([bound, free]).inputs() == {"name"}
