"""Daily series without skill, as labels that overlap make them: what the level of a test is measured on."""

from __future__ import annotations

import numpy as np
from scipy.fft import dct
from scipy.signal import lfilter
from scipy.stats import t as student

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.evaluation.mean_test import mean_above_zero

KINDS = ("gaussian", "heavy tails", "leans to losses", "remembers")


def worthless(kind: str, count: int, days: int, horizon: int, seed: int) -> Matrix:
    """Draw (count, days) values of mean zero, each a mean over the draws of ``horizon`` days."""
    rng = np.random.default_rng(seed)
    shape = (count, days + horizon)
    if kind == "heavy tails":
        drawn = rng.standard_t(3, size=shape)
    elif kind == "leans to losses":
        drawn = 1.0 - rng.exponential(size=shape)
    else:
        drawn = rng.standard_normal(shape)
    summed = np.cumsum(drawn, axis=1)
    series: Matrix = (summed[:, horizon:] - summed[:, :-horizon]) / horizon
    if kind == "remembers":
        wave = lfilter([1.0], [1.0, -0.9], rng.standard_normal((count, days + 100)), axis=1)[:, 100:]
        series = series + 0.3 * series.std() * wave * np.sqrt(1.0 - 0.81)
    return series


def rejected(series: Matrix, horizon: int, level: float) -> float:
    """Share of series that the test calls skilled; NaN where there are too few days to test.

    All at once, as :func:`mean_above_zero` does one by one; the first is compared with it.
    """
    days = series.shape[1]
    one = mean_above_zero(series[0], horizon)
    if one.cosines < 1:
        return float("nan")
    mean = series.mean(axis=1, keepdims=True)
    waves = dct(series - mean, type=2, norm="ortho", axis=1)[:, 1 : one.cosines + 1]
    p_values = student.sf(mean[:, 0] / np.sqrt((waves**2).mean(axis=1) / days), one.cosines)
    assert p_values[0] == one.p_value or abs(p_values[0] - one.p_value) < 1e-12
    return float((p_values <= level).mean())
