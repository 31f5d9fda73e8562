"""How much the price moves."""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._registry import feature
from finq_predictor.domain.features._windows import EWMA_MEMORY


@feature(
    inputs=("close",),
    windows=(5, 10, 20, 60, 120),
    lookback=lambda n: n + 1,
    unit="per bar",
    source="Andersen and Bollerslev (1998)",
    formula="std(logret, n)",
)
def vol(bars: Bars, n: int) -> Matrix:
    """Standard deviation of log returns over n bars."""
    return bars.std(bars.log_returns, n)


@feature(
    inputs=("close",),
    windows=((5, 20), (20, 60), (20, 120)),
    lookback=lambda _, slow: slow + 1,
    unit="ratio",
    source="Engle (1982)",
    formula="std(logret, fast) / std(logret, slow) - 1",
)
def vol_ratio(bars: Bars, fast: int, slow: int) -> Matrix:
    """Volatility of the fast window over that of the slow one, minus one."""
    return bars.divide(bars.std(bars.log_returns, fast), bars.std(bars.log_returns, slow)) - 1.0


@feature(
    inputs=("close",),
    windows=(32,),
    lookback=lambda n: EWMA_MEMORY * n + 1,
    unit="per bar",
    source="RiskMetrics (1996)",
    formula="sqrt(ewma(logret ** 2, n))",
)
def ewma_vol(bars: Bars, n: int) -> Matrix:
    """Root of the exponential average of squared returns with span n; 32 is a decay of 0.94."""
    return np.sqrt(bars.ewma(bars.log_returns**2, n))


@feature(
    inputs=("close",),
    windows=((20, 20),),
    lookback=lambda n, m: n + m,
    unit="per bar",
    source="Corsi et al. (2008)",
    formula="std(std(logret, n), m)",
)
def vol_of_vol(bars: Bars, n: int, m: int) -> Matrix:
    """Standard deviation over m bars of the volatility of n bars."""
    return bars.std(bars.earlier(m - 1).std(bars.log_returns, n), m)


@feature(
    inputs=("close",),
    windows=((20, 100),),
    lookback=lambda n, m: n + m,
    unit="share",
    source="Ang and Timmermann (2012)",
    formula="below(std(logret, n), m)",
)
def vol_percentile(bars: Bars, n: int, m: int) -> Matrix:
    """Share of the last m bars at which the volatility of n bars was lower than now."""
    return bars.share_below(bars.earlier(m - 1).std(bars.log_returns, n), m)


@feature(
    inputs=("close",),
    lookback=120,
    unit="0 or 1",
    source="Hamilton and Susmel (1994)",
    formula="below(std(logret, 20), 100) > 0.8",
)
def high_vol_regime(bars: Bars) -> Matrix:
    """One when the volatility of 20 bars is in the upper fifth of its last 100 values."""
    share = bars.share_below(bars.earlier(99).std(bars.log_returns, 20), 100)
    return np.where(np.isnan(share), np.nan, (share > 0.8).astype(np.float64))


@feature(
    inputs=("high", "low", "close"),
    windows=(14,),
    lookback=lambda n: 2 * EWMA_MEMORY * n + 1,
    unit="ratio",
    source="Wilder (1978)",
    formula="wilder(true_range, n) / close",
)
def atr(bars: Bars, n: int) -> Matrix:
    """Average true range over the close."""
    return bars.wilder(bars.true_range, n) / bars.close


@feature(
    inputs=("close",),
    windows=(20,),
    lookback=lambda n: n,
    unit="ratio",
    source="Bollinger (1992)",
    formula="4 * std(close, n) / mean(close, n)",
)
def bollinger_width(bars: Bars, n: int) -> Matrix:
    """Width of the Bollinger band of two standard deviations, over its middle."""
    return 4.0 * bars.std(bars.close, n) / bars.mean(bars.close, n)


@feature(
    inputs=("high", "low"),
    windows=(5, 20),
    lookback=lambda n: n,
    unit="per bar",
    source="Parkinson (1980)",
    formula="sqrt(mean(log(high / low) ** 2, n) / (4 * log(2)))",
)
def parkinson(bars: Bars, n: int) -> Matrix:
    """Volatility from the ranges of n bars."""
    return np.sqrt(bars.mean(bars.log_range**2 / np.log(16.0), n))


