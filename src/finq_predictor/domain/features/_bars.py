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

    def column(self, values: Any) -> Matrix:
        """One number per bar as a (T, 1) matrix."""
        return np.array(values, dtype=np.float64).reshape(-1, 1)

    def between(self, zone: str, start: int, stop: int) -> Matrix:
        """One for bars that began from hour ``start`` to before hour ``stop`` of a time zone, else 0; (T, 1)."""
        hour = self.column(self.starts.tz_convert(zone).hour)
        return ((hour >= start) & (hour < stop)).astype(np.float64)

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

    @property
    def log_close(self) -> Matrix:
        """Logarithm of the close; only its differences may become features."""
        return self._once("log_close", lambda: self.log(self.close))

    @property
    def upward(self) -> Matrix:
        """Rise of the high where it is larger than the fall of the low, else 0 (Wilder, 1978)."""
        return self._once("upward", lambda: self._directional(1.0))

    @property
    def downward(self) -> Matrix:
        """Fall of the low where it is larger than the rise of the high, else 0 (Wilder, 1978)."""
        return self._once("downward", lambda: self._directional(-1.0))

    def _directional(self, side: float) -> Matrix:
        up, down = self.high - self.lag(self.high, 1), self.lag(self.low, 1) - self.low
        this, other = (up, down) if side > 0.0 else (down, up)
        return np.where(np.isnan(this + other), np.nan, np.where((this > other) & (this > 0.0), this, 0.0))

    @property
    def log_range(self) -> Matrix:
        """Logarithm of high over low."""
        return self._once("log_range", lambda: self.log(self.high / self.low))

    @property
    def high_low_spread(self) -> Matrix:
        """Spread from the ranges of two bars, as a share of price, not below 0 (Corwin and Schultz, 2012)."""

        def compute() -> Matrix:
            k = 3.0 - 2.0 * np.sqrt(2.0)
            beta = self.log_range**2 + self.lag(self.log_range, 1) ** 2
            high = np.maximum(self.high, self.lag(self.high, 1))
            low = np.minimum(self.low, self.lag(self.low, 1))
            gamma = self.log(high / low) ** 2
            alpha = (np.sqrt(2.0 * beta) - np.sqrt(beta)) / k - np.sqrt(gamma / k)
            spread: Matrix = np.maximum(2.0 * np.tanh(0.5 * alpha), 0.0)
            return spread

        return self._once("high_low_spread", compute)

    @property
    def quoted_spread(self) -> Matrix:
        """Ask minus bid at the close, over their mean."""

        def compute() -> Matrix:
            bid, ask = self.field("bid_close"), self.field("ask_close")
            return 2.0 * (ask - bid) / (ask + bid)

        return self._once("quoted_spread", compute)

    @property
    def illiquidity(self) -> Matrix:
        """Absolute return over turnover (Amihud, 2002); NaN without turnover."""
        return self._once("illiquidity", lambda: self.divide(np.abs(self.returns), self.turnover))

    def market_fit(self, n: int) -> tuple[Matrix, Matrix, Matrix]:
        """Regression of returns on the benchmark's over n bars: beta, deviation of the residuals, alpha per bar."""
        own, other = self.returns, self.benchmark_returns
        key = f"market_fit_{n}_{self.first}"
        beta = self._once(f"{key}_beta", lambda: self.beta(own, other, n))
        alpha = self._once(f"{key}_alpha", lambda: self.mean(own, n) - beta * self.mean(other, n))

        def compute() -> Matrix:
            unexplained: Matrix = np.sqrt(np.maximum(1.0 - self.correlation(own, other, n) ** 2, 0.0))
            return self.std(own, n) * unexplained

        return beta, self._once(f"{key}_deviation", compute), alpha

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

    def normal_cdf(self, x: Matrix) -> Matrix:
        """Distribution function of the standard normal."""
        return self._matrix(self._kernels.normal_cdf(self._ready(x)))

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

    def fading(self, factor: float, n: int) -> Matrix:
        """Weights 1, factor, factor squared ... for n bars, by products: the same bits on every machine."""
        weights: Matrix = np.cumprod(np.full(n, factor)) / factor
        return weights

    def ewma(self, x: Matrix, n: int) -> Matrix:
        """Exponential average with span n, alpha = 2 / (n + 1), cut after 5 n bars."""
        return self.weighted(x, self.fading(1.0 - 2.0 / (n + 1.0), EWMA_MEMORY * n))

    def wilder(self, x: Matrix, n: int) -> Matrix:
        """Exponential average with alpha = 1 / n, cut after 10 n bars (Wilder, 1978)."""
        return self.weighted(x, self.fading(1.0 - 1.0 / n, 2 * EWMA_MEMORY * n))

    def moment(self, x: Matrix, n: int, power: int) -> Matrix:
        """Mean of deviations to a power of 2, 3 or 4; power 1 takes absolute deviations."""
        return self._matrix(self._kernels.moment(self._ready(x), n, power, self.first))

    def bars_since_max(self, x: Matrix, n: int) -> Matrix:
        """Bars since the maximum of n bars, 0 to n - 1."""
        return self._matrix(self._kernels.bars_since_high(self._ready(x), n, self.first))

    def share_below(self, x: Matrix, n: int, weight: Matrix | None = None) -> Matrix:
        """Share of n bars (of their weight) with x below its current value; equal values count half."""
        weight = np.ones_like(x) if weight is None else weight
        return self._matrix(self._kernels.share_below(self._ready(x), self._ready(weight), n, self.first))

    def max_drawdown(self, x: Matrix, n: int) -> Matrix:
        """Deepest fall from a peak within n bars, 0 or below."""
        return self._matrix(self._kernels.max_drawdown(self._ready(x), n, self.first))

    def slope(self, y: Matrix, n: int) -> Matrix:
        """Least-squares slope per bar over n bars."""
        return self._matrix(self._kernels.trend_line(self._ready(y), n, False, self.first))

    def straightness(self, y: Matrix, n: int) -> Matrix:
        """Share of the variance over n bars that a straight line explains."""
        return self._matrix(self._kernels.trend_line(self._ready(y), n, True, self.first))

    def covariance(self, x: Matrix, y: Matrix, n: int) -> Matrix:
        """Covariance over n bars."""
        return self._comoment(x, y, n, 0)

    def beta(self, x: Matrix, y: Matrix, n: int) -> Matrix:
        """Slope of x on y over n bars."""
        return self._comoment(x, y, n, 1)

    def correlation(self, x: Matrix, y: Matrix, n: int) -> Matrix:
        """Correlation over n bars."""
        return self._comoment(x, y, n, 2)

    def _comoment(self, x: Matrix, y: Matrix, n: int, kind: int) -> Matrix:
        other = np.array(np.broadcast_to(y, x.shape))
        return self._matrix(self._kernels.comoment(self._ready(x), other, n, kind, self.first))

    # Across instruments -------------------------------------------------------------------------------------------

    def rank(self, x: Matrix) -> Matrix:
        """Rank among the instruments of the same bar, in [-0.5, 0.5]; ties share; NaN with fewer than 3."""
        return self._matrix(self._kernels.row_rank(self._ready(x), MIN_CROSS_SECTION, self.first))

    def row_mean(self, x: Matrix) -> Matrix:
        """Mean of the instruments of the same bar, (T, 1); NaN with fewer than 3."""
        count = np.isfinite(x).sum(axis=1, keepdims=True)
        total = np.where(np.isfinite(x), x, 0.0).sum(axis=1, keepdims=True)
        return np.where(count >= MIN_CROSS_SECTION, total / np.maximum(count, 1), np.nan)

    def row_std(self, x: Matrix) -> Matrix:
        """Standard deviation of the instruments of the same bar, (T, 1); NaN with fewer than 3."""
        result: Matrix = np.sqrt(self.row_mean((x - self.row_mean(x)) ** 2))
        return result

    def group_mean(self, x: Matrix, group: Matrix) -> Matrix:
        """Mean of the instruments of the same bar and group; NaN with fewer than 3."""
        return self._matrix(self._kernels.group_mean(self._ready(x), self._ready(group), MIN_CROSS_SECTION, self.first))

    def _ready(self, x: Matrix) -> Matrix:
        return np.require(x, np.float64, ["C", "W"])

    @staticmethod
    def _matrix(x: Any) -> Matrix:
        result: Matrix = x
        return result
