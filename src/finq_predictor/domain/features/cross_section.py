"""Where an instrument stands among the others, and what is left of it without the market."""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._registry import feature


@feature(
    inputs=("close", "cross_section"),
    windows=(1, 5, 20, 60, 120, 250),
    lookback=lambda n: n + 1,
    unit="rank, -0.5 to 0.5",
    source="Jegadeesh and Titman (1993)",
    formula="rank(close / lag(close, n) - 1)",
)
def rank_ret(bars: Bars, n: int) -> Matrix:
    """Rank of the return over n bars."""
    return bars.rank(bars.change(n))


@feature(
    inputs=("close", "cross_section"),
    windows=((250, 20),),
    lookback=lambda n, _: n + 1,
    unit="rank, -0.5 to 0.5",
    source="Jegadeesh (1990)",
    formula="rank(lag(close, skip) / lag(close, n) - 1)",
)
def rank_ret_skip(bars: Bars, n: int, skip: int) -> Matrix:
    """Rank of the return from n bars ago until the skipped last bars."""
    return bars.rank(bars.lag(bars.close, skip) / bars.lag(bars.close, n) - 1.0)


@feature(
    inputs=("close", "cross_section"),
    windows=(20, 60),
    lookback=lambda n: n + 1,
    unit="rank, -0.5 to 0.5",
    source="Ang et al. (2006)",
    formula="rank(std(logret, n))",
)
def rank_vol(bars: Bars, n: int) -> Matrix:
    """Rank of the volatility of n bars."""
    return bars.rank(bars.std(bars.log_returns, n))


@feature(
    inputs=("close", "volume", "cross_section"),
    windows=((5, 60),),
    lookback=lambda _, slow: slow,
    unit="rank, -0.5 to 0.5",
    source="Gervais et al. (2001)",
    formula="rank(mean(volume, fast) / mean(volume, slow))",
)
def rank_volume_trend(bars: Bars, fast: int, slow: int) -> Matrix:
    """Rank of average volume of the fast window over that of the slow one."""
    return bars.rank(bars.divide(bars.mean(bars.volume, fast), bars.mean(bars.volume, slow)))


@feature(
    inputs=("high", "close", "cross_section"),
    windows=(250,),
    lookback=lambda n: n,
    unit="rank, -0.5 to 0.5",
    source="George and Hwang (2004)",
    formula="rank(close / max(high, n))",
)
def rank_high_gap(bars: Bars, n: int) -> Matrix:
    """Rank of the close over the highest high of n bars."""
    return bars.rank(bars.close / bars.max(bars.high, n))


@feature(
    inputs=("close", "cross_section"),
    windows=(20,),
    lookback=lambda n: n + 1,
    unit="rank, -0.5 to 0.5",
    source="Bali et al. (2011)",
    formula="rank(max(ret, n))",
)
def rank_max_ret(bars: Bars, n: int) -> Matrix:
    """Rank of the largest return of one bar within n bars."""
    return bars.rank(bars.max(bars.returns, n))


@feature(
    inputs=("close", "cross_section"),
    windows=(1, 5, 20),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Lehmann (1990)",
    formula="close / lag(close, n) - average(close / lag(close, n))",
)
def excess_ret(bars: Bars, n: int) -> Matrix:
    """Return over n bars minus the mean of all instruments."""
    change = bars.change(n)
    return change - bars.row_mean(change)


@feature(
    inputs=("close", "cross_section"),
    windows=(1, 20),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Stivers and Sun (2010)",
    formula="spread_among(close / lag(close, n) - 1)",
)
def dispersion(bars: Bars, n: int) -> Matrix:
    """Standard deviation among instruments of the return over n bars."""
    return bars.row_std(bars.change(n))


@feature(
    inputs=("close", "cross_section"),
    windows=(50,),
    lookback=lambda n: n,
    unit="share",
    source="Zweig (1986)",
    formula="average(close > mean(close, n))",
)
def breadth(bars: Bars, n: int) -> Matrix:
    """Share of instruments above their average of n bars."""
    average = bars.mean(bars.close, n)
    above = (bars.close > average).astype(np.float64)
    return bars.row_mean(np.where(np.isnan(bars.close + average), np.nan, above))


@feature(
    inputs=("close", "sector", "cross_section"),
    windows=(1, 5, 20, 60, 120),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Moskowitz and Grinblatt (1999)",
    formula="close / lag(close, n) - sector_average(close / lag(close, n))",
)
def sector_excess_ret(bars: Bars, n: int) -> Matrix:
    """Return over n bars minus the mean of the sector."""
    change = bars.change(n)
    return change - bars.group_mean(change, bars.field("sector"))


