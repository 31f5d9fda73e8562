"""What a feature function sees: fields, shared quantities and the window functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._partial import PartialWindows
from finq_predictor.domain.features._windows import Windows
from finq_predictor.domain.market.markets import Market, get_market
from finq_predictor.domain.panel import Panel


class Bars(Windows):
    """A panel, the first row that is wanted, and what features have in common.

    All matrices are time x instruments, float64; what is the same for all instruments is (T, 1).

    Args:
        panel: The panel; never changed.
        first: Row of the first value that is wanted.
        shared: Quantities computed already, by name; for bars of the same panel.
    """

    def __init__(self, panel: Panel, first: int = 0, shared: dict[str, Matrix] | None = None) -> None:
        super().__init__(first)
        self.panel = panel
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

    @cached_property
    def partial(self) -> PartialWindows:
        """Window functions that answer from the first known bar on, as published sets ask for."""
        return PartialWindows(self.first)

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

    @property
    def log_volume(self) -> Matrix:
        """Logarithm of volume plus one."""
        return self._once("log_volume", lambda: self.log(self.volume + 1.0))

    @property
    def volume_change(self) -> Matrix:
        """Logarithm of one plus volume over that of the bar before."""

        def compute() -> Matrix:
            change = self.log(self.volume / self.lag(self.volume, 1) + 1.0)
            return np.where(np.isfinite(change), change, np.nan)

        return self._once("volume_change", compute)

    @property
    def growth(self) -> Matrix:
        """Close over the close before."""
        return self._once("growth", lambda: self.close / self.lag(self.close, 1))

    @property
    def moved_volume(self) -> Matrix:
        """Absolute return times volume."""
        return self._once("moved_volume", lambda: np.abs(self.growth - 1.0) * self.volume)

    def over(self, x: Matrix, y: Matrix) -> Matrix:
        """``x / y``; 0 where both are nothing, NaN where y alone is."""
        return np.where((x == 0.0) & (y == 0.0), 0.0, self.divide(x, y))

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

    # Across instruments: only those that are asked about, for one that is not listed yet must not count -------------

    def rank(self, x: Matrix) -> Matrix:
        """Rank in the universe of the bar, in [-0.5, 0.5]; ties share; NaN with fewer than 3."""
        return super().rank(self._present(x))

    def row_mean(self, x: Matrix) -> Matrix:
        """Mean of the universe of the bar, (T, 1); NaN with fewer than 3."""
        return super().row_mean(self._present(x))

    def group_mean(self, x: Matrix, group: Matrix) -> Matrix:
        """Mean of the instruments of the group in the universe of the bar; NaN with fewer than 3."""
        return super().group_mean(self._present(x), group)

    def _present(self, x: Matrix) -> Matrix:
        return np.where(self.panel.universe, x, np.nan)
