"""Compiled window functions on time x instruments matrices.

Every window is added up from its own bars, oldest first: no running sums. So a value depends on nothing but the bars
of its window, bit by bit, however much history lies before it. The innermost loop runs over instruments, which are next
to each other in memory, and is turned into vector instructions. A window of n bars needs at least ``MIN_SHARE`` of n
finite values (of its weight, where it is weighted), else the result is NaN; bars before the first row count as missing.
Rows before ``first`` are not computed and stay NaN.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from finq_predictor.domain.arrays import Matrix, Positions
from finq_predictor.domain.compiling import compiled

MIN_SHARE = 0.8
NEAR = 1e-12


@compiled
def log(x: Matrix) -> Matrix:
    """Natural logarithm, NaN where x is not positive; one scalar call a value, so position never matters."""
    out = np.full(x.shape, np.nan)
    for t in range(x.shape[0]):
        for j in range(x.shape[1]):
            if x[t, j] > 0.0:
                out[t, j] = math.log(x[t, j])
    return out


@compiled
def mean(x: Matrix, n: int, first: int) -> Matrix:
    """Mean over n bars."""
    rows, columns = x.shape
    out = np.full((rows, columns), np.nan)
    need = n * MIN_SHARE - NEAR
    for t in range(first, rows):
        total, count = np.zeros(columns), np.zeros(columns)
        for s in range(max(0, t - n + 1), t + 1):
            for j in range(columns):
                known = x[s, j] == x[s, j]
                total[j] += x[s, j] if known else 0.0
                count[j] += 1.0 if known else 0.0
        for j in range(columns):
            if count[j] >= need:
                out[t, j] = total[j] / count[j]
    return out


@compiled
def std(x: Matrix, n: int, first: int) -> Matrix:
    """Standard deviation over n bars with n - 1 in the denominator, from deviations, not from squares."""
    rows, columns = x.shape
    out = np.full((rows, columns), np.nan)
    center = mean(x, n, first)
    for t in range(first, rows):
        total, count = np.zeros(columns), np.zeros(columns)
        for s in range(max(0, t - n + 1), t + 1):
            for j in range(columns):
                d = x[s, j] - center[t, j]
                known = d == d
                total[j] += d * d if known else 0.0
                count[j] += 1.0 if known else 0.0
        for j in range(columns):
            if count[j] > 1.0:
                spread = math.sqrt(total[j] / (count[j] - 1.0))
                # Rounding of a constant is no spread.
                out[t, j] = spread if spread > NEAR * abs(center[t, j]) else 0.0
    return out


@compiled
def moment(x: Matrix, n: int, power: int, first: int) -> Matrix:
    """Mean over n bars of the deviation from the mean to a power of 2, 3 or 4; power 1 takes absolute deviations."""
    rows, columns = x.shape
    out = np.full((rows, columns), np.nan)
    center = mean(x, n, first)
    for t in range(first, rows):
        total, count = np.zeros(columns), np.zeros(columns)
        for s in range(max(0, t - n + 1), t + 1):
            for j in range(columns):
                d = x[s, j] - center[t, j]
                known = d == d
                d = 0.0 if abs(d) <= NEAR * abs(center[t, j]) else d
                if power == 1:
                    d = abs(d)
                elif power == 2:
                    d = d * d
                elif power == 3:
                    d = d * d * d
                else:
                    d = (d * d) * (d * d)
                total[j] += d if known else 0.0
                count[j] += 1.0 if known else 0.0
        for j in range(columns):
            if count[j] > 1.0:
                out[t, j] = total[j] / count[j]
    return out


@compiled
def highest(x: Matrix, n: int, first: int) -> Matrix:
    """Maximum over n bars."""
    rows, columns = x.shape
    out = np.full((rows, columns), np.nan)
    need = n * MIN_SHARE - NEAR
    for t in range(first, rows):
        top, count = np.full(columns, -np.inf), np.zeros(columns)
        for s in range(max(0, t - n + 1), t + 1):
            for j in range(columns):
                top[j] = x[s, j] if x[s, j] > top[j] else top[j]
                count[j] += 1.0 if x[s, j] == x[s, j] else 0.0
        for j in range(columns):
            if count[j] >= need:
                out[t, j] = top[j]
    return out


@compiled
def weighted_mean(x: Matrix, weights: Matrix, first: int) -> Matrix:
    """Mean over the last len(weights) bars; ``weights[0]`` belongs to the newest bar."""
    rows, columns = x.shape
    n = len(weights)
    out = np.full((rows, columns), np.nan)
    need = weights.sum() * MIN_SHARE
    for t in range(first, rows):
        total, mass = np.zeros(columns), np.zeros(columns)
        for s in range(max(0, t - n + 1), t + 1):
            w = weights[t - s]
            for j in range(columns):
                known = x[s, j] == x[s, j]
                total[j] += w * x[s, j] if known else 0.0
                mass[j] += w if known else 0.0
        for j in range(columns):
            if mass[j] >= need:
                out[t, j] = total[j] / mass[j]
    return out


@compiled
def bars_since_high(x: Matrix, n: int, first: int) -> Matrix:
    """Bars since the maximum of n bars, the latest one where several are equal; 0 is now, n - 1 the oldest."""
    rows, columns = x.shape
    out = np.full((rows, columns), np.nan)
    need = n * MIN_SHARE - NEAR
    for t in range(first, rows):
        top, since, count = np.full(columns, -np.inf), np.zeros(columns), np.zeros(columns)
        for s in range(max(0, t - n + 1), t + 1):
            for j in range(columns):
                higher = x[s, j] >= top[j]
                top[j] = x[s, j] if higher else top[j]
                since[j] = float(t - s) if higher else since[j]
                count[j] += 1.0 if x[s, j] == x[s, j] else 0.0
        for j in range(columns):
            if count[j] >= need:
                out[t, j] = since[j]
    return out


@compiled
def share_below(x: Matrix, weight: Matrix, n: int, first: int) -> Matrix:
    """Share of the weight in n bars at which x was below its current value; equal values count half."""
    rows, columns = x.shape
    out = np.full((rows, columns), np.nan)
    need = n * MIN_SHARE - NEAR
    for t in range(first, rows):
        below, total, count = np.zeros(columns), np.zeros(columns), np.zeros(columns)
        for s in range(max(0, t - n + 1), t + 1):
            for j in range(columns):
                known = x[s, j] + weight[s, j] == x[s, j] + weight[s, j]
                part = 1.0 if x[s, j] < x[t, j] else (0.5 if x[s, j] == x[t, j] else 0.0)
                below[j] += part * weight[s, j] if known else 0.0
                total[j] += weight[s, j] if known else 0.0
                count[j] += 1.0 if known else 0.0
        for j in range(columns):
            if count[j] >= need and total[j] > 0.0 and x[t, j] == x[t, j]:
                out[t, j] = below[j] / total[j]
    return out


@compiled
def max_drawdown(x: Matrix, n: int, first: int) -> Matrix:
    """Deepest fall from a peak within n bars, as a negative ratio; 0 when there was none."""
    rows, columns = x.shape
    out = np.full((rows, columns), np.nan)
    need = n * MIN_SHARE - NEAR
    for t in range(first, rows):
        peak, deepest, count = np.zeros(columns), np.zeros(columns), np.zeros(columns)
        for s in range(max(0, t - n + 1), t + 1):
            for j in range(columns):
                peak[j] = x[s, j] if x[s, j] > peak[j] else peak[j]
                fall = x[s, j] / peak[j] - 1.0 if peak[j] > 0.0 else 0.0
                deepest[j] = fall if fall < deepest[j] else deepest[j]
                count[j] += 1.0 if x[s, j] == x[s, j] else 0.0
        for j in range(columns):
            if count[j] >= need:
                out[t, j] = deepest[j]
    return out


@compiled
def trend_line(y: Matrix, n: int, fit: bool, first: int) -> Matrix:
    """Least-squares slope per bar of y over n bars; or, with ``fit``, how much of the variance it explains."""
    rows, columns = y.shape
    out = np.full((rows, columns), np.nan)
    need = n * MIN_SHARE - NEAR
    for t in range(first, rows):
        start = max(0, t - n + 1)
        level, time, count = np.zeros(columns), np.zeros(columns), np.zeros(columns)
        for s in range(start, t + 1):
            for j in range(columns):
                known = y[s, j] == y[s, j]
                level[j] += y[s, j] if known else 0.0
                time[j] += float(s - t) if known else 0.0
                count[j] += 1.0 if known else 0.0
        for j in range(columns):
            level[j] = level[j] / count[j] if count[j] > 0.0 else 0.0
            time[j] = time[j] / count[j] if count[j] > 0.0 else 0.0
        both, times, levels = np.zeros(columns), np.zeros(columns), np.zeros(columns)
        for s in range(start, t + 1):
            for j in range(columns):
                known = y[s, j] == y[s, j]
                a = float(s - t) - time[j]
                b = y[s, j] - level[j]
                both[j] += a * b if known else 0.0
                times[j] += a * a if known else 0.0
                levels[j] += b * b if known else 0.0
        for j in range(columns):
            if count[j] >= need and times[j] > 0.0:
                if not fit:
                    out[t, j] = both[j] / times[j]
                elif levels[j] > count[j] * (NEAR * level[j]) ** 2:
                    out[t, j] = both[j] * both[j] / (times[j] * levels[j])
    return out


@compiled
def comoment(x: Matrix, y: Matrix, n: int, kind: int, first: int) -> Matrix:
    """Over the bars of n where both are known: covariance (kind 0), slope of x on y (1), correlation (2)."""
    rows, columns = x.shape
    out = np.full((rows, columns), np.nan)
    need = n * MIN_SHARE - NEAR
    for t in range(first, rows):
        start = max(0, t - n + 1)
        mx, my, count = np.zeros(columns), np.zeros(columns), np.zeros(columns)
        for s in range(start, t + 1):
            for j in range(columns):
                known = x[s, j] + y[s, j] == x[s, j] + y[s, j]
                mx[j] += x[s, j] if known else 0.0
                my[j] += y[s, j] if known else 0.0
                count[j] += 1.0 if known else 0.0
        for j in range(columns):
            mx[j] = mx[j] / count[j] if count[j] > 0.0 else 0.0
            my[j] = my[j] / count[j] if count[j] > 0.0 else 0.0
        xy, xx, yy = np.zeros(columns), np.zeros(columns), np.zeros(columns)
        for s in range(start, t + 1):
            for j in range(columns):
                a = x[s, j] - mx[j]
                b = y[s, j] - my[j]
                known = a + b == a + b
                xy[j] += a * b if known else 0.0
                xx[j] += a * a if known else 0.0
                yy[j] += b * b if known else 0.0
        for j in range(columns):
            if count[j] < need or count[j] < 3.0:
                continue
            flat_x = xx[j] <= count[j] * (NEAR * mx[j]) ** 2
            flat_y = yy[j] <= count[j] * (NEAR * my[j]) ** 2
            if kind == 0:
                out[t, j] = xy[j] / (count[j] - 1.0)
            elif kind == 1 and not flat_y:
                out[t, j] = xy[j] / yy[j]
            elif kind == 2 and not flat_y and not flat_x:
                out[t, j] = xy[j] / math.sqrt(xx[j] * yy[j])
    return out


@compiled
def normal_cdf(x: Matrix) -> Matrix:
    """Distribution function of the standard normal; NaN stays NaN."""
    out = np.full(x.shape, np.nan)
    for t in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[t, j] = 0.5 * math.erfc(-x[t, j] / math.sqrt(2.0))
    return out


@compiled
def row_mean(x: Matrix, least: int, first: int) -> Matrix:
    """Mean of each row (T, 1), added from left to right, so that columns without a value change no bit."""
    out = np.full((x.shape[0], 1), np.nan)
    for t in range(first, x.shape[0]):
        total, count = 0.0, 0
        for j in range(x.shape[1]):
            if x[t, j] == x[t, j]:
                total += x[t, j]
                count += 1
        if count >= least:
            out[t, 0] = total / count
    return out


@compiled
def group_mean(x: Matrix, group: Matrix, least: int, first: int) -> Matrix:
    """Mean of each row within groups coded 0, 1, ...; NaN in groups with fewer than ``least`` values."""
    rows, columns = x.shape
    out = np.full((rows, columns), np.nan)
    groups = 0
    for t in range(first, rows):
        for j in range(columns):
            if group[t, j] >= groups:
                groups = int(group[t, j]) + 1
    for t in range(first, rows):
        total, count = np.zeros(groups), np.zeros(groups)
        for j in range(columns):
            if group[t, j] >= 0.0 and x[t, j] == x[t, j]:
                total[int(group[t, j])] += x[t, j]
                count[int(group[t, j])] += 1.0
        for j in range(columns):
            if group[t, j] >= 0.0 and count[int(group[t, j])] >= least:
                out[t, j] = total[int(group[t, j])] / count[int(group[t, j])]
    return out


def row_rank(x: Matrix, least: int, first: int) -> Matrix:
    """Rank in each row scaled to [-0.5, 0.5]; ties get their mean rank; NaN with fewer than ``least`` values."""
    return _ranks(x, order_of_rows(x, first), least, first)


def order_of_rows(x: Matrix, first: int) -> Positions:
    """Columns of each row from the smallest value to the largest, NaN last; rows before ``first`` are not sorted."""
    # NumPy sorts twice as quickly as what would be compiled for it here, which alone took a tenth of all compiling.
    order = np.zeros(x.shape, dtype=np.intp)
    order[first:] = np.argsort(x[first:], axis=1)
    return order


@compiled
def _ranks(x: Matrix, order: Any, least: int, first: int) -> Matrix:
    rows, columns = x.shape
    out = np.full((rows, columns), np.nan)
    for t in range(first, rows):
        known = 0
        for j in range(columns):
            known += 1 if x[t, j] == x[t, j] else 0
        if known < least:
            continue
        i = 0
        while i < known:
            last = i
            while last + 1 < known and x[t, order[t, last + 1]] == x[t, order[t, i]]:
                last += 1
            for k in range(i, last + 1):
                out[t, order[t, k]] = 0.5 * (i + last) / (known - 1.0) - 0.5
            i = last + 1
    return out


@compiled
def pick(x: Matrix, row: Any, column: Any, place: Any, out: Any) -> None:
    """Copy chosen cells to their places in ``out``; what is not finite becomes NaN."""
    for i in range(len(row)):
        out[place[i]] = x[row[i], column[i]]
        # Looked at as it is kept: a number may be too large for 32 bits.
        if not math.isfinite(out[place[i]]):
            out[place[i]] = np.nan


@compiled
def pick_shared(x: Matrix, row: Any, place: Any, out: Any) -> None:
    """Copy what all instruments share to the places of each in ``out``; what is not finite becomes NaN."""
    for i in range(len(row)):
        out[place[i]] = x[row[i], 0]
        if not math.isfinite(out[place[i]]):
            out[place[i]] = np.nan
