"""Window functions over whole panels: a thin, typed layer over the compiled kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.panel import MIN_CROSS_SECTION

EWMA_MEMORY = 5
"""An exponential average with span n is cut after 5 n bars, where 0.005 % of the weight is left."""


class Windows:
    """Functions of time x instruments matrices.

    Window functions return NaN before row ``first``. A window of n bars is the current bar and the n - 1 before it; at
    least 80 % of it must be finite, bars before the panel count as missing.

    Args:
        first: Row of the first value that is wanted.
    """

    def __init__(self, first: int = 0) -> None:
        # Imported here, because numba takes a second: listing features or pipelines needs no kernel.
        from finq_predictor.domain.features import _kernels

        self.first = first
        self._kernels = _kernels

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
        return self._matrix(self._kernels.row_mean(self._ready(x), MIN_CROSS_SECTION, self.first))

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
