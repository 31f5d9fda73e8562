"""Realised moments: what the returns of a window say about their distribution, around nought instead of their mean."""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._registry import feature


@feature(
    inputs=("close",),
    windows=(20, 60),
    lookback=lambda n: n + 1,
    unit="per bar",
    source="Barndorff-Nielsen et al. (2010)",
    formula="sqrt(mean(pos(logret) ** 2, n))",
)
def upside_vol(bars: Bars, n: int) -> Matrix:
    """Root of the mean of squared rises over n bars: the upper realised semivariance."""
    return np.sqrt(bars.mean(np.maximum(bars.log_returns, 0.0) ** 2, n))


@feature(
    inputs=("close",),
    windows=(20, 60),
    lookback=lambda n: n + 1,
    unit="per bar",
    source="Barndorff-Nielsen et al. (2010)",
    formula="sqrt(mean(neg(logret) ** 2, n))",
)
def downside_vol(bars: Bars, n: int) -> Matrix:
    """Root of the mean of squared falls over n bars: the lower realised semivariance."""
    return np.sqrt(bars.mean(np.minimum(bars.log_returns, 0.0) ** 2, n))


@feature(
    inputs=("close",),
    windows=(20, 120),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Amaya et al. (2015)",
    formula="mean(logret ** 3, n) / mean(logret ** 2, n) ** 1.5",
)
def realised_skew(bars: Bars, n: int) -> Matrix:
    """Mean cubed return over the mean squared one to the power of 1.5, n bars."""
    moves = bars.log_returns
    return bars.divide(bars.mean(moves * moves * moves, n), np.sqrt(bars.mean(moves * moves, n)) ** 3)


@feature(
    inputs=("close",),
    windows=(20, 120),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Amaya et al. (2015)",
    formula="mean(logret ** 4, n) / mean(logret ** 2, n) ** 2",
)
def realised_kurt(bars: Bars, n: int) -> Matrix:
    """Mean fourth power of returns over the squared mean of squares, n bars."""
    squared = bars.log_returns * bars.log_returns
    return bars.divide(bars.mean(squared * squared, n), bars.mean(squared, n) ** 2)


@feature(
    inputs=("close",),
    windows=(60,),
    lookback=lambda n: n + 2,
    unit="-1 to 1",
    source="Ding et al. (1993)",
    formula="corr(abs(logret), abs(lag(logret, 1)), n)",
)
def abs_autocorr(bars: Bars, n: int) -> Matrix:
    """Correlation of an absolute return with the one before, over n bars: how volatility clusters."""
    size = np.abs(bars.log_returns)
    return bars.correlation(size, bars.lag(size, 1), n)


@feature(
    inputs=("close",),
    windows=(60,),
    lookback=lambda n: n + 2,
    unit="-1 to 1",
    source="Bouchaud et al. (2001)",
    formula="corr(abs(logret), lag(logret, 1), n)",
)
def leverage_corr(bars: Bars, n: int) -> Matrix:
    """Correlation of an absolute return with the return before, over n bars: whether falls make it restless."""
    return bars.correlation(np.abs(bars.log_returns), bars.lag(bars.log_returns, 1), n)


@feature(
    inputs=("close", "benchmark_close"),
    windows=(120,),
    lookback=lambda n: n + 1,
    unit="-1 to 1",
    source="Harvey and Siddique (2000)",
    formula="corr(ret, benchmark_ret ** 2, n)",
)
def coskew(bars: Bars, n: int) -> Matrix:
    """Correlation of returns with the squared ones of the benchmark, over n bars."""
    return bars.correlation(bars.returns, bars.benchmark_returns**2, n)
