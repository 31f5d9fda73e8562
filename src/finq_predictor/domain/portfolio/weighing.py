"""Weights at one moment: who may be held, what is expected of them, and what a rule makes of it within limits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from finq_predictor.domain.arrays import Flags, Matrix, Vector
from finq_predictor.domain.portfolio.expectations import expected_returns
from finq_predictor.domain.portfolio.limits import within_limits
from finq_predictor.domain.portfolio.optimisers import EQUAL, OPTIMISERS, Problem
from finq_predictor.domain.portfolio.rules import PortfolioRules

KNOWN_SHARE = 0.9
"""An instrument is weighed if it was traded in so many of the bars before."""
FEWEST = 2


def weigh(
    method: str,
    probability: Vector,
    returns: Matrix,
    traded: Flags,
    sectors: Sequence[str] | None,
    horizon: int,
    rules: PortfolioRules,
) -> Vector:
    """Weigh all instruments by one rule.

    Args:
        method: A key of ``OPTIMISERS``.
        probability: Of yes; NaN is not held (N).
        returns: Of the bars before, 0 where not traded (L, N).
        traded: Whether each was traded in each of them (L, N).
        sectors: Of each instrument; None where none is known (N).
        horizon: Bars that the probability is about.
        rules: Limits.

    Returns:
        Shares of the capital (N); all 0 where fewer than two instruments can be weighed.

    Raises:
        DataError: If the rule finds no weights.
    """
    weights = np.zeros(len(probability))
    allowed = np.isfinite(probability) & (traded.mean(axis=0) >= KNOWN_SHARE) & traded[-1]
    deviation = returns.std(axis=0, ddof=1)
    allowed &= deviation > 0.0
    if allowed.sum() < FEWEST:
        return weights
    expected = np.where(allowed, expected_returns(probability, deviation, horizon), -np.inf)
    # Equal weight is of everything; a rule chooses among those of which most is expected.
    count = int(allowed.sum()) if method == EQUAL else min(rules.held, int(allowed.sum()))
    chosen = np.sort(np.argsort(-expected, kind="stable")[:count])
    found = OPTIMISERS[method](Problem(returns[:, chosen], expected[chosen], horizon, rules))
    named = None if sectors is None else [sectors[place] for place in chosen]
    weights[chosen] = found if method == EQUAL else within_limits(found, named, rules)
    return weights
