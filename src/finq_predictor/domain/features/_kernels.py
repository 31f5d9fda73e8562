"""Compiled window functions on time x instruments matrices.

Every window is added up from its own bars, oldest first: no running sums. So a value depends on nothing but the bars
of its window, bit by bit, however much history lies before it. The innermost loop runs over instruments, which are next
to each other in memory, and is turned into vector instructions. A window of n bars needs at least ``MIN_SHARE`` of n
finite values (of its weight, where it is weighted), else the result is NaN; bars before the first row count as missing.
Rows before ``first`` are not computed and stay NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

Matrix = np.ndarray[Any, np.dtype[np.float64]]
MIN_SHARE = 0.8
NEAR = 1e-12
F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile on first use and keep the machine code beside the module; without fast-math, which reorders sums."""
    return cast("F", njit(cache=True, nogil=True)(function))


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
                out[t, j] = math.sqrt(total[j] / (count[j] - 1.0))
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
def row_rank(x: Matrix, least: int, first: int) -> Matrix:
    """Rank in each row scaled to [-0.5, 0.5]; ties get their mean rank; NaN with fewer than ``least`` values."""
    rows, columns = x.shape
    out = np.full((rows, columns), np.nan)
    for t in range(first, rows):
        order = np.argsort(x[t])
        known = 0
        for j in range(columns):
            known += 1 if x[t, j] == x[t, j] else 0
        if known < least:
            continue
        i = 0
        while i < known:
            last = i
            while last + 1 < known and x[t, order[last + 1]] == x[t, order[i]]:
                last += 1
            for k in range(i, last + 1):
                out[t, order[k]] = 0.5 * (i + last) / (known - 1.0) - 0.5
            i = last + 1
    return out


@compiled
def gather(x: Matrix, row: Any, column: Any, out: Matrix) -> None:
    """Copy chosen cells into ``out``; what is not finite becomes NaN."""
    for i in range(len(row)):
        value = x[row[i], column[i]]
        out[i] = value if math.isfinite(value) else np.nan
