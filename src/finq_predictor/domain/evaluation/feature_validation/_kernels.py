"""The compiled part: rank correlations of every bar, each bar ranked once.

Ranks are kept doubled and centred, as whole numbers: ties share a mean rank, which may be a half, and sums of products
of whole numbers are exact in any order. Where two sides know the same instruments a correlation is one sum; else both
are ranked again among those that both know, in the order that is there already.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from finq_predictor.domain.compiling import compiled
from finq_predictor.domain.evaluation.feature_validation.grid import FEWEST


@compiled
def order_bars(values: Any, order: Any, ranks: Any, counts: Any, squares: Any) -> None:
    """Sort every bar (T, N) and rank what is known in it; unknown instruments have rank 0 and stand last."""
    for bar in range(values.shape[0]):
        line = values[bar]
        placed = np.argsort(line)
        known = 0
        for place in range(placed.shape[0]):
            instrument = placed[place]
            order[bar, place] = instrument
            ranks[bar, instrument] = 0
            if line[instrument] == line[instrument]:
                known += 1
        counts[bar] = known
        squares[bar] = _rank(line, order[bar], known, ranks[bar])


@compiled
def _rank(line: Any, order: Any, known: int, ranks: Any) -> int:
    """Doubled, centred ranks of the first ``known`` of an order, and the sum of their squares."""
    total = 0
    first = 0
    while first < known:
        last = first
        while last + 1 < known and line[order[last + 1]] == line[order[first]]:
            last += 1
        rank = first + last + 1 - known
        for place in range(first, last + 1):
            ranks[order[place]] = rank
        total += rank * rank * (last - first + 1)
        first = last + 1
    return total


@compiled
def _kept(order: Any, known: int, other: Any, out: Any) -> int:
    """The part of an order that another line knows, too."""
    count = 0
    for place in range(known):
        instrument = order[place]
        if other[instrument] == other[instrument]:
            out[count] = instrument
            count += 1
    return count


@compiled
def rank_correlations(
    x: Any, x_order: Any, x_ranks: Any, x_counts: Any, x_squares: Any,
    y: Any, y_order: Any, y_ranks: Any, y_counts: Any, y_squares: Any,
    lag: int, out: Any,
) -> None:  # fmt: skip
    """Spearman's correlation across instruments of x, ``lag`` bars ago, and y at each bar (T); NaN below three."""
    size = y.shape[1]
    one, other = np.empty(size, np.int32), np.empty(size, np.int32)
    a, b = np.zeros(size, np.int32), np.zeros(size, np.int32)
    for bar in range(y.shape[0]):
        out[bar] = np.nan
        then = bar - lag
        if then < 0 or x_counts[then] < FEWEST or y_counts[bar] < FEWEST:
            continue
        mine, yours = x[then], y[bar]
        product, both = np.int64(0), 0
        for instrument in range(size):
            product += np.int64(x_ranks[then, instrument]) * np.int64(y_ranks[bar, instrument])
            both += (mine[instrument] == mine[instrument]) & (yours[instrument] == yours[instrument])
        if both < FEWEST:
            continue
        first, second = x_squares[then], y_squares[bar]
        if both != x_counts[then] or both != y_counts[bar]:
            a[:] = 0
            b[:] = 0
            first = _rank(mine, one, _kept(x_order[then], x_counts[then], yours, one), a)
            second = _rank(yours, other, _kept(y_order[bar], y_counts[bar], mine, other), b)
            product = np.int64(0)
            for instrument in range(size):
                product += np.int64(a[instrument]) * np.int64(b[instrument])
        if first > 0 and second > 0:
            out[bar] = product / (np.sqrt(np.float64(first)) * np.sqrt(np.float64(second)))


@compiled
def correlations(x: Any, y: Any, out: Any) -> None:
    """Pearson's correlation across instruments of each bar (T); NaN below three or where either is constant."""
    for bar in range(y.shape[0]):
        out[bar] = np.nan
        count, mean_x, mean_y = 0, 0.0, 0.0
        for instrument in range(y.shape[1]):
            u, v = np.float64(x[bar, instrument]), y[bar, instrument]
            if u == u and v == v:
                count += 1
                mean_x += u
                mean_y += v
        if count < FEWEST:
            continue
        mean_x /= count
        mean_y /= count
        xx, yy, xy, size_x, size_y = 0.0, 0.0, 0.0, 0.0, 0.0
        for instrument in range(y.shape[1]):
            u, v = np.float64(x[bar, instrument]), y[bar, instrument]
            if u == u and v == v:
                xx += (u - mean_x) ** 2
                yy += (v - mean_y) ** 2
                xy += (u - mean_x) * (v - mean_y)
                size_x += u * u
                size_y += v * v
        # What is left of a constant after subtracting its mean is rounding, not variation.
        if xx > 1e-24 * size_x and yy > 1e-24 * size_y:
            out[bar] = min(max(xy / np.sqrt(xx * yy), -1.0), 1.0)


@compiled
def past_scores(x: Any, fewest: int, most: float, out: Any) -> None:
    """How far each value (T, N) lies from the mean of all before it of its instrument, in their deviations, clipped."""
    for instrument in range(x.shape[1]):
        count, mean, total = 0, 0.0, 0.0
        for bar in range(x.shape[0]):
            out[bar, instrument] = np.nan
            value = np.float64(x[bar, instrument])
            if value != value:
                continue
            if count >= fewest and total > 1e-12 * count * (mean * mean + 1e-300):
                score = (value - mean) / np.sqrt(total / (count - 1))
                out[bar, instrument] = min(max(score, -most), most)
            count += 1
            step = value - mean
            mean += step / count
            total += step * (value - mean)
