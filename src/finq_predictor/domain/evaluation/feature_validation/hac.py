"""Is a mean away from zero? Standard errors that hold when neighbouring values depend on each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finq_predictor.domain.arrays import Array, Vector

LABELS_PER_BLOCK = 3
"""Lags that are counted, in lengths of a label: of the memory that overlap makes, one length sees two thirds, three see
nine tenths."""


@dataclass(frozen=True)
class HacTest:
    """Means of k series, and how surely they are not zero.

    Attributes:
        mean: Of the known values (k); NaN without one.
        error: Standard error of it (k).
        t: Mean over error (k).
        p_value: Two-sided chance of such a t where the true mean is zero (k).
        n: Known values (k).
    """

    mean: Vector
    error: Vector
    t: Vector
    p_value: Vector
    n: Vector


def hac_lags(n: int, horizon: int) -> int:
    """Lags of autocovariance that go into an error: three lengths of a label, and more where the series is long.

    The second part is the rule of Newey and West (1994), ``4 (n / 100) ^ (2 / 9)``.
    """
    automatic = int(4.0 * (max(n, 1) / 100.0) ** (2.0 / 9.0))
    return min(max(LABELS_PER_BLOCK * horizon, automatic), max(n - 1, 0))


def hac_test(series: Array, horizon: int, lags: int | None = None) -> HacTest:
    """Test whether means are zero, by the errors of Newey and West (1987) with Bartlett's weights.

    A value that is missing in the middle keeps its place: it adds nothing to any covariance, and its neighbours stay as
    far apart as they were (Parzen, 1963). What is missing at the ends is left out.

    The error is itself estimated from few independent stretches, so that t has wider tails than the normal law: it is
    judged by Student's with ``0.75 n / (lags + 1)`` degrees of freedom. Its 97.5 % point is that of the law of Kiefer
    and Vogelsang (2005) while up to a twelfth of the series is counted, and stricter beyond.

    Args:
        series: One series a column (T, k), in time order; NaN where not known.
        horizon: Bars over which a label reaches: values so far apart share outcomes.
        lags: Lags to count; by default :func:`hac_lags` of the longest series.

    Returns:
        The test; NaN where a series has fewer than three values or does not vary.
    """
    from scipy.stats import t as student

    values = np.asarray(series, dtype=np.float64)
    values = values.reshape(len(values), -1)
    known = np.isfinite(values)
    n = known.sum(axis=0).astype(np.float64)
    count = hac_lags(int(n.max(initial=0.0)), horizon) if lags is None else lags
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, values, 0.0).sum(axis=0) / n
        centred = np.where(known, values - mean, 0.0)
        variance = (centred * centred).sum(axis=0)
        for lag in range(1, min(count, len(values) - 1) + 1):
            weight = 1.0 - lag / (count + 1.0)
            variance += 2.0 * weight * (centred[lag:] * centred[:-lag]).sum(axis=0)
        largest = np.abs(np.where(known, values, 0.0)).max(axis=0, initial=0.0)
        steady = np.abs(centred).max(axis=0, initial=0.0) <= 1e-12 * np.maximum(largest, 1e-300)
        error = np.sqrt(np.where((variance > 0.0) & (n >= 3) & ~steady, variance, np.nan)) / n
        t = mean / error
        p_value = 2.0 * student.sf(np.abs(t), hac_freedom(n, count))
    return HacTest(mean, error, t, p_value, n)


def errors_wide(n: int, horizon: int, level: float = 0.95) -> float:
    """How many errors an interval reaches to each side of a mean of ``n`` values, by the law of :func:`hac_test`."""
    from scipy.stats import t as student

    return float(student.ppf(0.5 + 0.5 * level, hac_freedom(np.array([float(n)]), hac_lags(n, horizon)))[0])


def hac_freedom(n: Vector, lags: int) -> Vector:
    """Degrees of freedom of Student's law for a t of so many values and lags, as :func:`hac_test` explains."""
    freedom: Vector = np.maximum(0.75 * n / (lags + 1.0), 1.0)
    return freedom
