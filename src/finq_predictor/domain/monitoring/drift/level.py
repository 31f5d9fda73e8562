"""The level of a feature, with a p-value that knows how far the levels of training's windows went and how they move."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from finq_predictor.domain.modelling.training_profile import ColumnProfile
from finq_predictor.domain.monitoring.drift.base import FEWEST_WINDOWS, DriftTest, Evidence, Subject

ROOM = 0.25
"""The extremes of training's windows are widened by this share of their range: a slow feature makes new ones."""


class Level(DriftTest):
    """Distance of the mean from training's, in standard deviations of training (Cohen, 1988).

    Unlike a distance of distributions it has no largest value. Read as: 0.2 small, 0.5 medium, 0.8 large.
    """

    name: ClassVar[str] = "level"
    title: ClassVar[str] = "level"
    meaning: ClassVar[str] = "Distance of the mean, in standard deviations,"
    threshold: ClassVar[float] = 0.5
    source: ClassVar[str] = "Cohen (1988)"
    evidence: ClassVar[Evidence] = Evidence.LEVEL
    alarms: ClassVar[frozenset[Subject]] = frozenset(Subject)

    def statistic(self, reference: ColumnProfile, current: np.ndarray) -> float:
        """Return the distance, 0 or more; infinite if training knew one value only and this is another one."""
        if not reference.quantiles:
            return float("nan")
        distance = abs(mean_level(current) - reference.mean)
        if reference.quantiles[0] < reference.quantiles[-1]:
            return distance / reference.std
        rounding = 1e-6 * abs(reference.mean)
        return distance if np.isnan(distance) else (0.0 if distance <= rounding else float("inf"))


def mean_level(values: np.ndarray) -> float:
    """Return the level of a window: the mean of its finite values, or NaN without any."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def beyond_extremes(level: float, past_levels: np.ndarray) -> float:
    """Return how far a level lies above the highest past one, or below the lowest one with a minus.

    Args:
        level: Level of the current window; NaN gives NaN.
        past_levels: Levels of past windows; NaN is ignored, and without any the result is NaN.

    Returns:
        The excess in the unit of the levels; 0 between the extremes.
    """
    known = past_levels[np.isfinite(past_levels)]
    if not len(known) or np.isnan(level):
        return float("nan")
    return float(level - np.clip(level, known.min(), known.max()))


def level_p_value(level: float, past_levels: np.ndarray, ahead: float = 1.0) -> float:
    """Say how unlikely a level is that lies beyond the extremes of training's windows.

    What lies between the extremes is nothing new, so that a calendar feature never rings. What lies beyond, and more
    than a quarter of the range of past levels beyond, is compared with how far levels move over so many windows. A slow
    feature moves little from one window to the next, wherever it is on its way, which is why it can be unlikely here
    and never in its distribution. The scale is estimated, hence Student's distribution, in which neighbouring windows
    count as one degree of freedom for two, as for the distribution. The excess has no largest value, so the p-value
    has no smallest one.

    Args:
        level: Level of the current window; NaN gives NaN.
        past_levels: Levels of consecutive windows of the same length in training; NaN is a window without values.
        ahead: How many windows after the last past one the current one begins, at least 1.

    Returns:
        A p-value in [0, 1]; NaN with fewer than six past levels, which say little of extremes.
    """
    from scipy.special import stdtr

    known = past_levels[np.isfinite(past_levels)]
    if np.isnan(level) or len(known) < FEWEST_WINDOWS:
        return float("nan")
    excess = abs(beyond_extremes(level, known)) - ROOM * float(np.ptp(known))
    if excess <= 0.0:
        return 1.0
    move = usual_move(past_levels, ahead)
    return float(2.0 * stdtr(len(known) / 2.0, -excess / move)) if move > 0.0 else 0.0


def usual_move(past_levels: np.ndarray, ahead: float = 1.0) -> float:
    """Return the standard error with which past levels foretell the level so many windows later.

    One window ahead it is that of a first-order autoregression, whose coefficient is corrected for the bias of short
    series (Kendall, 1954; Marriott and Pope, 1954). Further ahead it grows as the past levels moved apart, by their
    variogram (Matheron, 1963), which unlike the autoregression knows long memory; beyond a third of the past, where a
    variogram has too few pairs, the variance grows with time.

    Args:
        past_levels: Levels of consecutive windows; NaN is a window without values.
        ahead: Number of windows, at least 1.

    Returns:
        The standard error in the unit of the levels, 0 or more; 0 if all levels are the same.
    """
    known = np.isfinite(past_levels)
    count = int(known.sum())
    from_mean = past_levels - past_levels[known].mean()
    before, after = from_mean[:-1], from_mean[1:]
    variance = float(np.nansum(from_mean**2))
    if variance == 0.0:
        return 0.0
    memory = float(np.nansum(before * after)) / variance
    memory = float(np.clip(memory + (1.0 + 3.0 * memory) / count, 0.0, 1.0))
    one_step = float(np.nansum((after - memory * before) ** 2)) / max(count - 2, 1)
    return float(np.sqrt(one_step * _growth(past_levels, ahead)))


def _growth(levels: np.ndarray, ahead: float) -> float:
    """How many times the mean squared change over ``ahead`` windows is that over one; at least 1."""
    lag = min(int(np.ceil(ahead)), max(len(levels) // 3, 1))
    one, many = (_mean_squared_change(levels, step) for step in (1, lag))
    if not (one > 0.0 and many > one):
        return max(ahead / lag, 1.0)
    return many / one * max(ahead / lag, 1.0)


def _mean_squared_change(levels: np.ndarray, step: int) -> float:
    changes = levels[step:] - levels[:-step]
    known = changes[np.isfinite(changes)]
    return float(np.mean(known**2)) if len(known) else float("nan")
