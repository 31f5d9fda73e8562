"""How likely the best of several models is only the best of the past: combinatorially symmetric cross-validation.

The days are cut into blocks. Every half of the blocks chooses the model with the highest Sharpe ratio, and the other
half judges it. The probability of backtest overfitting is how often the chosen one is then not better than the median.

Reference: Bailey, Borwein, Lopez de Prado and Zhu (2017), The Probability of Backtest Overfitting.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.errors import ConfigurationError

BLOCKS = 16
"""As the paper has it: 12,870 ways to choose half of them."""
FEWEST_DAYS_OF_BLOCK = 5


@dataclass(frozen=True)
class Overfitting:
    """What the splits found; NaN where there is nothing to choose from.

    Attributes:
        probability: How often the best of one half is not better than the median of the other.
        loss: How often the best of one half loses in the other.
        models: How many were chosen from.
        days: Days that went in.
        splits: Ways to halve them.
    """

    probability: float
    loss: float
    models: int
    days: int
    splits: int


def estimate_overfitting(returns: Matrix, blocks: int = BLOCKS) -> Overfitting:
    """Judge the choice of the best model by its Sharpe ratio.

    Args:
        returns: Daily returns after costs (T, N), no NaN; columns that do not vary were never traded and are left out.
        blocks: Blocks of days, an even number; fewer where days are few.

    Returns:
        The estimate; undefined with fewer than two models, or fewer than two blocks of ``FEWEST_DAYS_OF_BLOCK`` days.

    Raises:
        ConfigurationError: If the number of blocks is odd or below 2.
    """
    if blocks < 2 or blocks % 2:
        raise ConfigurationError(f"blocks is {blocks}; expected an even number of at least 2, to be halved.")
    values = np.asarray(returns, dtype=np.float64).reshape(len(returns), -1)
    values = values[:, values.std(axis=0) > 1e-15] if len(values) else values
    days, models = values.shape
    blocks = min(blocks, days // FEWEST_DAYS_OF_BLOCK // 2 * 2)
    if models < 2 or blocks < 2:
        return Overfitting(*(float("nan"),) * 2, models, days, 0)
    chosen = _halves(blocks)
    parts = np.array_split(values, blocks)
    count = np.array([len(part) for part in parts], dtype=np.float64)
    sums, squares = (np.stack([f(part).sum(axis=0) for part in parts]) for f in (np.asarray, np.square))
    within = _sharpe(chosen, count, sums, squares)
    outside = _sharpe(1.0 - chosen, count, sums, squares)
    rows, best = np.arange(len(chosen)), within.argmax(axis=1)
    found = outside[rows, best]
    # The rank from below; of equals the chosen one counts as the middle.
    below, equal = (outside < found[:, None]).sum(axis=1), (outside == found[:, None]).sum(axis=1)
    relative = (below + 0.5 * (equal + 1.0)) / (models + 1.0)
    return Overfitting(float((relative <= 0.5).mean()), float((found < 0.0).mean()), models, days, len(chosen))


def _halves(blocks: int) -> Matrix:
    """All ways to choose half of the blocks, a row each of ones and zeros."""
    places = np.array(list(combinations(range(blocks), blocks // 2)))
    chosen = np.zeros((len(places), blocks))
    chosen[np.arange(len(places))[:, None], places] = 1.0
    return chosen


def _sharpe(chosen: Matrix, count: Matrix, sums: Matrix, squares: Matrix) -> Matrix:
    n = (chosen @ count)[:, None]
    mean = chosen @ sums / n
    deviation = np.sqrt(np.maximum(chosen @ squares / n - mean**2, 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        # A half in which nothing was held has earned nothing.
        return np.where(deviation > 1e-15, mean / deviation, 0.0)
