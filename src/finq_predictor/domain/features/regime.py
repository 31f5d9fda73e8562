"""In which state an instrument and its market are: restless or calm, in common motion or not."""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._registry import feature


@feature(
    inputs=("close",),
    windows=((20, 120), (5, 60)),
    lookback=lambda n, m: n + m,
    unit="z-score",
    source="Hamilton and Susmel (1994)",
    formula="(log(std(logret, n)) - mean(log(std(logret, n)), m)) / std(log(std(logret, n)), m)",
)
def vol_state(bars: Bars, n: int, m: int) -> Matrix:
    """Logarithm of the volatility of n bars, in standard deviations from its average of m bars."""
    level = bars.log(bars.earlier(m - 1).std(bars.log_returns, n))
    return bars.divide(level - bars.mean(level, m), bars.std(level, m))


@feature(
    inputs=("close",),
    windows=(60,),
    lookback=lambda n: n + 1,
    unit="per bar",
    source="Engle (1982)",
    formula="trend(abs(logret), n) / mean(abs(logret), n)",
)
def vol_slope(bars: Bars, n: int) -> Matrix:
    """Least-squares slope of absolute returns over n bars, over their average."""
    size = np.abs(bars.log_returns)
    return bars.divide(bars.slope(size, n), bars.mean(size, n))


@feature(
    inputs=("high", "low", "close"),
    windows=(20,),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Alizadeh et al. (2002)",
    formula="sqrt(mean(log(high / low) ** 2, n) / (4 * log(2))) / std(logret, n) - 1",
)
def range_over_vol(bars: Bars, n: int) -> Matrix:
    """Volatility from ranges over that from closes, minus one: positive where bars take their moves back."""
    inside = np.sqrt(bars.mean(bars.log_range**2, n) / (4.0 * np.log(2.0)))
    return bars.divide(inside, bars.std(bars.log_returns, n)) - 1.0


@feature(
    inputs=("benchmark_close",),
    windows=((20, 120),),
    lookback=lambda _, slow: slow + 1,
    unit="ratio",
    source="Moreira and Muir (2017)",
    formula="std(benchmark_ret, fast) / std(benchmark_ret, slow) - 1",
)
def benchmark_vol_ratio(bars: Bars, fast: int, slow: int) -> Matrix:
    """Volatility of the benchmark in the fast window over that in the slow one, minus one."""
    moves = bars.benchmark_returns
    return bars.divide(bars.std(moves, fast), bars.std(moves, slow)) - 1.0


@feature(
    inputs=("benchmark_close",),
    windows=(250,),
    lookback=lambda n: n,
    unit="ratio",
    source="Cooper et al. (2004)",
    formula="benchmark / max(benchmark, n) - 1",
)
def benchmark_high_gap(bars: Bars, n: int) -> Matrix:
    """The benchmark over its highest close of n bars, minus one."""
    level = bars.field("benchmark_close")
    return level / bars.max(level, n) - 1.0


@feature(
    inputs=("benchmark_close",),
    windows=(200,),
    lookback=lambda n: n,
    unit="ratio",
    source="Faber (2007)",
    formula="benchmark / mean(benchmark, n) - 1",
)
def benchmark_sma_gap(bars: Bars, n: int) -> Matrix:
    """The benchmark over its average of n bars, minus one."""
    level = bars.field("benchmark_close")
    return level / bars.mean(level, n) - 1.0


@feature(
    inputs=("close", "cross_section"),
    windows=(20,),
    lookback=lambda n: n + 1,
    unit="share",
    source="Pollet and Wilson (2010)",
    formula="mean(average(ret) ** 2, n) / mean(average(ret ** 2), n)",
)
def common_motion(bars: Bars, n: int) -> Matrix:
    """Share of the squared returns of n bars that instruments have in common: how much they move as one."""
    inner = bars.earlier(n - 1)
    together = inner.row_mean(bars.returns) ** 2
    return bars.divide(bars.mean(together, n), bars.mean(inner.row_mean(bars.returns**2), n))


@feature(
    inputs=("close", "cross_section"),
    windows=(20,),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Stivers and Sun (2010)",
    formula="log(spread_among(ret) / mean(spread_among(ret), n))",
)
def dispersion_ratio(bars: Bars, n: int) -> Matrix:
    """Logarithm of the standard deviation among instruments of the bar's returns, over its average of n bars."""
    level = bars.earlier(n - 1).row_std(bars.returns)
    return bars.log(bars.divide(level, bars.mean(level, n)))
