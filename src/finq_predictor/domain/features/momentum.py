"""How far and how persistently the price moved."""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._registry import feature
from finq_predictor.domain.features._windows import EWMA_MEMORY


@feature(
    inputs=("close",),
    windows=(1, 2, 3, 5, 10, 20, 60, 120, 250),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Jegadeesh and Titman (1993)",
    formula="close / lag(close, n) - 1",
)
def ret(bars: Bars, n: int) -> Matrix:
    """Simple return over n bars."""
    return bars.change(n)


@feature(
    inputs=("close",),
    windows=(1, 2, 3, 4, 5, 10),
    lookback=lambda k: k + 2,
    unit="ratio",
    source="Lo and MacKinlay (1990)",
    formula="lag(ret, k)",
)
def ret_lag(bars: Bars, k: int) -> Matrix:
    """Return of one bar, k bars ago, of the same instrument."""
    return bars.lag(bars.returns, k)


@feature(
    inputs=("close",),
    windows=((120, 20), (250, 20)),
    lookback=lambda n, _: n + 1,
    unit="ratio",
    source="Jegadeesh (1990)",
    formula="lag(close, skip) / lag(close, n) - 1",
)
def ret_skip(bars: Bars, n: int, skip: int) -> Matrix:
    """Return from n bars ago until the skipped last bars."""
    return bars.lag(bars.close, skip) / bars.lag(bars.close, n) - 1.0


@feature(
    inputs=("close",),
    windows=(20,),
    lookback=lambda n: 2 * n + 1,
    unit="ratio",
    source="Gettleman and Marks (2006)",
    formula="close / lag(close, n) - lag(close, n) / lag(close, 2 * n)",
)
def acceleration(bars: Bars, n: int) -> Matrix:
    """Return over n bars minus the return over the n bars before."""
    return bars.change(n) - bars.lag(bars.change(n), n)


@feature(
    inputs=("close",),
    windows=(20, 60, 120),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Sharpe (1966)",
    formula="mean(ret, n) / std(ret, n)",
)
def ret_over_vol(bars: Bars, n: int) -> Matrix:
    """Mean return over the standard deviation of returns, n bars."""
    return bars.divide(bars.mean(bars.returns, n), bars.std(bars.returns, n))


@feature(
    inputs=("close",),
    windows=(7, 14, 28),
    lookback=lambda n: 2 * EWMA_MEMORY * n + 1,
    unit="0 to 100",
    source="Wilder (1978)",
    formula="100 * wilder(pos(close - lag(close, 1)), n) / wilder(abs(close - lag(close, 1)), n)",
)
def rsi(bars: Bars, n: int) -> Matrix:
    """Relative strength index: share of rises in smoothed absolute changes."""
    change = bars.close - bars.lag(bars.close, 1)
    rises = bars.wilder(np.maximum(change, 0.0), n)
    return 100.0 * bars.divide(rises, bars.wilder(np.abs(change), n))


@feature(
    inputs=("high", "low", "close"),
    windows=(14,),
    lookback=lambda n: n,
    unit="0 to 100",
    source="Lane (1984)",
    formula="100 * (close - min(low, n)) / (max(high, n) - min(low, n))",
)
def stochastic_k(bars: Bars, n: int) -> Matrix:
    """Place of the close between the lowest low and the highest high of n bars."""
    low = bars.min(bars.low, n)
    return 100.0 * bars.divide(bars.close - low, bars.max(bars.high, n) - low)


@feature(
    inputs=("high", "low", "close"),
    windows=((14, 3),),
    lookback=lambda n, m: n + m - 1,
    unit="0 to 100",
    source="Lane (1984)",
    formula="100 * mean((close - min(low, n)) / (max(high, n) - min(low, n)), m)",
)
def stochastic_d(bars: Bars, n: int, m: int) -> Matrix:
    """Average over m bars of the stochastic oscillator of n bars."""
    inner = bars.earlier(m - 1)
    low = inner.min(bars.low, n)
    return 100.0 * bars.mean(bars.divide(bars.close - low, inner.max(bars.high, n) - low), m)


@feature(
    inputs=("high", "low", "close"),
    windows=(20,),
    lookback=lambda n: n,
    unit="points",
    source="Lambert (1980)",
    formula="(typical - mean(typical, n)) / (0.015 * moment(typical, n, 1))",
)
def cci(bars: Bars, n: int) -> Matrix:
    """Typical price minus its average, over 0.015 mean absolute deviations."""
    away = bars.typical - bars.mean(bars.typical, n)
    return bars.divide(away, 0.015 * bars.moment(bars.typical, n, 1))


@feature(
    inputs=("high", "low", "close"),
    windows=((7, 14, 28),),
    lookback=lambda _, __, slow: slow + 1,
    unit="0 to 100",
    source="Williams (1985)",
    formula=(
        "100 * (4 * mean(close - smaller(low, lag(close, 1)), fast) / mean(true_range, fast) + 2 * "
        "mean(close - smaller(low, lag(close, 1)), middle) / mean(true_range, middle) + mean(close - "
        "smaller(low, lag(close, 1)), slow) / mean(true_range, slow)) / 7"
    ),
)
def ultimate(bars: Bars, fast: int, middle: int, slow: int) -> Matrix:
    """Ultimate oscillator: buying pressure over true range in three windows, weighted 4, 2, 1."""
    pressure = bars.close - np.minimum(bars.low, bars.lag(bars.close, 1))
    parts = [bars.divide(bars.mean(pressure, n), bars.mean(bars.true_range, n)) for n in (fast, middle, slow)]
    return 100.0 * (4.0 * parts[0] + 2.0 * parts[1] + parts[2]) / 7.0


@feature(
    inputs=("close",),
    windows=(20, 60),
    lookback=lambda n: n,
    unit="z-score",
    source="Bollinger (1992)",
    formula="(close - mean(close, n)) / std(close, n)",
)
def zscore(bars: Bars, n: int) -> Matrix:
    """Close minus its average, in standard deviations of n bars."""
    return bars.divide(bars.close - bars.mean(bars.close, n), bars.std(bars.close, n))


@feature(
    inputs=("close",),
    windows=(10, 20, 60),
    lookback=lambda n: n + 1,
    unit="share",
    source="Da et al. (2014)",
    formula="mean(0.5 + 0.5 * sign(ret), n)",
)
def up_share(bars: Bars, n: int) -> Matrix:
    """Share of n bars with a rise, unchanged bars count half."""
    return bars.mean(0.5 + 0.5 * np.sign(bars.returns), n)


@feature(
    inputs=("high", "close"),
    windows=(20, 60, 250),
    lookback=lambda n: n,
    unit="ratio",
    source="George and Hwang (2004)",
    formula="close / max(high, n) - 1",
)
def high_gap(bars: Bars, n: int) -> Matrix:
    """Close over the highest high of n bars, minus one."""
    return bars.close / bars.max(bars.high, n) - 1.0


@feature(
    inputs=("low", "close"),
    windows=(20, 60, 250),
    lookback=lambda n: n,
    unit="ratio",
    source="George and Hwang (2004)",
    formula="close / min(low, n) - 1",
)
def low_gap(bars: Bars, n: int) -> Matrix:
    """Close over the lowest low of n bars, minus one."""
    return bars.close / bars.min(bars.low, n) - 1.0
