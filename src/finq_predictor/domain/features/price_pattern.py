"""Shapes of single bars and places within ranges."""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._registry import feature


@feature(
    inputs=("open", "high", "low", "close"),
    lookback=1,
    unit="-1 to 1",
    source="Nison (1991)",
    formula="(close - open) / (high - low)",
)
def body(bars: Bars) -> Matrix:
    """Close minus open, over the range of the bar."""
    return bars.divide(bars.close - bars.open, bars.high - bars.low)


@feature(
    inputs=("open", "high", "low", "close"),
    lookback=1,
    unit="share",
    source="Nison (1991)",
    formula="(high - larger(open, close)) / (high - low)",
)
def upper_shadow(bars: Bars) -> Matrix:
    """Range above the body, over the range of the bar."""
    return bars.divide(bars.high - np.maximum(bars.open, bars.close), bars.high - bars.low)


@feature(
    inputs=("open", "high", "low", "close"),
    lookback=1,
    unit="share",
    source="Nison (1991)",
    formula="(smaller(open, close) - low) / (high - low)",
)
def lower_shadow(bars: Bars) -> Matrix:
    """Range below the body, over the range of the bar."""
    return bars.divide(np.minimum(bars.open, bars.close) - bars.low, bars.high - bars.low)


@feature(
    inputs=("high", "low", "close"),
    windows=(1, 5),
    lookback=lambda n: n,
    unit="share",
    source="Williams (1979)",
    formula="mean((close - low) / (high - low), n)",
)
def close_location(bars: Bars, n: int) -> Matrix:
    """Where bars closed between their low and high, average of n bars."""
    return bars.mean(bars.divide(bars.close - bars.low, bars.high - bars.low), n)


@feature(
    inputs=("open", "close"),
    lookback=2,
    unit="ratio",
    source="Lou et al. (2019)",
    formula="open / lag(close, 1) - 1",
)
def gap(bars: Bars) -> Matrix:
    """Open over the close before, minus one."""
    return bars.open / bars.lag(bars.close, 1) - 1.0


@feature(
    inputs=("open", "close"),
    windows=(20,),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Lou et al. (2019)",
    formula="mean(open / lag(close, 1) - 1, n)",
)
def gap_mean(bars: Bars, n: int) -> Matrix:
    """Average return from close to open over n bars."""
    return bars.mean(bars.open / bars.lag(bars.close, 1) - 1.0, n)


@feature(
    inputs=("open", "close"),
    windows=(20,),
    lookback=lambda n: n,
    unit="ratio",
    source="Lou et al. (2019)",
    formula="mean(close / open - 1, n)",
)
def intraday_mean(bars: Bars, n: int) -> Matrix:
    """Average return from open to close over n bars."""
    return bars.mean(bars.close / bars.open - 1.0, n)


@feature(
    inputs=("high", "low"),
    windows=(20,),
    lookback=lambda n: n,
    unit="ratio",
    source="Crabel (1990)",
    formula="log(log(high / low) / mean(log(high / low), n))",
)
def range_expansion(bars: Bars, n: int) -> Matrix:
    """Logarithm of the bar's range over the average range of n bars."""
    return bars.log(bars.divide(bars.log_range, bars.mean(bars.log_range, n)))


@feature(
    inputs=("high", "low", "close"),
    windows=(60, 250),
    lookback=lambda n: n,
    unit="share",
    source="Donchian (1960)",
    formula="(close - min(low, n)) / (max(high, n) - min(low, n))",
)
def channel_place(bars: Bars, n: int) -> Matrix:
    """Place of the close between the lowest low and the highest high of n bars."""
    low = bars.min(bars.low, n)
    return bars.divide(bars.close - low, bars.max(bars.high, n) - low)


@feature(
    inputs=("high",),
    windows=(60, 250),
    lookback=lambda n: n,
    unit="share of n",
    source="George and Hwang (2004)",
    formula="since_max(high, n) / n",
)
def high_age(bars: Bars, n: int) -> Matrix:
    """Bars since the highest high of n bars, over n."""
    return bars.bars_since_max(bars.high, n) / n


@feature(
    inputs=("high", "low"),
    windows=(5,),
    lookback=lambda n: n + 1,
    unit="share",
    source="Crabel (1990)",
    formula="mean((high <= lag(high, 1)) * (low >= lag(low, 1)), n)",
)
def inside_share(bars: Bars, n: int) -> Matrix:
    """Share of n bars that lay within the range of the bar before."""
    above, below = bars.lag(bars.high, 1) - bars.high, bars.low - bars.lag(bars.low, 1)
    inside = ((above >= 0.0) & (below >= 0.0)).astype(np.float64)
    return bars.mean(np.where(np.isnan(above + below), np.nan, inside), n)
