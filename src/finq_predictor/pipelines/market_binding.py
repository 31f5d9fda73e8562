"""Give a node function its market while Kedro still sees its annotations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any

from finq_predictor.domain.market.markets import Market


def for_market(function: Callable[..., Any], market: Market) -> Callable[..., Any]:
    """Bind the keyword ``market`` of a node function.

    Kedro reads the type of a ``params:`` input from the function's annotations, which a bare ``partial`` hides.
    """
    return update_wrapper(partial(function, market=market), function)
