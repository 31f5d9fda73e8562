"""The Kolmogorov-Smirnov distance, with a p-value that knows that rows of one day are not independent."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from finq_predictor.domain.drift.base import DriftTest
from finq_predictor.domain.reference import ColumnReference

_KOLMOGOROV_95 = 1.3580986  # the value Kolmogorov's statistic stays below in 95 of 100 cases


class KolmogorovSmirnov(DriftTest):
    """Largest distance of two distribution functions (Kolmogorov, 1933; Smirnov, 1948)."""

    name: ClassVar[str] = "ks"
    threshold: ClassVar[float] = 0.1
    source: ClassVar[str] = "Kolmogorov (1933), Smirnov (1948)"

    def statistic(self, reference: ColumnReference, current: np.ndarray) -> float:
        """Return the distance in [0, 1] between training quantiles and current values; see ``DriftTest``.

        Training is known by its 101 quantiles, so distances are exact to 0.01.
        """
        return ks_distance(np.asarray(reference.quantiles, dtype="float64"), current)


def ks_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return the largest distance of two empirical distribution functions, in [0, 1].

    Args:
        first: N values; NaN is ignored.
        second: M values; NaN is ignored.

    Returns:
        The distance, or NaN when either has no finite value.
    """
    left, right = np.sort(first[np.isfinite(first)]), np.sort(second[np.isfinite(second)])
    if len(left) == 0 or len(right) == 0:
        return float("nan")
    everything = np.concatenate([left, right])
    below_left = np.searchsorted(left, everything, side="right") / len(left)
    below_right = np.searchsorted(right, everything, side="right") / len(right)
    return float(np.abs(below_left - below_right).max())


def effective_size(past_distances: np.ndarray, days: int) -> float:
    """Say how many independent observations a window is worth, judged by how far past windows were from training.

    Rows of one day move together and slow features hardly change within a window, so the number of rows says
    little. The size returned is the one at which Kolmogorov's distribution has its 95 % point where the past
    windows have theirs.

    Args:
        past_distances: Distances of windows of the same length in the training period; NaN is ignored.
        days: Days in a window, the size that is assumed while there are fewer than ten past windows.

    Returns:
        A positive size.
    """
    past = past_distances[np.isfinite(past_distances)]
    if len(past) < 10:
        return float(max(days, 1))
    high = float(np.quantile(past, 0.95))
    return (_KOLMOGOROV_95 / high) ** 2 if high > 0 else float(max(days, 1))


def ks_p_value(distance: float, size: float) -> float:
    """Return the asymptotic p-value of a distance at an effective sample size; NaN stays NaN (Kolmogorov, 1933)."""
    from scipy.special import kolmogorov

    return float(kolmogorov(np.sqrt(size) * distance))
