"""How far and how persistently the price moved."""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.features._bars import EWMA_MEMORY, Bars
from finq_predictor.domain.features._registry import feature
from finq_predictor.domain.panel import Matrix


@feature(
    inputs=("close",),
    windows=(1, 2, 3, 5, 10, 20, 60, 120, 250),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Jegadeesh and Titman (1993)",
)
def ret(bars: Bars, n: int) -> Matrix:
    """Simple return over n bars."""
    return bars.change(n)


@feature(
    inputs=("close",),
    windows=(7, 14, 28),
    lookback=lambda n: 2 * EWMA_MEMORY * n + 1,
    unit="0 to 100",
    source="Wilder (1978)",
)
def rsi(bars: Bars, n: int) -> Matrix:
    """Relative strength index: share of rises in smoothed absolute changes."""
    change = bars.close - bars.lag(bars.close, 1)
    rises = bars.wilder(np.maximum(change, 0.0), n)
    return 100.0 * bars.divide(rises, bars.wilder(np.abs(change), n))


@feature(inputs=("close",), windows=(20, 60), lookback=lambda n: n, unit="z-score", source="Bollinger (1992)")
def zscore(bars: Bars, n: int) -> Matrix:
    """Close minus its average, in standard deviations of n bars."""
    return bars.divide(bars.close - bars.mean(bars.close, n), bars.std(bars.close, n))