@feature(
    inputs=("open", "high", "low", "close"),
    windows=(20,),
    lookback=lambda n: n,
    unit="per bar",
    source="Garman and Klass (1980)",
    formula="sqrt(pos(mean(0.5 * log(high / low) ** 2 - (2 * log(2) - 1) * log(close / open) ** 2, n)))",
)
def garman_klass(bars: Bars, n: int) -> Matrix:
    """Volatility from open, high, low and close of n bars."""
    body = bars.log(bars.close / bars.open)
    variance = 0.5 * bars.log_range**2 - (2.0 * np.log(2.0) - 1.0) * body**2
    return np.sqrt(np.maximum(bars.mean(variance, n), 0.0))


@feature(
    inputs=("open", "high", "low", "close"),
    windows=(20,),
    lookback=lambda n: n + 1,
    unit="per bar",
    source="Yang and Zhang (2000)",
    formula=(
        "sqrt(std(log(open / lag(close, 1)), n) ** 2 + 0.34 / (1.34 + (n + 1) / (n - 1)) * "
        "std(log(close / open), n) ** 2 + (1 - 0.34 / (1.34 + (n + 1) / (n - 1))) * mean(log(high / "
        "close) * log(high / open) + log(low / close) * log(low / open), n))"
    ),
)
def yang_zhang(bars: Bars, n: int) -> Matrix:
    """Volatility from gaps, bodies and ranges of n bars, unmoved by drift and gaps."""
    gap = bars.log(bars.open / bars.lag(bars.close, 1))
    body = bars.log(bars.close / bars.open)
    above, below = bars.log(bars.high / bars.close), bars.log(bars.low / bars.close)
    inside = bars.mean(above * (above + body) + below * (below + body), n)
    k = 0.34 / (1.34 + (n + 1.0) / (n - 1.0))
    return np.sqrt(bars.std(gap, n) ** 2 + k * bars.std(body, n) ** 2 + (1.0 - k) * inside)


@feature(
    inputs=("close",),
    windows=(20, 60),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Ang et al. (2006)",
    formula="mean(neg(logret) ** 2, n) / mean(logret ** 2, n)",
)
def downside_share(bars: Bars, n: int) -> Matrix:
    """Share of the squared returns of n bars that came from falls."""
    squared = bars.log_returns**2
    falls = np.where(bars.log_returns > 0.0, 0.0, squared)
    return bars.divide(bars.mean(falls, n), bars.mean(squared, n))


@feature(
    inputs=("close",),
    windows=(20, 60),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Harvey and Siddique (2000)",
    formula="moment(logret, n, 3) / moment(logret, n, 2) ** 1.5",
)
def skew(bars: Bars, n: int) -> Matrix:
    """Skewness of log returns over n bars."""
    return bars.divide(bars.moment(bars.log_returns, n, 3), np.sqrt(bars.moment(bars.log_returns, n, 2)) ** 3)


@feature(
    inputs=("close",),
    windows=(60,),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Dittmar (2002)",
    formula="moment(logret, n, 4) / moment(logret, n, 2) ** 2 - 3",
)
def kurt(bars: Bars, n: int) -> Matrix:
    """Excess kurtosis of log returns over n bars."""
    return bars.divide(bars.moment(bars.log_returns, n, 4), bars.moment(bars.log_returns, n, 2) ** 2) - 3.0


@feature(
    inputs=("close",),
    windows=(20,),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Bali et al. (2011)",
    formula="max(ret, n)",
)
def max_ret(bars: Bars, n: int) -> Matrix:
    """Largest return of one bar within n bars."""
    return bars.max(bars.returns, n)


@feature(
    inputs=("close",),
    windows=(20,),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Bali et al. (2011)",
    formula="min(ret, n)",
)
def min_ret(bars: Bars, n: int) -> Matrix:
    """Smallest return of one bar within n bars."""
    return bars.min(bars.returns, n)


@feature(
    inputs=("close",),
    windows=(60,),
    lookback=lambda n: n,
    unit="ratio",
    source="Magdon-Ismail et al. (2004)",
    formula="drawdown(close, n)",
)
def max_drawdown(bars: Bars, n: int) -> Matrix:
    """Deepest fall of the close from a peak within n bars."""
    return bars.max_drawdown(bars.close, n)
