"""What is left of an instrument beside its sector, and how unevenly it follows the benchmark.

The sector is the one that came with each bar; its mean is that of the members of the bar.
"""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._moments import sector_rank, sector_returns
from finq_predictor.domain.features._registry import feature


@feature(
    inputs=("close", "sector", "cross_section"),
    windows=(60,),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Moskowitz and Grinblatt (1999)",
    formula="slope_on(ret, sector_average(ret), n)",
)
def sector_beta(bars: Bars, n: int) -> Matrix:
    """Slope of returns on those of the sector over n bars."""
    return bars.beta(bars.returns, sector_returns(bars), n)


@feature(
    inputs=("close", "sector", "cross_section"),
    windows=(60,),
    lookback=lambda n: n + 1,
    unit="-1 to 1",
    source="Roll (1988)",
    formula="corr(ret, sector_average(ret), n)",
)
def sector_corr(bars: Bars, n: int) -> Matrix:
    """Correlation of returns with those of the sector over n bars."""
    return bars.correlation(bars.returns, sector_returns(bars), n)


@feature(
    inputs=("close", "sector", "cross_section"),
    windows=((60, 1), (60, 5)),
    lookback=lambda n, _: n + 1,
    unit="ratio",
    source="Da et al. (2014)",
    formula=(
        "(mean(ret, m) - mean(ret, n) - slope_on(ret, sector_average(ret), n) * "
        "(mean(sector_average(ret), m) - mean(sector_average(ret), n))) / std(ret, n)"
    ),
)
def sector_residual_ret(bars: Bars, n: int, m: int) -> Matrix:
    """Mean residual of the last m bars from a regression on the sector over n, over the deviation of returns."""
    own, other = bars.returns, sector_returns(bars)
    away = bars.mean(own, m) - bars.mean(own, n)
    return bars.divide(away - bars.beta(own, other, n) * (bars.mean(other, m) - bars.mean(other, n)), bars.std(own, n))


@feature(
    inputs=("close", "sector", "cross_section"),
    windows=(20,),
    lookback=lambda n: n + 1,
    unit="per bar",
    source="Ang et al. (2006)",
    formula="std(ret - sector_average(ret), n)",
)
def sector_residual_vol(bars: Bars, n: int) -> Matrix:
    """Standard deviation of returns minus those of the sector, over n bars."""
    return bars.std(bars.returns - sector_returns(bars), n)


@feature(
    inputs=("close", "sector", "cross_section"),
    windows=(20,),
    lookback=lambda n: n + 1,
    unit="per bar",
    source="Moskowitz and Grinblatt (1999)",
    formula="std(sector_average(ret), n)",
)
def sector_vol(bars: Bars, n: int) -> Matrix:
    """Standard deviation of the mean return of the sector over n bars."""
    return bars.std(sector_returns(bars), n)


@feature(
    inputs=("close", "sector", "cross_section"),
    windows=(1, 5),
    lookback=lambda k: k + 2,
    unit="ratio",
    source="Hou (2007)",
    formula="lag(sector_average(ret) - average(ret), k)",
)
def sector_ret_lag(bars: Bars, k: int) -> Matrix:
    """Mean return of the sector minus that of all instruments, of one bar, k bars ago."""
    inner = bars.earlier(k)
    return bars.lag(sector_returns(bars) - inner.row_mean(bars.returns), k)


@feature(
    inputs=("close", "sector", "cross_section"),
    windows=(5, 20, 120),
    lookback=lambda n: n + 1,
    unit="rank, -0.5 to 0.5",
    source="Moskowitz and Grinblatt (1999)",
    formula="sector_rank(close / lag(close, n) - 1)",
)
def sector_rank_ret(bars: Bars, n: int) -> Matrix:
    """Rank of the return over n bars within the sector."""
    return sector_rank(bars, bars.change(n))


@feature(
    inputs=("close", "sector", "cross_section"),
    windows=(20,),
    lookback=lambda n: n + 1,
    unit="rank, -0.5 to 0.5",
    source="Ang et al. (2006)",
    formula="sector_rank(std(logret, n))",
)
def sector_rank_vol(bars: Bars, n: int) -> Matrix:
    """Rank of the volatility of n bars within the sector."""
    return sector_rank(bars, bars.std(bars.log_returns, n))


@feature(
    inputs=("close", "sector", "cross_section"),
    windows=(50,),
    lookback=lambda n: n,
    unit="share",
    source="Zweig (1986)",
    formula="sector_average(close > mean(close, n))",
)
def sector_breadth(bars: Bars, n: int) -> Matrix:
    """Share of the instruments of the sector above their average of n bars."""
    average = bars.mean(bars.close, n)
    above = np.where(np.isnan(bars.close + average), np.nan, (bars.close > average).astype(np.float64))
    return bars.group_mean(above, bars.field("sector"))


@feature(
    inputs=("close", "benchmark_close"),
    windows=(120,),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Ang, Chen and Xing (2006)",
    formula="slope_on(ret, neg(benchmark_ret), n)",
)
def fall_beta(bars: Bars, n: int) -> Matrix:
    """Slope of returns on the falls of the benchmark over n bars, its rises counting as nought."""
    return bars.beta(bars.returns, np.minimum(bars.benchmark_returns, 0.0), n)


@feature(
    inputs=("close", "benchmark_close"),
    windows=(120,),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Ang, Chen and Xing (2006)",
    formula="slope_on(ret, pos(benchmark_ret), n)",
)
def rise_beta(bars: Bars, n: int) -> Matrix:
    """Slope of returns on the rises of the benchmark over n bars, its falls counting as nought."""
    return bars.beta(bars.returns, np.maximum(bars.benchmark_returns, 0.0), n)


@feature(
    inputs=("close", "benchmark_close"),
    windows=((60, 250),),
    lookback=lambda _, slow: slow + 1,
    unit="ratio",
    source="Ferson and Schadt (1996)",
    formula="slope_on(ret, benchmark_ret, fast) - slope_on(ret, benchmark_ret, slow)",
)
def beta_change(bars: Bars, fast: int, slow: int) -> Matrix:
    """Slope on the benchmark in the fast window minus that in the slow one."""
    return bars.market_fit(fast)[0] - bars.market_fit(slow)[0]


@feature(
    inputs=("close", "benchmark_close"),
    windows=(60,),
    lookback=lambda n: n + 2,
    unit="ratio",
    source="Hou and Moskowitz (2005)",
    formula="slope_on(ret, lag(benchmark_ret, 1), n)",
)
def lagged_beta(bars: Bars, n: int) -> Matrix:
    """Slope of returns on those of the benchmark one bar before, over n bars: how late it follows."""
    return bars.beta(bars.returns, bars.lag(bars.benchmark_returns, 1), n)


@feature(
    inputs=("close", "benchmark_close"),
    windows=(60, 250),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Jensen (1968)",
    formula=(
        "(mean(ret, n) - slope_on(ret, benchmark_ret, n) * mean(benchmark_ret, n)) / "
        "(std(ret, n) * sqrt(1 - corr(ret, benchmark_ret, n) ** 2))"
    ),
)
def alpha(bars: Bars, n: int) -> Matrix:
    """Mean return beyond what the benchmark explains over n bars, over the deviation of the residuals."""
    _, deviation, constant = bars.market_fit(n)
    return bars.divide(constant, deviation)
