"""Honest intervals: days are resampled in blocks, because neighbouring days share their weather.

Rows of one day are never independent, and labels over h bars overlap from day to day; an interval over rows would be
far too narrow. The stationary bootstrap (Politis and Romano, 1994) draws blocks of days of random length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array, Vector
from finq_predictor.domain.errors import DataError

CELLS = 4_000_000


@dataclass(frozen=True)
class Interval:
    """A figure with its uncertainty.

    Attributes:
        value: The figure on the data as they are.
        low: Lower end of the percentile interval.
        high: Upper end.
        p_value: One-sided: how often resampled luck alone, centred on 0, reaches the value; NaN where not asked for.
        n_days: Days that went in.
        block: Mean block length used, in days.
    """

    value: float
    low: float
    high: float
    p_value: float
    n_days: int
    block: float


def bootstrap_mean(
    daily: pd.Series | Array,
    *,
    block: float | None = None,
    min_block: float = 1.0,
    n_resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Interval of the mean of a daily series.

    Args:
        daily: One value per day, in time order; NaN days are left out.
        block: Mean block length in days; None takes :func:`optimal_block_length`.
        min_block: The automatic length is at least this; give twice the label horizon.
        n_resamples: Resamples.
        seed: Seed of the resampling.
        level: Coverage, such as 0.95.

    Returns:
        The interval; all NaN below two known days.
    """
    values = np.asarray(daily, dtype=np.float64)
    values = values[~np.isnan(values)]
    if len(values) < 2:
        mean = float(values.mean()) if len(values) else float("nan")
        return Interval(mean, float("nan"), float("nan"), float("nan"), len(values), float("nan"))
    length = _block(values, block, min_block)
    means = np.concatenate([values[rows].mean(axis=1) for rows in _resamples(len(values), length, n_resamples, seed)])
    value = float(values.mean())
    p_value = (1.0 + float((means - value >= value).sum())) / (1.0 + n_resamples)
    return _interval(value, means, level, p_value, len(values), length)


def bootstrap_statistic(
    statistic: Callable[[Vector], float],
    day: Array,
    *,
    block: float,
    n_resamples: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Interval of any statistic of rows, such as an AUC, by resampling whole days.

    Args:
        statistic: From row weights (n) to a number; the weight is how often the day of a row was drawn.
            ``AucRanking(y, score).value`` is one.
        day: Day code of each row (n); days are ordered by their code.
        block: Mean block length in days.
        n_resamples: Resamples.
        seed: Seed of the resampling.
        level: Coverage.

    Returns:
        The interval; there is no p-value, it is NaN.

    Raises:
        DataError: If there is no row.
    """
    days, codes = np.unique(day, return_inverse=True)
    if not len(days):
        raise DataError("A bootstrap needs at least one row; there is none.")
    value = float(statistic(np.ones(len(codes))))
    drawn = [
        float(statistic(np.bincount(row, minlength=len(days)).astype(np.float64)[codes]))
        for rows in _resamples(len(days), max(block, 1.0), n_resamples, seed)
        for row in rows
    ]
    values = np.array(drawn)
    values = values[~np.isnan(values)]
    return _interval(value, values, level, float("nan"), len(days), max(block, 1.0))


def stationary_indices(n: int, block: float, n_resamples: int, rng: np.random.Generator) -> Array:
    """Draw day positions (n_resamples, n): blocks start anywhere, wrap around, and last ``block`` days on average."""
    starts = rng.integers(0, n, size=(n_resamples, n))
    new = rng.random((n_resamples, n)) < 1.0 / max(block, 1.0)
    new[:, 0] = True
    position = np.arange(n)
    begin = np.maximum.accumulate(np.where(new, position, 0), axis=1)
    return (np.take_along_axis(starts, begin, axis=1) + position - begin) % n


def optimal_block_length(values: Array) -> float:
    """Mean block length for the mean of a series (Politis and White, 2004; Patton, Politis and White, 2009).

    Args:
        values: A series without NaN (n).

    Returns:
        Days, between 1 and ``ceil(min(3 sqrt(n), n / 3))``; 1 for a constant or very short series.
    """
    x = np.asarray(values, dtype=np.float64)
    n = len(x)
    if n < 8 or x.std() < 1e-15:
        return 1.0
    x = x - x.mean()
    quiet = max(5, int(np.log10(n)))
    lags = min(int(np.ceil(np.sqrt(n))) + quiet, n - 2)
    covariance = np.array([x[lag:] @ x[: n - lag] / n for lag in range(lags + 1)])
    scale = np.array([np.sqrt((x[lag + 1 :] @ x[lag + 1 :]) * (x[: -lag - 1] @ x[: -lag - 1])) for lag in range(lags)])
    silent = np.abs(covariance[:lags]) * n < 2.0 * np.sqrt(np.log10(n) / n) * scale
    runs = [lag for lag in range(lags - quiet + 1) if silent[lag : lag + quiet].all()]
    bandwidth = min(2 * max(runs[0], 1), lags) if runs else lags
    k = np.arange(1, bandwidth + 1)
    taper = np.where(k / bandwidth <= 0.5, 1.0, 2.0 * (1.0 - k / bandwidth))
    slope = 2.0 * float((taper * k * covariance[1 : bandwidth + 1]).sum())
    long_run = float(covariance[0] + 2.0 * (taper * covariance[1 : bandwidth + 1]).sum())
    if long_run <= 0.0:
        return 1.0
    length = ((2.0 * slope**2) / (2.0 * long_run**2)) ** (1.0 / 3.0) * n ** (1.0 / 3.0)
    return float(np.clip(length, 1.0, np.ceil(min(3.0 * np.sqrt(n), n / 3.0))))


def _block(values: Vector, block: float | None, min_block: float) -> float:
    longest = max(1.0, len(values) / 3.0)
    length = max(optimal_block_length(values), min_block) if block is None else block
    return float(min(max(length, 1.0), longest))


def _resamples(n: int, block: float, n_resamples: int, seed: int) -> Iterator[Array]:
    """Resamples in pieces of bounded memory; the pieces do not change what is drawn by one seed."""
    rng = np.random.default_rng(seed)
    size = max(1, CELLS // n)
    for start in range(0, n_resamples, size):
        yield stationary_indices(n, block, min(size, n_resamples - start), rng)


def _interval(value: float, drawn: Vector, level: float, p_value: float, n_days: int, block: float) -> Interval:
    if not 0.0 < level < 1.0:
        raise DataError(f"The level of an interval is {level}; expected a number between 0 and 1, such as 0.95.")
    tail = 0.5 * (1.0 - level)
    low, high = np.quantile(drawn, [tail, 1.0 - tail]) if len(drawn) else (float("nan"), float("nan"))
    return Interval(value, float(low), float(high), p_value, n_days, float(block))
