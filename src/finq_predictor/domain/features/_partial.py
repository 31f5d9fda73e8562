"""Window functions that answer from the first known bar on: a thin, typed layer over their compiled kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from finq_predictor.domain.arrays import Matrix

TOGETHER = (5, 10, 20, 30, 60)
"""Windows that are computed at once, for as much as the longest costs: those of published sets."""
SOURCE = "Yang et al. (2020)"
"""Who published the set for which they are here."""
NO_CHANGE = 2e-5
"""A deviation that is taken for none, of quantities without a unit."""
LOW, HIGH = 0.2, 0.8
"""Shares below which quantiles lie."""


class PartialWindows:
    """Functions of windows that need one known bar, as published sets define them.

    A window of n bars is the current bar and the n - 1 before it. What is missing in it is left out, so that in the
    first bars of an instrument windows are shorter. What several features ask about the same matrix is computed once.

    Args:
        first: Row of the first value that is wanted.
    """

    def __init__(self, first: int) -> None:
        from finq_predictor.domain.features import _partial_kernels

        self.first = first
        self._kernels = _partial_kernels
        # By the identity of matrices, which are kept, so that no other one takes it.
        self._found: dict[tuple[Any, ...], tuple[tuple[Matrix, ...], Any]] = {}

    def mean(self, x: Matrix, n: int) -> Matrix:
        """Mean."""
        return self._of(self._kernels.line, 0, n, x)

    def std(self, x: Matrix, n: int) -> Matrix:
        """Standard deviation, n - 1 in the denominator; NaN of one bar."""
        return self._of(self._kernels.line, 1, n, x)

    def slope(self, x: Matrix, n: int) -> Matrix:
        """Least-squares slope per bar; NaN of one bar."""
        return self._of(self._kernels.line, 2, n, x)

    def straightness(self, x: Matrix, n: int) -> Matrix:
        """Share of the variance that a straight line explains; NaN where there is none."""
        return self._of(self._kernels.line, 3, n, x)

    def residual(self, x: Matrix, n: int) -> Matrix:
        """The newest value minus that of the least-squares line."""
        return self._of(self._kernels.line, 4, n, x)

    def max(self, x: Matrix, n: int) -> Matrix:
        """Maximum."""
        return self._of(self._kernels.highest, 0, n, x)

    def place_of_max(self, x: Matrix, n: int) -> Matrix:
        """Place of the maximum, from 1, the first known bar, to n, the newest."""
        return self._of(self._kernels.highest, 1, n, x)

    def min(self, x: Matrix, n: int) -> Matrix:
        """Minimum."""
        return -self._of(self._kernels.highest, 0, n, self._negative(x))

    def place_of_min(self, x: Matrix, n: int) -> Matrix:
        """Place of the minimum, as that of the maximum."""
        return self._of(self._kernels.highest, 1, n, self._negative(x))

    def rises(self, x: Matrix, n: int) -> Matrix:
        """Share of the known bars that are higher than the bar before."""
        return self._of(self._kernels.moves, 0, n, x)

    def falls(self, x: Matrix, n: int) -> Matrix:
        """Share of the known bars that are lower than the bar before."""
        return self._of(self._kernels.moves, 1, n, x)

    def risen(self, x: Matrix, n: int) -> Matrix:
        """Share of rises in the sum of absolute changes; 0 where nothing changed."""
        return self._of(self._kernels.moves, 2, n, x)

    def fallen(self, x: Matrix, n: int) -> Matrix:
        """Share of falls in the sum of absolute changes; 0 where nothing changed."""
        return self._of(self._kernels.moves, 3, n, x)

    def standing(self, x: Matrix, n: int) -> Matrix:
        """Rank of the current value as a share, 1 for the highest; equal values share theirs."""
        return self._of(self._kernels.standing, 0, n, x)

    def quantile(self, x: Matrix, n: int, *, upper: bool) -> Matrix:
        """Value below which four fifths (``upper``) or one fifth lie."""
        return self._of(self._kernels.quantiles, int(upper), n, x, extra=(np.array([LOW, HIGH]),))

    def correlation(self, x: Matrix, y: Matrix, n: int, *, price: bool = False) -> Matrix:
        """Correlation where both are known; NaN where one hardly changes.

        Args:
            x: One of both.
            y: The other; without a unit.
            n: The window.
            price: Whether ``x`` is a price, which hardly changes by rounding only, however small it is.
        """
        return self._of(self._kernels.together, 0, n, x, y, extra=(0.0 if price else NO_CHANGE, NO_CHANGE))

    def _negative(self, x: Matrix) -> Matrix:
        key = ("negative", id(x))
        if key not in self._found:
            self._found[key] = ((x,), -x)
        result: Matrix = self._found[key][1]
        return result

    def _of(self, kernel: Callable[..., Any], part: int, n: int, *given: Matrix, extra: tuple[Any, ...] = ()) -> Matrix:
        ends = TOGETHER if n in TOGETHER else (n,)
        key = (kernel, ends, extra and repr(extra), *map(id, given))
        if key not in self._found:
            ready = [np.require(x, np.float64, ["C", "W"]) for x in given]
            self._found[key] = (given, kernel(*ready, np.array(ends), *extra, self.first))
        result: Matrix = self._found[key][1][part, ends.index(n)]
        return result
