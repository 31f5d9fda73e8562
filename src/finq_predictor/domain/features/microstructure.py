"""What trading costs and how prices take up orders."""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._registry import feature


@feature(
    inputs=("bid_close", "ask_close"),
    lookback=1,
    unit="ratio",
    source="Demsetz (1968)",
    formula="2 * (ask - bid) / (ask + bid)",
)
def spread_pct(bars: Bars) -> Matrix:
    """Quoted spread at the close, over the mid price."""
    return bars.quoted_spread


@feature(
    inputs=("bid_close", "ask_close"),
    windows=(24, 120),
    lookback=lambda n: n,
    unit="ratio",
    source="Demsetz (1968)",
    formula="log(spread / mean(spread, n))",
)
def spread_ratio(bars: Bars, n: int) -> Matrix:
    """Logarithm of the quoted spread over its average of n bars."""
    return bars.log(bars.divide(bars.quoted_spread, bars.mean(bars.quoted_spread, n)))


@feature(
    inputs=("bid_close", "ask_close", "close"),
    windows=(20,),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Stoll (1978)",
    formula="mean(spread, n) / std(logret, n)",
)
def spread_over_vol(bars: Bars, n: int) -> Matrix:
    """Average quoted spread over the volatility of n bars."""
    return bars.divide(bars.mean(bars.quoted_spread, n), bars.std(bars.log_returns, n))


@feature(
    inputs=("high", "low"),
    windows=(20, 60),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Corwin and Schultz (2012)",
    formula="mean(range_spread, n)",
)
def high_low_spread(bars: Bars, n: int) -> Matrix:
    """Spread estimated from the ranges of neighbouring bars, average of n; negative estimates count as 0."""
    return bars.mean(bars.high_low_spread, n)


@feature(
    inputs=("high", "low", "close"),
    windows=(20,),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Abdi and Ranaldo (2017)",
    formula=(
        "mean(2 * sqrt(pos((log(lag(close, 1)) - log(lag(high, 1) * lag(low, 1)) / 2) * "
        "(log(lag(close, 1)) - log(high * low) / 2))), n)"
    ),
)
def close_high_low_spread(bars: Bars, n: int) -> Matrix:
    """Spread estimated from closes and mid-ranges of neighbouring bars, average of n."""
    before = bars.lag(bars.close, 1)
    here = 0.5 * (bars.log(bars.close / bars.high) + bars.log(bars.close / bars.low))
    ahead = 0.5 * (bars.log(before / bars.high) + bars.log(before / bars.low))
    return bars.mean(2.0 * np.sqrt(np.maximum(bars.lag(here, 1) * ahead, 0.0)), n)


@feature(
    inputs=("close",),
    windows=(60,),
    lookback=lambda n: n + 2,
    unit="ratio",
    source="Roll (1984)",
    formula="2 * sqrt(pos(-cov(logret, lag(logret, 1), n)))",
)
def roll_spread(bars: Bars, n: int) -> Matrix:
    """Spread implied by the bounce of returns over n bars; 0 where returns do not bounce."""
    return 2.0 * np.sqrt(np.maximum(-bars.covariance(bars.log_returns, bars.lag(bars.log_returns, 1), n), 0.0))


@feature(
    inputs=("high", "low", "close", "volume"),
    windows=((5, 60), (20, 250)),
    lookback=lambda _, slow: slow + 1,
    unit="ratio",
    source="Amihud (2002)",
    formula="log(mean(abs(ret) / turnover, fast) / mean(abs(ret) / turnover, slow))",
)
def illiquidity_trend(bars: Bars, fast: int, slow: int) -> Matrix:
    """Logarithm of price impact per turnover of the fast window over that of the slow one."""
    return bars.log(bars.divide(bars.mean(bars.illiquidity, fast), bars.mean(bars.illiquidity, slow)))


@feature(
    inputs=("close", "volume"),
    windows=(20,),
    lookback=lambda n: 2 * n,
    unit="-1 to 1",
    source="Easley et al. (2012)",
    formula="mean((2 * normal(ret / std(ret, n)) - 1) * volume, n) / mean(volume, n)",
)
def order_imbalance(bars: Bars, n: int) -> Matrix:
    """Bought minus sold volume over all of n bars, each bar split by its return in standard deviations."""
    size = bars.earlier(n - 1).std(bars.returns, n)
    bought = 2.0 * bars.normal_cdf(bars.divide(bars.returns, size)) - 1.0
    return bars.divide(bars.mean(bought * bars.volume, n), bars.mean(bars.volume, n))


@feature(
    inputs=("close",),
    windows=(20, 60),
    lookback=lambda n: n + 2,
    unit="-1 to 1",
    source="Lo and MacKinlay (1988)",
    formula="corr(logret, lag(logret, 1), n)",
)
def autocorr(bars: Bars, n: int) -> Matrix:
    """Correlation of a return with the one before, over n bars."""
    return bars.correlation(bars.log_returns, bars.lag(bars.log_returns, 1), n)


@feature(
    inputs=("close",),
    windows=((5, 60),),
    lookback=lambda k, n: n + k,
    unit="ratio",
    source="Lo and MacKinlay (1988)",
    formula="std(log(close / lag(close, k)), n) ** 2 / (k * std(logret, n) ** 2) - 1",
)
def variance_ratio(bars: Bars, k: int, n: int) -> Matrix:
    """Variance of returns over k bars, over k times that of one bar, minus one."""
    long = bars.log(bars.close / bars.lag(bars.close, k))
    return bars.divide(bars.std(long, n) ** 2, k * bars.std(bars.log_returns, n) ** 2) - 1.0


@feature(
    inputs=("close",),
    windows=(60,),
    lookback=lambda n: n + 1,
    unit="share",
    source="Lesmond et al. (1999)",
    formula="mean(ret == 0, n)",
)
def zero_ret_share(bars: Bars, n: int) -> Matrix:
    """Share of n bars without a change of price."""
    unchanged = np.where(np.isnan(bars.returns), np.nan, (bars.returns == 0.0).astype(np.float64))
    return bars.mean(unchanged, n)
