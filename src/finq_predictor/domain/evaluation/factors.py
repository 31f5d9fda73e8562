"""Is it just beta? Factors made of the same prices, and how much of a profit follows them.

Every factor is known in time: who belongs to a group, and how much, is what was known at the bar before. Returns run
from one execution price to the next, as the profits do that they explain.

References: time-series regression on factors, Jensen (1968), Fama and French (1993); errors, Newey and West (1987).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array, Flags, Matrix, Vector
from finq_predictor.domain.columns import INSTRUMENT, SECTOR, TS
from finq_predictor.domain.evaluation.backtest import PriceGrid, trading_day
from finq_predictor.domain.evaluation.feature_validation.hac import hac_freedom, hac_lags
from finq_predictor.domain.evaluation.performance import days_per_year
from finq_predictor.domain.market.markets import Market

ALPHA, BENCHMARK, UNIVERSE, SIZE, SECTOR_OF = "alpha", "benchmark", "universe", "size", "sector "
FEWEST_RANKED = 20
"""Halves of fewer instruments say nothing about size."""
DAYS_PER_FACTOR = 10


def factor_returns(grid: PriceGrid, bars: pd.DataFrame, market: Market) -> pd.DataFrame:
    """Daily returns of what a market knows of its own shape.

    Args:
        grid: Prices at which is traded.
        bars: The same bars in silver, with the sector where it is known.
        market: By which day a bar counts.

    Returns:
        ``ts`` (the day) and a column for each factor: ``benchmark``, where the market has one; ``universe``, the mean
        of all instruments; ``size``, the half that is traded less against the half that is traded more, by the
        value traded in the bars before; ``sector NAME``, its mean against the benchmark (or the universe), by the
        sector said at the bar before. What is not known of a market is not among them.
    """
    known = np.zeros(grid.returns.shape, dtype=bool)
    known[1:] = grid.tradable[:-1] & ~grid.ended[:-1]
    universe = _mean(grid.returns, known)
    market_return = universe if grid.benchmark is None else grid.benchmark
    found = {} if grid.benchmark is None else {BENCHMARK: grid.benchmark}
    found[UNIVERSE] = universe
    if (size := _size(grid, known)) is not None:
        found[SIZE] = size
    for sector, members in _sectors(grid, bars).items():
        within = known & members
        if within.any():
            found[SECTOR_OF + sector] = np.where(within.any(axis=1), _mean(grid.returns, within) - market_return, 0.0)
    table = pd.DataFrame(found, index=trading_day(grid.ts, market))
    return table.groupby(level=0).sum().rename_axis(TS).reset_index()


@dataclass(frozen=True)
class Regression:
    """A regression of one series on others, with errors that hold when neighbours depend on each other.

    Attributes:
        coefficient: The constant first (k + 1).
        error: Standard errors (k + 1).
        t: Coefficients over errors (k + 1).
        p_value: Two-sided (k + 1).
        r2: Share of the variance that is explained.
        n: Values that went in.
    """

    coefficient: Vector
    error: Vector
    t: Vector
    p_value: Vector
    r2: float
    n: int


def regress(values: Array, factors: Array, horizon: int, lags: int | None = None) -> Regression:
    """Ordinary least squares with the errors of Newey and West, Bartlett's weights, corrected for the coefficients.

    Args:
        values: What is explained (T).
        factors: What explains it (T, k), no NaN; columns that follow from others share their coefficient.
        horizon: Days over which neighbours share outcomes.
        lags: Lags to count; by default those of a mean test of the same series.
    """
    from scipy.stats import t as student

    design = np.column_stack([np.ones(len(values)), factors])
    inverse = np.linalg.pinv(design.T @ design)
    coefficient = inverse @ design.T @ values
    rest = values - design @ coefficient
    n, k = design.shape
    count = hac_lags(n, horizon) if lags is None else lags
    scores = design * rest[:, None]
    middle = scores.T @ scores
    for lag in range(1, min(count, n - 1) + 1):
        cross = scores[lag:].T @ scores[:-lag]
        middle += (1.0 - lag / (count + 1.0)) * (cross + cross.T)
    variance = np.diag(inverse @ middle @ inverse) * n / max(n - k, 1)
    total = float(((values - values.mean()) ** 2).sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(np.where(variance > 0.0, variance, np.nan))
        t = coefficient / error
        p_value = 2.0 * student.sf(np.abs(t), hac_freedom(np.full(k, float(n)), count))
    r2 = 1.0 - float((rest**2).sum()) / total if total > 0.0 else float("nan")
    return Regression(coefficient, error, t, p_value, r2, n)


def attribute(daily: pd.DataFrame, factors: pd.DataFrame, horizon_days: int, market: Market) -> pd.DataFrame:
    """Divide the net result of one strategy into what followed factors and what did not.

    Args:
        daily: ``ts`` and ``net_return``.
        factors: As :func:`factor_returns` gives them.
        horizon_days: Days that a position is held.
        market: Its days per year annualise.

    Returns:
        ``factor``, ``exposure`` (for ``alpha`` its return a year), ``error`` of it, ``t``, ``p_value``, ``earned``
        (what the exposure earned a year; adds up to the mean net return), ``r2`` and ``days``. Without rows where
        nothing was traded. With few days only the first factor, the market itself, is asked about.
    """
    columns = ["factor", "exposure", "error", "t", "p_value", "earned", "r2", "days"]
    both = daily[[TS, "net_return"]].merge(factors, on=TS)
    # Beside the benchmark the mean of all instruments is the market a second time.
    known = [name for name in factors.columns if name not in (TS, *([UNIVERSE] if BENCHMARK in factors else []))]
    names = [name for name in known if float(both[name].std() or 0.0) > 1e-15]
    if len(both) < DAYS_PER_FACTOR * (len(names) + 1):
        names = names[:1]
    spread = float(both["net_return"].std()) if len(both) > 1 else 0.0
    if not spread > 1e-15 or len(both) < DAYS_PER_FACTOR * (len(names) + 1):
        return pd.DataFrame(columns=columns)
    found = regress(both["net_return"].to_numpy(float), both[names].to_numpy(float), horizon_days)
    year = days_per_year(market)
    means = np.concatenate([[1.0], both[names].mean().to_numpy(float)])
    scale = np.where(np.arange(len(names) + 1) == 0, year, 1.0)
    return pd.DataFrame(
        {
            "factor": [ALPHA, *names],
            "exposure": found.coefficient * scale,
            "error": found.error * scale,
            "t": found.t,
            "p_value": found.p_value,
            "earned": found.coefficient * means * year,
            "r2": found.r2,
            "days": found.n,
        }
    )


def _mean(returns: Matrix, chosen: Flags) -> Vector:
    count = chosen.sum(axis=1)
    return np.asarray(np.where(chosen, returns, 0.0).sum(axis=1) / np.maximum(count, 1))


def _size(grid: PriceGrid, known: Flags) -> Vector | None:
    if grid.liquidity is None:
        return None
    # What is known at a bar is the value traded in those before it.
    value = np.where(known & (grid.liquidity > 0.0), grid.liquidity, np.nan)
    ranked = np.isfinite(value).sum(axis=1)
    if not (ranked >= FEWEST_RANKED).any():
        return None
    share = pd.DataFrame(value).rank(axis=1, pct=True).to_numpy()
    enough = (ranked >= FEWEST_RANKED)[:, None]
    return np.asarray(_mean(grid.returns, enough & (share <= 0.5)) - _mean(grid.returns, enough & (share > 0.5)))


def _sectors(grid: PriceGrid, bars: pd.DataFrame) -> dict[str, Flags]:
    """Who is in each sector, as the bar before said."""
    if SECTOR not in bars or bars[SECTOR].isna().all():
        return {}
    codes, names = pd.factorize(bars[SECTOR], sort=True)
    said = np.full(grid.returns.shape, np.nan)
    rows = grid.ts.get_indexer(pd.DatetimeIndex(bars[TS]))
    said[rows, grid.instruments.get_indexer(pd.Index(bars[INSTRUMENT]))] = np.where(codes >= 0, codes, np.nan)
    before = pd.DataFrame(said).ffill().shift(1).to_numpy()
    return {str(name): before == code for code, name in enumerate(names)}
