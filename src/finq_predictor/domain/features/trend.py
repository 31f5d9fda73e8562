"""Which way the price goes and how steadily."""

from __future__ import annotations

from finq_predictor.domain.features._bars import EWMA_MEMORY, Bars
from finq_predictor.domain.features._registry import feature
from finq_predictor.domain.panel import Matrix


@feature(
    inputs=("close",),
    windows=(5, 10, 20, 50, 100, 200),
    lookback=lambda n: n,
    unit="ratio",
    source="Brock et al. (1992)",
)
def sma_gap(bars: Bars, n: int) -> Matrix:
    """Close over its simple average of n bars, minus one."""
    return bars.close / bars.mean(bars.close, n) - 1.0


@feature(
    inputs=("close",),
    windows=((12, 26),),
    lookback=lambda _, slow: EWMA_MEMORY * slow,
    unit="ratio",
    source="Appel (1979)",
)
def macd(bars: Bars, fast: int, slow: int) -> Matrix:
    """Fast minus slow exponential average, over the close."""
    return (bars.ewma(bars.close, fast) - bars.ewma(bars.close, slow)) / bars.close