@feature(
    inputs=("close", "sector", "cross_section"),
    windows=(5, 20, 120),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Moskowitz and Grinblatt (1999)",
    formula="sector_average(close / lag(close, n)) - average(close / lag(close, n))",
)
def sector_ret(bars: Bars, n: int) -> Matrix:
    """Mean return of the sector over n bars minus the mean of all instruments."""
    change = bars.change(n)
    return bars.group_mean(change, bars.field("sector")) - bars.row_mean(change)


@feature(
    inputs=("close", "benchmark_close"),
    windows=(5, 20, 60, 120),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Levy (1967)",
    formula="close / lag(close, n) - benchmark / lag(benchmark, n)",
)
def relative_strength(bars: Bars, n: int) -> Matrix:
    """Return over n bars minus that of the benchmark."""
    level = bars.field("benchmark_close")
    return bars.change(n) - (level / bars.lag(level, n) - 1.0)


@feature(
    inputs=("benchmark_close",),
    windows=(5, 20, 120),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Cooper et al. (2004)",
    formula="benchmark / lag(benchmark, n) - 1",
)
def benchmark_ret(bars: Bars, n: int) -> Matrix:
    """Return of the benchmark over n bars."""
    level = bars.field("benchmark_close")
    return level / bars.lag(level, n) - 1.0


@feature(
    inputs=("benchmark_close",),
    windows=(20,),
    lookback=lambda n: n + 1,
    unit="per bar",
    source="French et al. (1987)",
    formula="std(benchmark_ret, n)",
)
def benchmark_vol(bars: Bars, n: int) -> Matrix:
    """Standard deviation of returns of the benchmark over n bars."""
    return bars.std(bars.benchmark_returns, n)


@feature(
    inputs=("close", "benchmark_close"),
    windows=(60, 250),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Sharpe (1964)",
    formula="slope_on(ret, benchmark_ret, n)",
)
def beta(bars: Bars, n: int) -> Matrix:
    """Slope of returns on those of the benchmark over n bars."""
    return bars.market_fit(n)[0]


@feature(
    inputs=("close", "benchmark_close"),
    windows=(60,),
    lookback=lambda n: n + 1,
    unit="-1 to 1",
    source="Morck et al. (2000)",
    formula="corr(ret, benchmark_ret, n)",
)
def benchmark_corr(bars: Bars, n: int) -> Matrix:
    """Correlation of returns with those of the benchmark over n bars."""
    return bars.correlation(bars.returns, bars.benchmark_returns, n)


@feature(
    inputs=("close", "benchmark_close"),
    windows=(60,),
    lookback=lambda n: n + 1,
    unit="per bar",
    source="Ang et al. (2006)",
    formula="std(ret, n) * sqrt(1 - corr(ret, benchmark_ret, n) ** 2)",
)
def idiosyncratic_vol(bars: Bars, n: int) -> Matrix:
    """Standard deviation of what the benchmark does not explain, over n bars."""
    return bars.market_fit(n)[1]


@feature(
    inputs=("close", "benchmark_close"),
    windows=((60, 1), (60, 5), (250, 5), (250, 20)),
    lookback=lambda n, _: n + 1,
    unit="ratio",
    source="Blitz et al. (2011)",
    formula=(
        "(mean(ret, m) - mean(ret, n) - slope_on(ret, benchmark_ret, n) * (mean(benchmark_ret, m) - "
        "mean(benchmark_ret, n))) / (std(ret, n) * sqrt(1 - corr(ret, benchmark_ret, n) ** 2))"
    ),
)
def residual_ret(bars: Bars, n: int, m: int) -> Matrix:
    """Mean residual of the last m bars from a regression on the benchmark over n, over the residuals' deviation."""
    own, other = bars.returns, bars.benchmark_returns
    beta, deviation, alpha = bars.market_fit(n)
    return bars.divide(bars.mean(own, m) - alpha - beta * bars.mean(other, m), deviation)


@feature(
    inputs=("close", "benchmark_close"),
    windows=((250, 120, 20),),
    lookback=lambda n, *_: n + 1,
    unit="ratio",
    source="Blitz et al. (2011)",
    formula=(
        "(lag(mean(ret, m - skip), skip) - mean(ret, n) - slope_on(ret, benchmark_ret, n) * "
        "(lag(mean(benchmark_ret, m - skip), skip) - mean(benchmark_ret, n))) / (std(ret, n) * sqrt(1 "
        "- corr(ret, benchmark_ret, n) ** 2))"
    ),
)
def residual_momentum(bars: Bars, n: int, m: int, skip: int) -> Matrix:
    """Mean residual from m bars ago until the skipped last ones, over the residuals' deviation of n bars."""
    beta, deviation, alpha = bars.market_fit(n)
    inner = bars.earlier(skip)
    own, other = (bars.lag(inner.mean(x, m - skip), skip) for x in (bars.returns, bars.benchmark_returns))
    return bars.divide(own - alpha - beta * other, deviation)
