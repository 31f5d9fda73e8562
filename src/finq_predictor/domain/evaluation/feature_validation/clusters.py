"""Which features say the same: clusters by absolute rank correlation."""

from __future__ import annotations

from typing import Any

import numpy as np

from finq_predictor.domain.arrays import Matrix, Positions, Vector

MOST_ROWS = 20_000
"""Rows that correlations are taken over, spread evenly over time: the third decimal does not move with more."""
ALIKE = 0.7
"""Features belong together where their mean absolute correlation is above this."""


def rank_correlation(values: Any) -> Matrix:
    """Spearman's correlation of columns over rows, each pair over the rows that both know.

    Args:
        values: (n, k); NaN where not known. Each column is ranked once among its own known rows.

    Returns:
        (k, k), 1 on the diagonal; 0 where a column is constant, or two know no row together: nothing speaks for their
        saying the same.
    """
    from scipy.stats import rankdata

    columns = np.asarray(values, dtype=np.float64)
    known = np.isfinite(columns)
    ranks = np.zeros(columns.shape)
    for place in range(columns.shape[1]):
        mine = known[:, place]
        if mine.any():
            rank = rankdata(columns[mine, place])
            ranks[mine, place] = rank - rank.mean()
    there = known.astype(np.float64)
    squares = ranks * ranks
    # Of each pair: sums of squares over the rows of both.
    scale = np.sqrt((squares.T @ there) * (there.T @ squares))
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Matrix = np.where(scale > 0.0, (ranks.T @ ranks) / scale, 0.0)
    found = np.clip(found, -1.0, 1.0)
    np.fill_diagonal(found, 1.0)
    return found


def cluster(correlation: Matrix, alike: float = ALIKE) -> Positions:
    """Cluster features hierarchically: average linkage on ``1 - |correlation|``, cut at ``1 - alike``.

    Returns:
        Number of the cluster of each feature (k), from 1, in the order of their first members.
    """
    from scipy.cluster.hierarchy import fcluster

    tree = _tree(correlation)
    if tree is None:
        return np.ones(len(correlation), dtype=np.intp)
    found = fcluster(tree, 1.0 - alike, criterion="distance")
    _, first = np.unique(found, return_index=True)
    numbers = np.empty(len(first), dtype=np.intp)
    numbers[np.argsort(first)] = np.arange(1, len(first) + 1)
    return np.asarray(numbers[found - 1], dtype=np.intp)


def leaves(correlation: Matrix) -> Positions:
    """Features (k) in an order in which those that say the same stand beside each other."""
    from scipy.cluster.hierarchy import leaves_list

    tree = _tree(correlation)
    return np.arange(len(correlation)) if tree is None else np.asarray(leaves_list(tree), dtype=np.intp)


def representatives(clusters: Positions, strength: Vector) -> Positions:
    """Of each cluster the strongest feature, the first of equals; ascending. Unknown strength is the least."""
    strong = np.where(np.isfinite(strength), np.abs(strength), -1.0)
    order = np.lexsort((np.arange(len(clusters)), -strong, clusters))
    begins = np.r_[True, np.diff(clusters[order]) != 0] if len(order) else np.zeros(0, dtype=bool)
    return np.sort(order[begins])


def _tree(correlation: Matrix) -> Any:
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    if len(correlation) < 2:
        return None
    distance = 1.0 - np.abs(correlation)
    distance = 0.5 * (distance + distance.T)
    np.fill_diagonal(distance, 0.0)
    return linkage(squareform(np.clip(distance, 0.0, 1.0), checks=False), method="average")
