"""How good and how risky a series of daily returns is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.market.markets import Market


def summarise(daily: pd.DataFrame, market: Market, trials: int) -> pd.DataFrame:
    """Performance measures of one strategy, before and after costs.

    Args:
        daily: Output of :func:`run_backtest`.
        market: Its bars per year give the number of days per year.
        trials: How many configurations were tried before this one was chosen; deflates the Sharpe ratio.

    Returns:
        ``measure``, ``gross``, ``net``. Returns, volatility, drawdown and turnover are fractions of capital; Sharpe,
        Sortino and
        Calmar are annualised. A measure that is not defined (no position was ever held) is NaN.
    """
    days = days_per_year(market)
    shared = {
        "turnover_per_day": float(daily["turnover"].mean()),
        "exposure": float(daily["exposure"].mean()),
        "days": float(len(daily)),
        "days_with_position": float((daily["exposure"] > 0.0).sum()),
    }
    sides = {
        side: measures(daily[f"{side}_return"].to_numpy(float), days, trials)
        | market_share(daily[f"{side}_return"].to_numpy(float), daily["benchmark_return"].to_numpy(float))
        | shared
        for side in ("gross", "net")
    }
    return pd.DataFrame(sides).rename_axis("measure").reset_index()


def market_share(returns: np.ndarray[Any, Any], benchmark: np.ndarray[Any, Any]) -> dict[str, float]:
    """How much of a strategy is the market: slope and correlation against the benchmark; NaN where there is none.

    Args:
        returns: Daily returns (n).
        benchmark: Of the benchmark on the same days (n), NaN where the market has none.
    """
    spread, other = float(returns.std()) if len(returns) else 0.0, float(benchmark.std()) if len(benchmark) else 0.0
    if not (spread > 1e-15 and other > 1e-15):
        return {"beta": float("nan"), "market_correlation": float("nan")}
    correlation = float(np.corrcoef(returns, benchmark)[0, 1])
    return {"beta": correlation * spread / other, "market_correlation": correlation}


def days_per_year(market: Market) -> float:
    """Trading days per year of a market: 252 for daily equities, 260 for hourly currencies."""
    return market.bars_per_year * market.bar_minutes / 1440.0


def measures(returns: np.ndarray[Any, Any], days: float, trials: int) -> dict[str, float]:
    """Measures of one series of daily returns.

    Args:
        returns: Simple daily returns on constant capital, no NaN (n).
        days: Trading days per year.
        trials: Number of configurations tried.

    Returns:
        Measure -> value; NaN where there is no variation to measure.
    """
    deviation = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
    flat = deviation <= 1e-15
    annual = float(returns.mean() * days) if len(returns) else float("nan")
    downside = float(np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2))) if len(returns) else 0.0
    drawdown = max_drawdown(returns)
    gains, losses = float(returns[returns > 0].sum()), float(-returns[returns < 0].sum())
    moved = returns[returns != 0.0]
    return {
        "annualised_return": annual,
        "annualised_volatility": deviation * days**0.5,
        "total_return": float(returns.sum()),
        "sharpe": _ratio(annual, 0.0 if flat else deviation * days**0.5),
        "sortino": _ratio(annual, downside * days**0.5),
        "calmar": _ratio(annual, drawdown),
        "max_drawdown": drawdown,
        "profit_factor": _ratio(gains, losses),
        "hit_rate": float((moved > 0).mean()) if len(moved) else float("nan"),
        "deflated_sharpe": float("nan") if flat else _deflated(returns, trials),
    }


def max_drawdown(returns: np.ndarray[Any, Any]) -> float:
    """Largest fall of the summed returns from a former high, as a positive fraction of the constant capital."""
    curve = np.concatenate([[0.0], np.cumsum(returns)])
    return float((np.maximum.accumulate(curve) - curve).max())


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0.0 else float("nan")


def _deflated(returns: np.ndarray[Any, Any], trials: int) -> float:
    centred = returns - returns.mean()
    deviation = centred.std()
    skew, kurtosis = float((centred**3).mean() / deviation**3), float((centred**4).mean() / deviation**4)
    # Under the null all trials are noise, and a Sharpe ratio estimated from n returns has a variance of 1/n.
    variance = 1.0 / len(returns)
    return deflated_sharpe(float(returns.mean() / deviation), len(returns), skew, kurtosis, variance, trials)[1]


def deflated_sharpe(
    sharpe: float, n_returns: int, skewness: float, kurtosis: float, trial_variance: float, trials: int
) -> tuple[float, float]:
    """Probability that a Sharpe ratio exceeds what the best of many worthless trials would show.

    Args:
        sharpe: Sharpe ratio per observation (not annualised).
        n_returns: Number of returns it was estimated from.
        skewness: Of the returns.
        kurtosis: Of the returns; 3 for a normal distribution.
        trial_variance: Variance of the per-observation Sharpe ratios across trials.
        trials: Number of independent trials, at least 1.

    Returns:
        Expected maximum Sharpe ratio under the null, and the deflated Sharpe ratio in [0, 1].

    Reference: Bailey and Lopez de Prado (2014), The Deflated Sharpe Ratio.
    """
    from scipy.stats import norm

    if trials < 1:
        raise ConfigurationError(f"The number of trials is {trials}; at least the reported one was tried.")
    expected = 0.0
    if trials > 1:
        weight = float(np.euler_gamma)
        highest = (1.0 - weight) * norm.ppf(1.0 - 1.0 / trials) + weight * norm.ppf(1.0 - 1.0 / (trials * np.e))
        expected = float(trial_variance**0.5 * highest)
    variance = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
    z = (sharpe - expected) * (n_returns - 1) ** 0.5 / max(variance, 1e-12) ** 0.5
    return expected, float(norm.cdf(z))
