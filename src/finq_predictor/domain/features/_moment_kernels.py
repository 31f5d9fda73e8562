"""Compiled window functions of the largest values, of bars of one kind, of prices near the present one, and in groups.

The rules are those of :mod:`~finq_predictor.domain.features._kernels`: a value depends on the bars of its window and on
nothing else, bit by bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from finq_predictor.domain.arrays import Matrix, Positions
from finq_predictor.domain.compiling import compiled
from finq_predictor.domain.features._kernels import order_of_rows

MIN_SHARE = 0.8
NEAR = 1e-12


@compiled
def top_mean(x: Matrix, n: int, k: int, first: int) -> Matrix:
    """Mean of the k largest of n bars, added from the largest down."""
    rows, columns = x.shape
    out = np.full((rows, columns), np.nan)
    need = n * MIN_SHARE - NEAR
    for t in range(first, rows):
        top, count = np.full((k, columns), -np.inf), np.zeros(columns)
        for s in range(max(0, t - n + 1), t + 1):
            for j in range(columns):
                value = x[s, j]
                if value != value:
                    continue
                count[j] += 1.0
                if value <= top[k - 1, j]:
                    continue
                place = k - 1
                while place > 0 and value > top[place - 1, j]:
                    top[place, j] = top[place - 1, j]
                    place -= 1
                top[place, j] = value
        for j in range(columns):
            if count[j] >= need and count[j] >= k:
                total = 0.0
                for place in range(k):
                    total += top[place, j]
                out[t, j] = total / k
    return out


@compiled
def same_mean(x: Matrix, code: Matrix, key: Matrix, n: int, least: float, first: int) -> Matrix:
    """Mean over those of n bars whose code (T, 1) is the key (T, 1) of the present one; NaN with fewer than least."""
    rows, columns = x.shape
    out = np.full((rows, columns), np.nan)
    for t in range(first, rows):
        total, count = np.zeros(columns), np.zeros(columns)
        for s in range(max(0, t - n + 1), t + 1):
            if code[s, 0] != key[t, 0]:
                continue
            for j in range(columns):
                known = x[s, j] == x[s, j]
                total[j] += x[s, j] if known else 0.0
                count[j] += 1.0 if known else 0.0
        for j in range(columns):
            if count[j] >= least and count[j] > 0.0:
                out[t, j] = total[j] / count[j]
    return out


@compiled
def share_near(x: Matrix, weight: Matrix, width: Matrix, n: int, first: int) -> Matrix:
    """Share of the weight in n bars at which x was no further from its current value than the current width."""
    rows, columns = x.shape
    out = np.full((rows, columns), np.nan)
    need = n * MIN_SHARE - NEAR
    for t in range(first, rows):
        near, total, count = np.zeros(columns), np.zeros(columns), np.zeros(columns)
        for s in range(max(0, t - n + 1), t + 1):
            for j in range(columns):
                known = x[s, j] + weight[s, j] == x[s, j] + weight[s, j]
                part = 1.0 if abs(x[s, j] - x[t, j]) <= width[t, j] else 0.0
                near[j] += part * weight[s, j] if known else 0.0
                total[j] += weight[s, j] if known else 0.0
                count[j] += 1.0 if known else 0.0
        for j in range(columns):
            asked = x[t, j] + width[t, j] == x[t, j] + width[t, j]
            if count[j] >= need and total[j] > 0.0 and asked:
                out[t, j] = near[j] / total[j]
    return out


def group_rank(x: Matrix, group: Matrix, least: int, first: int) -> Matrix:
    """Rank in each row within groups coded 0, 1, ..., scaled to [-0.5, 0.5]; ties share; NaN with fewer than least."""
    return _group_ranks(x, order_of_rows(x, first), group, least, first)


@compiled
def _group_ranks(x: Matrix, order: Positions, group: Matrix, least: int, first: int) -> Matrix:
    rows, columns = x.shape
    out = np.full((rows, columns), np.nan)
    groups = 0
    for t in range(first, rows):
        for j in range(columns):
            if group[t, j] >= groups:
                groups = int(group[t, j]) + 1
    for t in range(first, rows):
        for g in range(groups):
            members = np.empty(columns, np.int64)
            known = 0
            for place in order[t]:
                if group[t, place] == g and x[t, place] == x[t, place]:
                    members[known] = place
                    known += 1
            if known < least:
                continue
            i = 0
            while i < known:
                last = i
                while last + 1 < known and x[t, members[last + 1]] == x[t, members[i]]:
                    last += 1
                for k in range(i, last + 1):
                    out[t, members[k]] = 0.5 * (i + last) / (known - 1.0) - 0.5
                i = last + 1
    return out


def as_kernel_input(x: Any) -> Matrix:
    """C-order float64, as the kernels are compiled for."""
    result: Matrix = np.require(x, np.float64, ["C", "W"])
    return result
