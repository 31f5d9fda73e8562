"""How much the price moves."""

from __future__ import annotations

from finq_predictor.domain.features._bars import EWMA_MEMORY, Bars
from finq_predictor.domain.features._registry import feature
from finq_predictor.domain.panel import Matrix


@feature(
    inputs=("close",),
    windows=(5, 10, 20, 60, 120),
    lookback=lambda n: n + 1,
    unit="per bar",
    source="Andersen and Bollerslev (1998)",
)
def vol(bars: Bars, n: int) -> Matrix:
    """Standard deviation of log returns over n bars."""
    return bars.std(bars.log_returns, n)


@feature(
    inputs=("high", "low", "close"),
    windows=(14,),
    lookback=lambda n: 2 * EWMA_MEMORY * n + 1,
    unit="ratio",
    source="Wilder (1978)",
)
def atr(bars: Bars, n: int) -> Matrix:
    """Average true range over the close."""
    return bars.wilder(bars.true_range, n) / bars.close
