"""The Kolmogorov-Smirnov distance, with a p-value that knows that rows of one day are not independent."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from finq_predictor.domain.modelling.training_profile import ColumnProfile
from finq_predictor.domain.monitoring.drift.base import FEWEST_WINDOWS, DriftTest


class KolmogorovSmirnov(DriftTest):
    """Largest distance of two distribution functions (Kolmogorov, 1933; Smirnov, 1948)."""

    name: ClassVar[str] = "ks"
    title: ClassVar[str] = "KS distance"
    meaning: ClassVar[str] = "Kolmogorov-Smirnov distance"
    threshold: ClassVar[float] = 0.1
    source: ClassVar[str] = "Kolmogorov (1933), Smirnov (1948)"

    def statistic(self, reference: ColumnProfile, current: np.ndarray) -> float:
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


def usual_distance(past_distances: np.ndarray) -> float:
    """Return the root mean square of the distances of past windows; NaN is ignored, and without any it is NaN."""
    past = past_distances[np.isfinite(past_distances)]
    return float(np.sqrt(np.mean(past**2))) if len(past) else float("nan")


def block_p_value(distance: float, past_distances: np.ndarray, days: int) -> float:
    """Say how unlikely a distance is, judged by how far windows of the same length were from training.

    Rows of one day move together and slow features hardly change within a window, so the number of rows says
    nothing about chance. A window under one common shock lies as far away as that shock is large, a half-normal
    distance; its scale is known from past windows, hence Student's distribution. Neighbouring windows of a slow
    feature are alike, so two of them count as one degree of freedom. Where the rows are independent this is
    conservative.

    Args:
        distance: Distance of the current window; NaN gives NaN.
        past_distances: Distances of windows of the same length in the training period; NaN is ignored.
        days: Days in a window. With fewer than six past windows they count as that many independent observations.

    Returns:
        A p-value in [0, 1].
    """
    from scipy.special import kolmogorov, stdtr

    past = past_distances[np.isfinite(past_distances)]
    usual = usual_distance(past)
    if len(past) < FEWEST_WINDOWS:
        return float(kolmogorov(np.sqrt(max(days, 1)) * distance))
    if usual == 0.0:
        return float(distance == 0.0)
    return float(2.0 * stdtr(len(past) / 2.0, -distance / usual))
