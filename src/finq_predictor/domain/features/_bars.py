"""What a feature function sees: fields, shared quantities and window functions over whole panels."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.markets import Market, get_market
from finq_predictor.domain.panel import MIN_CROSS_SECTION, Matrix, Panel

EWMA_MEMORY = 5
"""An exponential average with span n is cut after 5 n bars, where 0.005 % of the weight is left."""


class Bars:
    """A panel, the first row that is wanted, and what features have in common.

    All matrices are time x instruments; window functions return NaN before ``first``. A window of n bars is the current
    bar and the n - 1 before it; at least 80 % of it must be finite, bars before the panel count as missing.

    Args:
        panel: The panel; never changed.
        first: Row of the first value that is wanted.
        shared: Quantities computed already, by name; for bars of the same panel.
    """

    def __init__(self, panel: Panel, first: int = 0, shared: dict[str, Matrix] | None = None) -> None:
        from finq_predictor.domain.features import _kernels

        self.panel = panel
        self.first = first
        self._kernels = _kernels
        self._shared: dict[str, Matrix] = {} if shared is None else shared

    def field(self, name: str) -> Matrix:
        """A field of the panel, ready for the kernels."""
        return self._once(name, lambda: np.require(self.panel.fields[name], np.float64, ["C", "W"]))

    def earlier(self, bars: int) -> Bars:
        """The same bars, with values wanted ``bars`` rows earlier: for what a window is taken of."""
        return Bars(self.panel, max(0, self.first - bars), self._shared)

    def _once(self, name: str, compute: Callable[[], Matrix]) -> Matrix:
        if name not in self._shared:
            self._shared[name] = compute()
        return self._shared[name]

    # Fields -------------------------------------------------------------------------------------------------------

    @property
    def open(self) -> Matrix:
        """Opening price, adjusted."""
        return self.field("open")

    @property
    def high(self) -> Matrix:
        """Highest price, adjusted."""
        return self.field("high")

    @property
    def low(self) -> Matrix:
        """Lowest price, adjusted."""
        return self.field("low")

    @property
    def close(self) -> Matrix:
        """Closing price, adjusted."""
        return self.field("close")

    @property
    def volume(self) -> Matrix:
        """Volume in shares of today, or ticks."""
        return self.field("volume")

    @property
    def market(self) -> Market:
        """The market."""
        return get_market(self.panel.market)

    @cached_property
    def starts(self) -> pd.DatetimeIndex:
        """When each bar began, T times in UTC."""
        return self.panel.ts - pd.Timedelta(minutes=self.market.bar_minutes)

    # Shared quantities --------------------------------------------------------------------------------------------

    @property
    def returns(self) -> Matrix:
        """Simple return since the bar before."""
        return self._once("returns", lambda: self.close / self.lag(self.close, 1) - 1.0)

    @property
    def log_returns(self) -> Matrix:
        """Logarithmic return since the bar before."""
        return self._once("log_returns", lambda: self.log(self.close / self.lag(self.close, 1)))

    @property
    def true_range(self) -> Matrix:
        """Largest of high - low and the distances of both to the close before (Wilder, 1978)."""

        def compute() -> Matrix:
            before = self.lag(self.close, 1)
            result: Matrix = np.maximum(self.high, before) - np.minimum(self.low, before)
            return result

        return self._once("true_range", compute)

    @property
    def typical(self) -> Matrix:
        """Mean of high, low and close."""
        return self._once("typical", lambda: (self.high + self.low + self.close) / 3.0)

    @property
    def turnover(self) -> Matrix:
        """Typical price x volume."""
        return self._once("turnover", lambda: self.typical * self.volume)

    @property
    def benchmark_returns(self) -> Matrix:
        """Simple return of the benchmark since the bar before, (T, 1)."""

        def compute() -> Matrix:
            level = self.field("benchmark_close")
            return level / self.lag(level, 1) - 1.0

        return self._once("benchmark_returns", compute)

    def change(self, n: int) -> Matrix:
        """Simple return over n bars."""
        return self.close / self.lag(self.close, n) - 1.0

    # Elementwise --------------------------------------------------------------------------------------------------

    def lag(self, x: Matrix, n: int) -> Matrix:
        """The value n bars before; NaN in the first n rows."""
        result = np.full(x.shape, np.nan)
        if n < len(x):
            result[n:] = x[: len(x) - n]
        return result

    def log(self, x: Matrix) -> Matrix:
        """Natural logarithm; NaN where x is not positive."""
        return self._matrix(self._kernels.log(self._ready(x)))

    def divide(self, x: Matrix, y: Matrix) -> Matrix:
        """``x / y``; NaN where y is not positive."""
        return self._matrix(np.divide(x, y, out=np.full(np.broadcast_shapes(x.shape, y.shape), np.nan), where=y > 0.0))

    # Windows ------------------------------------------------------------------------------------------------------

    def mean(self, x: Matrix, n: int) -> Matrix:
        """Mean over n bars."""
        return self._matrix(self._kernels.mean(self._ready(x), n, self.first))

    def std(self, x: Matrix, n: int) -> Matrix:
        """Standard deviation over n bars, n - 1 in the denominator."""
        return self._matrix(self._kernels.std(self._ready(x), n, self.first))

    def max(self, x: Matrix, n: int) -> Matrix:
        """Maximum over n bars."""
        return self._matrix(self._kernels.highest(self._ready(x), n, self.first))

    def min(self, x: Matrix, n: int) -> Matrix:
        """Minimum over n bars."""
        return -self._matrix(self._kernels.highest(self._ready(-x), n, self.first))

    def weighted(self, x: Matrix, weights: Matrix) -> Matrix:
        """Mean with weights, the newest bar's first; weights of missing values are shared out among the others."""
        return self._matrix(self._kernels.weighted_mean(self._ready(x), weights, self.first))

    def ewma(self, x: Matrix, n: int) -> Matrix:
        """Exponential average with span n, alpha = 2 / (n + 1), cut after 5 n bars."""
        return self.weighted(x, _fading(1.0 - 2.0 / (n + 1.0), EWMA_MEMORY * n))

    def wilder(self, x: Matrix, n: int) -> Matrix:
        """Exponential average with alpha = 1 / n, cut after 10 n bars (Wilder, 1978)."""
        return self.weighted(x, _fading(1.0 - 1.0 / n, 2 * EWMA_MEMORY * n))

    # Across instruments -------------------------------------------------------------------------------------------

    def rank(self, x: Matrix) -> Matrix:
        """Rank among the instruments of the same bar, in [-0.5, 0.5]; ties share; NaN with fewer than 3."""
        return self._matrix(self._kernels.row_rank(self._ready(x), MIN_CROSS_SECTION, self.first))

    def _ready(self, x: Matrix) -> Matrix:
        return np.require(x, np.float64, ["C", "W"])

    @staticmethod
    def _matrix(x: Any) -> Matrix:
        result: Matrix = x
        return result


def _fading(factor: float, bars: int) -> Matrix:
    # Products, not powers: the same bits whatever mathematical library is underneath.
    weights: Matrix = np.cumprod(np.full(bars, factor)) / factor
    return weights
