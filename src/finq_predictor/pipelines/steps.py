"""The nodes of a market's pipeline: named after their functions, with the market bound to those that ask for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper
from inspect import signature
from typing import Any

from kedro.pipeline import node
from kedro.pipeline.node import Node

from finq_predictor.domain.market.markets import Market

Names = str | list[str] | dict[str, str]


def step(function: Callable[..., Any], inputs: Names, outputs: Names, *, market: Market, table: str = "") -> Node:
    """Make a node of a function.

    Args:
        function: Its name is the node's. If it takes ``market``, it gets it here and nowhere else.
        inputs: Names of its other arguments' datasets.
        outputs: Names of the datasets of what it returns.
        market: The market of the pipeline.
        table: Which table it is for, where one function serves several; it ends the node's name.
    """
    name = f"{function.__name__}_{table}" if table else function.__name__
    return node(_bound(function, market), inputs, outputs, name=name)


def _bound(function: Callable[..., Any], market: Market) -> Callable[..., Any]:
    if "market" not in signature(function).parameters:
        return function
    # Kedro reads the type of a `params:` input from the annotations, which a bare `partial` hides.
    return update_wrapper(partial(function, market=market), function)
