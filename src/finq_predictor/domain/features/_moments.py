"""Window functions that only some families use: a thin, typed layer over their compiled kernels.

The kernels are imported when they are first called, because numba takes a second.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.panel import MIN_CROSS_SECTION


def top_mean(bars: Bars, x: Matrix, n: int, k: int) -> Matrix:
    """Mean of the k largest values of n bars."""
    from finq_predictor.domain.features import _moment_kernels as kernels

    return _matrix(kernels.top_mean(kernels.as_kernel_input(x), n, k, bars.first))


def following(bars: Bars, x: Matrix, code: Matrix, n: int, kinds: int) -> Matrix:
    """Mean of x over those of n bars that followed a bar of the same kind as the present one.

    Args:
        bars: The bars.
        x: What is averaged.
        code: The kind of each bar, (T, 1).
        n: Bars that are looked at.
        kinds: How many kinds there are; four fifths of n bars over this number have to be known.
    """
    from finq_predictor.domain.features import _moment_kernels as kernels

    before, now = kernels.as_kernel_input(bars.lag(code, 1)), kernels.as_kernel_input(code)
    least = kernels.MIN_SHARE * n / kinds
    return _matrix(kernels.same_mean(kernels.as_kernel_input(x), before, now, n, least, bars.first))


def share_near(bars: Bars, x: Matrix, width: Matrix, n: int, weight: Matrix) -> Matrix:
    """Share of the weight of n bars at which x was within the present width of its present value."""
    from finq_predictor.domain.features import _moment_kernels as kernels

    ready = kernels.as_kernel_input
    return _matrix(kernels.share_near(ready(x), ready(weight), ready(width), n, bars.first))


def at_the_maximum(bars: Bars, x: Matrix, other: Matrix, n: int) -> Matrix:
    """The value of x at the bar where another quantity was largest within n bars, the latest of several."""
    since = bars.bars_since_max(other, n)
    row, column = np.nonzero(~np.isnan(since))
    found = np.full(x.shape, np.nan)
    found[row, column] = x[row - since[row, column].astype(np.intp), column]
    return found


def sector_rank(bars: Bars, x: Matrix) -> Matrix:
    """Rank within the sector among the universe of the bar, in [-0.5, 0.5]; NaN with fewer than 3."""
    from finq_predictor.domain.features import _moment_kernels as kernels

    ready = kernels.as_kernel_input
    present = np.where(bars.panel.universe, x, np.nan)
    return _matrix(kernels.group_rank(ready(present), ready(bars.field("sector")), MIN_CROSS_SECTION, bars.first))


def night(bars: Bars) -> Matrix:
    """Logarithmic return from the close before to the open."""
    return bars._once("night", lambda: bars.log(bars.open / bars.lag(bars.close, 1)))


def day(bars: Bars) -> Matrix:
    """Logarithmic return from the open to the close."""
    return bars._once("day", lambda: bars.log(bars.close / bars.open))


def sector_returns(bars: Bars) -> Matrix:
    """Mean return of one bar of the instrument's sector; NaN with fewer than 3."""
    return bars.earlier(len(bars.panel.ts)).group_mean(bars.returns, bars.field("sector"))


def currency_balance(bars: Bars, x: Matrix) -> Matrix:
    """What the base of each pair is worth by all pairs of the bar it is in, minus what the quote currency is.

    A pair counts for its base and, with the other sign, for its quote. NaN with fewer than 3 pairs or without itself.
    """
    present = np.where(bars.panel.universe, x, np.nan)
    known = ~np.isnan(present)
    sides = [bars.market.instruments.sides(name) or ("", "") for name in bars.panel.instruments]
    worth = {}
    for currency in sorted({side for pair in sides for side in pair if side}):
        total, count = np.zeros(len(x)), np.zeros(len(x))
        # One pair after the other, so that pairs without a value change no bit.
        for column, (base, quote) in enumerate(sides):
            sign = float(base == currency) - float(quote == currency)
            total += np.where(known[:, column], sign * present[:, column], 0.0)
            count += known[:, column] * abs(sign)
        worth[currency] = np.divide(total, count, out=np.full(len(x), np.nan), where=count > 0.0)
    found = np.full(x.shape, np.nan)
    for column, (base, quote) in enumerate(sides):
        if base and quote:
            found[:, column] = worth[base] - worth[quote]
    enough = known.sum(axis=1, keepdims=True) >= MIN_CROSS_SECTION
    return np.where(enough & known, found, np.nan)


def _matrix(x: Any) -> Matrix:
    result: Matrix = x
    return result
