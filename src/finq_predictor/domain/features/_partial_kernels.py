"""Compiled window functions that answer from the first known bar on, for several windows at once.

They go from the newest bar of a window to the oldest, so that a window is the beginning of every longer one: all
windows cost as much as the longest. Sums are of distances from the newest known bar, which is of every window: what is
constant has a spread of exactly nothing, and squares lose no digits however high the price is. As in ``_kernels``, a
value depends on the bars of its window and nothing else, bit by bit; missing bars are left out and need not be a
minority.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.compiling import compiled

NEAR = 1e-12
"""Share of the level below which a spread is rounding."""


@compiled
def line(y: Matrix, ends: Any, first: int) -> Any:
    """Mean, deviation (n - 1), slope per bar, explained share and newest residual of a line; (5, windows, T, N)."""
    rows, columns = y.shape
    out = np.full((5, len(ends), rows, columns), np.nan)
    for t in range(first, rows):
        origin = y[t].copy()
        count, times, squares = np.zeros(columns), np.zeros(columns), np.zeros(columns)
        level, both, levels = np.zeros(columns), np.zeros(columns), np.zeros(columns)
        for k in range(len(ends)):
            start = t if k == 0 else t - ends[k - 1]
            for s in range(start, max(t - ends[k], -1), -1):
                a = float(s - t)
                for j in range(columns):
                    known = y[s, j] == y[s, j]
                    origin[j] = origin[j] if origin[j] == origin[j] else y[s, j]
                    d = y[s, j] - origin[j] if known else 0.0
                    count[j] += 1.0 if known else 0.0
                    times[j] += a if known else 0.0
                    squares[j] += a * a if known else 0.0
                    level[j] += d
                    both[j] += a * d
                    levels[j] += d * d
            for j in range(columns):
                n = count[j]
                if n < 1.0:
                    continue
                center = level[j] / n
                out[0, k, t, j] = origin[j] + center
                if n < 2.0:
                    continue
                spread = max(levels[j] - level[j] * center, 0.0)
                flat = spread <= n * (NEAR * (origin[j] + center)) ** 2
                out[1, k, t, j] = 0.0 if flat else math.sqrt(spread / (n - 1.0))
                along = both[j] - times[j] * center
                width = squares[j] - times[j] * times[j] / n
                slope = 0.0 if flat else along / width
                out[2, k, t, j] = slope
                if not flat:
                    out[3, k, t, j] = min(along * along / (width * spread), 1.0)
                if y[t, j] == y[t, j]:
                    out[4, k, t, j] = 0.0 if flat else slope * (times[j] / n) - center
    return out


@compiled
def highest(x: Matrix, ends: Any, first: int) -> Any:
    """Maximum, and its place counted from the first known bar (1), the oldest where several are equal."""
    rows, columns = x.shape
    out = np.full((2, len(ends), rows, columns), np.nan)
    for t in range(first, rows):
        top, age, oldest = np.full(columns, -np.inf), np.zeros(columns), np.full(columns, -1.0)
        for k in range(len(ends)):
            start = t if k == 0 else t - ends[k - 1]
            for s in range(start, max(t - ends[k], -1), -1):
                back = float(t - s)
                for j in range(columns):
                    higher = x[s, j] >= top[j]
                    top[j] = x[s, j] if higher else top[j]
                    age[j] = back if higher else age[j]
                    oldest[j] = back if x[s, j] == x[s, j] else oldest[j]
            for j in range(columns):
                if oldest[j] >= 0.0:
                    out[0, k, t, j] = top[j]
                    out[1, k, t, j] = oldest[j] - age[j] + 1.0
    return out


@compiled
def moves(x: Matrix, ends: Any, first: int) -> Any:
    """Shares of known bars with a rise and with a fall; shares of rises and of falls in all that x moved."""
    rows, columns = x.shape
    out = np.full((4, len(ends), rows, columns), np.nan)
    for t in range(first, rows):
        known, moved = np.zeros(columns), np.zeros(columns)
        rises, falls, up, down = np.zeros(columns), np.zeros(columns), np.zeros(columns), np.zeros(columns)
        for k in range(len(ends)):
            start = t if k == 0 else t - ends[k - 1]
            for s in range(start, max(t - ends[k], -1), -1):
                for j in range(columns):
                    known[j] += 1.0 if x[s, j] == x[s, j] else 0.0
                if s == 0:
                    continue
                for j in range(columns):
                    d = x[s, j] - x[s - 1, j]
                    moved[j] += 1.0 if d == d else 0.0
                    rises[j] += 1.0 if d > 0.0 else 0.0
                    falls[j] += 1.0 if d < 0.0 else 0.0
                    up[j] += d if d > 0.0 else 0.0
                    down[j] -= d if d < 0.0 else 0.0
            for j in range(columns):
                if known[j] > 0.0:
                    out[0, k, t, j] = rises[j] / known[j]
                    out[1, k, t, j] = falls[j] / known[j]
                if moved[j] > 0.0:
                    path = up[j] + down[j]
                    out[2, k, t, j] = up[j] / path if path > 0.0 else 0.0
                    out[3, k, t, j] = down[j] / path if path > 0.0 else 0.0
    return out


@compiled
def together(x: Matrix, y: Matrix, ends: Any, least_x: float, least_y: float, first: int) -> Any:
    """Correlation over bars where both are known; none where one deviates by no more than its least; (1, ...)."""
    rows, columns = x.shape
    out = np.full((1, len(ends), rows, columns), np.nan)
    for t in range(first, rows):
        ox, oy, count = np.full(columns, np.nan), np.full(columns, np.nan), np.zeros(columns)
        mx, my = np.zeros(columns), np.zeros(columns)
        xx, yy, xy = np.zeros(columns), np.zeros(columns), np.zeros(columns)
        for k in range(len(ends)):
            start = t if k == 0 else t - ends[k - 1]
            for s in range(start, max(t - ends[k], -1), -1):
                for j in range(columns):
                    known = x[s, j] + y[s, j] == x[s, j] + y[s, j]
                    begins = known and count[j] == 0.0
                    ox[j] = x[s, j] if begins else ox[j]
                    oy[j] = y[s, j] if begins else oy[j]
                    a = x[s, j] - ox[j] if known else 0.0
                    b = y[s, j] - oy[j] if known else 0.0
                    count[j] += 1.0 if known else 0.0
                    mx[j] += a
                    my[j] += b
                    xx[j] += a * a
                    yy[j] += b * b
                    xy[j] += a * b
            for j in range(columns):
                n = count[j]
                if n < 2.0:
                    continue
                wide_x = xx[j] - mx[j] * mx[j] / n
                wide_y = yy[j] - my[j] * my[j] / n
                some_x = wide_x > n * (NEAR * ox[j]) ** 2 and wide_x > (n - 1.0) * least_x * least_x
                some_y = wide_y > n * (NEAR * oy[j]) ** 2 and wide_y > (n - 1.0) * least_y * least_y
                if some_x and some_y:
                    found = (xy[j] - mx[j] * my[j] / n) / math.sqrt(wide_x * wide_y)
                    out[0, k, t, j] = min(max(found, -1.0), 1.0)
    return out


@compiled
def standing(x: Matrix, ends: Any, first: int) -> Any:
    """Rank of the newest bar among the known ones as a share, equal values share theirs; (1, windows, T, N)."""
    rows, columns = x.shape
    out = np.full((1, len(ends), rows, columns), np.nan)
    for t in range(first, rows):
        below, count = np.zeros(columns), np.zeros(columns)
        for k in range(len(ends)):
            start = t if k == 0 else t - ends[k - 1]
            for s in range(start, max(t - ends[k], -1), -1):
                for j in range(columns):
                    below[j] += 1.0 if x[s, j] < x[t, j] else (0.5 if x[s, j] == x[t, j] else 0.0)
                    count[j] += 1.0 if x[s, j] == x[s, j] else 0.0
            for j in range(columns):
                if x[t, j] == x[t, j]:
                    out[0, k, t, j] = (below[j] + 0.5) / count[j]
    return out


@compiled
def between(ordered: Any, count: int, share: float) -> float:
    """The value below which a share of ordered values lies, on a straight line between its neighbours."""
    place = share * (count - 1.0)
    low = math.floor(place)
    high = min(low + 1, count - 1)
    return float(ordered[low] + (ordered[high] - ordered[low]) * (place - low))


@compiled
def quantiles(x: Matrix, ends: Any, shares: Matrix, first: int) -> Any:
    """Quantiles of the known bars; (shares, windows, T, N).

    The bars of a window are kept in order from one bar to the next. Nothing is added, so that nothing is carried on.
    """
    rows, columns = x.shape
    out = np.full((len(shares), len(ends), rows, columns), np.nan)
    across = x.T.copy()
    for j in range(columns):
        y = across[j]
        for k in range(len(ends)):
            n = ends[k]
            ordered, count = np.empty(n + 1), 0
            for t in range(max(0, first - n + 1), rows):
                if t >= n and y[t - n] == y[t - n] and t - n >= max(0, first - n + 1):
                    place = 0
                    while ordered[place] < y[t - n]:
                        place += 1
                    count -= 1
                    for i in range(place, count):
                        ordered[i] = ordered[i + 1]
                if y[t] == y[t]:
                    i = count
                    while i > 0 and ordered[i - 1] > y[t]:
                        ordered[i] = ordered[i - 1]
                        i -= 1
                    ordered[i] = y[t]
                    count += 1
                if t >= first and count > 0:
                    for q in range(len(shares)):
                        out[q, k, t, j] = between(ordered, count, shares[q])
    return out
