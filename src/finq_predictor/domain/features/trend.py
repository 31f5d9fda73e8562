"""Which way the price goes and how steadily."""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._registry import feature
from finq_predictor.domain.features._windows import EWMA_MEMORY
from finq_predictor.domain.market.markets import Trait


@feature(
    inputs=("close",),
    windows=(5, 10, 20, 50, 100, 200),
    lookback=lambda n: n,
    unit="ratio",
    source="Brock et al. (1992)",
    formula="close / mean(close, n) - 1",
)
def sma_gap(bars: Bars, n: int) -> Matrix:
    """Close over its simple average of n bars, minus one."""
    return bars.close / bars.mean(bars.close, n) - 1.0


@feature(
    inputs=("close",),
    windows=((5, 20), (50, 200)),
    lookback=lambda _, slow: slow,
    unit="ratio",
    source="Brock et al. (1992)",
    formula="mean(close, fast) / mean(close, slow) - 1",
)
def sma_cross(bars: Bars, fast: int, slow: int) -> Matrix:
    """Simple average of the fast window over that of the slow one, minus one."""
    return bars.mean(bars.close, fast) / bars.mean(bars.close, slow) - 1.0


@feature(
    inputs=("close",),
    lookback=12 * EWMA_MEMORY,
    unit="ratio",
    source="Roberts (1959)",
    needs=(Trait.INTRADAY,),
    formula="close / ewma(close, 12) - 1",
)
def ewma_short(bars: Bars) -> Matrix:
    """Close over its exponential average of span 12, minus one."""
    return bars.close / bars.ewma(bars.close, 12) - 1.0


@feature(
    inputs=("close",),
    lookback=48 * EWMA_MEMORY,
    unit="ratio",
    source="Roberts (1959)",
    needs=(Trait.INTRADAY,),
    formula="close / ewma(close, 48) - 1",
)
def ewma_long(bars: Bars) -> Matrix:
    """Close over its exponential average of span 48, minus one."""
    return bars.close / bars.ewma(bars.close, 48) - 1.0


@feature(
    inputs=("close",),
    windows=((12, 26),),
    lookback=lambda _, slow: EWMA_MEMORY * slow,
    unit="ratio",
    source="Appel (1979)",
    formula="(ewma(close, fast) - ewma(close, slow)) / close",
)
def macd(bars: Bars, fast: int, slow: int) -> Matrix:
    """Fast minus slow exponential average, over the close."""
    return (bars.ewma(bars.close, fast) - bars.ewma(bars.close, slow)) / bars.close


@feature(
    inputs=("close",),
    windows=((12, 26, 9),),
    lookback=lambda _, slow, signal: EWMA_MEMORY * (slow + signal) - 1,
    unit="ratio",
    source="Appel (1979)",
    formula=("(ewma(close, fast) - ewma(close, slow) - ewma(ewma(close, fast) - ewma(close, slow), signal)) / close"),
)
def macd_histogram(bars: Bars, fast: int, slow: int, signal: int) -> Matrix:
    """MACD minus its own exponential average, over the close."""
    inner = bars.earlier(EWMA_MEMORY * signal - 1)
    line = inner.ewma(bars.close, fast) - inner.ewma(bars.close, slow)
    return (line - bars.ewma(line, signal)) / bars.close


@feature(
    inputs=("high", "low"),
    windows=(14,),
    lookback=lambda n: 2 * EWMA_MEMORY * n + 1,
    unit="-100 to 100",
    source="Wilder (1978)",
    formula="100 * (wilder(up_move, n) - wilder(down_move, n)) / (wilder(up_move, n) + wilder(down_move, n))",
)
def directional_balance(bars: Bars, n: int) -> Matrix:
    """Upward minus downward directional movement, over their sum."""
    up, down = bars.wilder(bars.upward, n), bars.wilder(bars.downward, n)
    return 100.0 * bars.divide(up - down, up + down)


@feature(
    inputs=("high", "low"),
    windows=(14,),
    lookback=lambda n: 4 * EWMA_MEMORY * n,
    unit="0 to 100",
    source="Wilder (1978)",
    formula=(
        "100 * wilder(abs(wilder(up_move, n) - wilder(down_move, n)) / (wilder(up_move, n) + wilder(down_move, n)), n)"
    ),
)
def adx(bars: Bars, n: int) -> Matrix:
    """Average directional index: strength of a trend, whichever way it goes."""
    inner = bars.earlier(2 * EWMA_MEMORY * n - 1)
    up, down = inner.wilder(bars.upward, n), inner.wilder(bars.downward, n)
    return 100.0 * bars.wilder(bars.divide(np.abs(up - down), up + down), n)


@feature(
    inputs=("high", "low"),
    windows=(25,),
    lookback=lambda n: n + 1,
    unit="-100 to 100",
    source="Chande (1995)",
    formula="100 * (since_max(-low, n + 1) - since_max(high, n + 1)) / n",
)
def aroon(bars: Bars, n: int) -> Matrix:
    """How much more recent the highest high is than the lowest low, over n bars."""
    return 100.0 * (bars.bars_since_max(-bars.low, n + 1) - bars.bars_since_max(bars.high, n + 1)) / n


@feature(
    inputs=("close",),
    windows=(20, 60),
    lookback=lambda n: n,
    unit="per bar",
    source="Kestner (1996)",
    formula="trend(log(close), n)",
)
def slope(bars: Bars, n: int) -> Matrix:
    """Least-squares slope of the log close over n bars."""
    return bars.slope(bars.log_close, n)


@feature(
    inputs=("close",),
    windows=(20, 60),
    lookback=lambda n: n,
    unit="share",
    source="Kestner (1996)",
    formula="fit(log(close), n)",
)
def straightness(bars: Bars, n: int) -> Matrix:
    """Share of the variance of the log close that a straight line explains."""
    return bars.straightness(bars.log_close, n)


@feature(
    inputs=("close",),
    windows=(10, 20, 60),
    lookback=lambda n: n + 1,
    unit="-1 to 1",
    source="Kaufman (1995)",
    formula="(close - lag(close, n)) / (n * mean(abs(close - lag(close, 1)), n))",
)
def efficiency(bars: Bars, n: int) -> Matrix:
    """Net change over n bars divided by the length of the way."""
    step = bars.close - bars.lag(bars.close, 1)
    return bars.divide((bars.close - bars.lag(bars.close, n)) / n, bars.mean(np.abs(step), n))


@feature(
    inputs=("high", "low", "close"),
    windows=(14,),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Botes and Siepman (2010)",
    formula="mean(abs(high - lag(low, 1)) - abs(low - lag(high, 1)), n) / mean(true_range, n)",
)
def vortex(bars: Bars, n: int) -> Matrix:
    """Upward minus downward vortex movement, over the true range of n bars."""
    up = np.abs(bars.high - bars.lag(bars.low, 1))
    down = np.abs(bars.low - bars.lag(bars.high, 1))
    return bars.divide(bars.mean(up - down, n), bars.mean(bars.true_range, n))
