"""Large moves: how much of what happened came at once."""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._moments import top_mean
from finq_predictor.domain.features._registry import feature


@feature(
    inputs=("close",),
    windows=(20, 60),
    lookback=lambda n: n + 2,
    unit="per bar",
    source="Barndorff-Nielsen and Shephard (2004)",
    formula="sqrt(pi / 2 * mean(abs(logret) * abs(lag(logret, 1)), n))",
)
def bipower_vol(bars: Bars, n: int) -> Matrix:
    """Volatility from products of neighbouring absolute returns, which single jumps do not reach."""
    size = np.abs(bars.log_returns)
    return np.sqrt(0.5 * np.pi * bars.mean(size * bars.lag(size, 1), n))


@feature(
    inputs=("close",),
    windows=(20, 60),
    lookback=lambda n: n + 2,
    unit="share",
    source="Huang and Tauchen (2005)",
    formula="pos(1 - pi / 2 * mean(abs(logret) * abs(lag(logret, 1)), n) / mean(logret ** 2, n))",
)
def jump_share(bars: Bars, n: int) -> Matrix:
    """Share of the squared returns of n bars that bipower variation does not explain, not below 0."""
    size = np.abs(bars.log_returns)
    smooth = 0.5 * np.pi * bars.mean(size * bars.lag(size, 1), n)
    share: Matrix = np.maximum(1.0 - bars.divide(smooth, bars.mean(size**2, n)), 0.0)
    return share


@feature(
    inputs=("close",),
    windows=(20,),
    lookback=lambda n: n + 3,
    unit="per bar",
    source="Andersen et al. (2012)",
    formula=(
        "sqrt(pi / (6 - 4 * sqrt(3) + pi) * "
        "mean(middle(abs(logret), abs(lag(logret, 1)), abs(lag(logret, 2))) ** 2, n))"
    ),
)
def median_vol(bars: Bars, n: int) -> Matrix:
    """Volatility from medians of three neighbouring absolute returns, which jumps do not reach."""
    size = np.abs(bars.log_returns)
    one, two = bars.lag(size, 1), bars.lag(size, 2)
    middle = np.maximum(np.minimum(size, one), np.minimum(np.maximum(size, one), two))
    volatility: Matrix = np.sqrt(np.pi / (6.0 - 4.0 * np.sqrt(3.0) + np.pi) * bars.mean(middle**2, n))
    return volatility


@feature(
    inputs=("close",),
    windows=(20, 60),
    lookback=lambda n: n + 1,
    unit="-1 to 1",
    source="Patton and Sheppard (2015)",
    formula="mean(logret * abs(logret), n) / mean(logret ** 2, n)",
)
def signed_jump(bars: Bars, n: int) -> Matrix:
    """Squared returns of rises minus those of falls, over all of n bars."""
    moves = bars.log_returns
    return bars.divide(bars.mean(moves * np.abs(moves), n), bars.mean(moves**2, n))


@feature(
    inputs=("close",),
    windows=((20, 5),),
    lookback=lambda n, _: n + 1,
    unit="ratio",
    source="Bali et al. (2011)",
    formula="top(ret, n, k)",
)
def max_ret_mean(bars: Bars, n: int, k: int) -> Matrix:
    """Mean of the k largest returns of one bar within n bars."""
    return top_mean(bars, bars.returns, n, k)


@feature(
    inputs=("close",),
    windows=((20, 5), (60, 3)),
    lookback=lambda n, _: n + 1,
    unit="ratio",
    source="Atilgan et al. (2020)",
    formula="-top(-ret, n, k)",
)
def min_ret_mean(bars: Bars, n: int, k: int) -> Matrix:
    """Mean of the k smallest returns of one bar within n bars: what is lost on the worst of them."""
    return -top_mean(bars, -bars.returns, n, k)


@feature(
    inputs=("close",),
    windows=(20, 60),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Lee and Mykland (2008)",
    formula="max(abs(logret), n) / sqrt(mean(logret ** 2, n))",
)
def largest_move(bars: Bars, n: int) -> Matrix:
    """Largest absolute return of n bars, over their root mean square."""
    moves = bars.log_returns
    return bars.divide(bars.max(np.abs(moves), n), np.sqrt(bars.mean(moves**2, n)))
