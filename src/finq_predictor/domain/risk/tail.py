"""Value at risk and expected shortfall, told the day before, by four rules.

Each forecast of a day is made of the days before it. A loss is a negative return; both figures are losses as positive
fractions of the capital, and shortfall is what is lost on average on the days that are worse than the value at risk.

References: RiskMetrics Technical Document (1996); Cornish and Fisher (1938), as Favre and Galeano (2002) use it;
expected shortfall, Acerbi and Tasche (2002).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Vector
from finq_predictor.domain.registry import Registry

WINDOW, FEWEST = 250, 100
"""Days that a forecast is made of, and with how many it begins."""
DECAY = 0.94
"""As RiskMetrics has it for daily returns."""
LEVELS = (0.95, 0.99)
_GRID = 400


@dataclass(frozen=True)
class TailForecast:
    """What was told of each day, on the day before.

    Attributes:
        var: Loss that is exceeded with a chance of one minus the level (T); NaN until there are enough days.
        shortfall: Mean loss of the days that exceed it (T).
    """

    var: Vector
    shortfall: Vector


Rule = Callable[[pd.Series, float], TailForecast]
TAIL_RULES: Registry[Rule] = Registry("rule of value at risk")
"""Takes daily returns (T) and a level; tells each day by the days before it."""


@TAIL_RULES.register("historical")
def historical(returns: pd.Series, level: float) -> TailForecast:
    """The worst of the last days themselves, and the mean of those that are as bad."""
    values = returns.to_numpy(float)
    var, shortfall = np.full(len(values), np.nan), np.full(len(values), np.nan)
    for day in range(FEWEST, len(values)):
        known = np.sort(values[max(0, day - WINDOW) : day])
        worst = max(1, int(np.ceil((1.0 - level) * len(known) - 1e-9)))
        var[day], shortfall[day] = -known[worst - 1], -known[:worst].mean()
    return TailForecast(var, shortfall)


@TAIL_RULES.register("parametric")
def parametric(returns: pd.Series, level: float) -> TailForecast:
    """As if returns were normal, with mean and deviation of the last days."""
    rolled = returns.rolling(WINDOW, min_periods=FEWEST)
    return _normal(rolled.mean().shift(1).to_numpy(float), rolled.std().shift(1).to_numpy(float), level)


@TAIL_RULES.register("ewma")
def ewma(returns: pd.Series, level: float) -> TailForecast:
    """As if they were normal, with a deviation in which the last days count most, and no mean."""
    deviation = np.sqrt((returns**2).ewm(alpha=1.0 - DECAY, adjust=True, min_periods=FEWEST).mean()).shift(1)
    return _normal(np.zeros(len(returns)), deviation.to_numpy(float), level)


@TAIL_RULES.register("cornish_fisher")
def cornish_fisher(returns: pd.Series, level: float) -> TailForecast:
    """Normal quantiles bent by the skewness and the kurtosis of the last days."""
    from scipy.stats import norm

    rolled = returns.rolling(WINDOW, min_periods=FEWEST)
    mean, deviation, skew, excess = (
        getattr(rolled, name)().shift(1).to_numpy(float) for name in ("mean", "std", "skew", "kurt")
    )
    # Beyond these the bent quantiles do not rise any more (Maillard, 2012).
    skew, excess = np.clip(skew, -1.0, 1.0), np.clip(excess, 0.0, 8.0)
    chances = (1.0 - level) * (np.arange(_GRID) + 0.5) / _GRID
    at = norm.ppf(np.append(chances, 1.0 - level))[:, None]
    bent = (
        at + (at**2 - 1.0) * skew / 6.0 + (at**3 - 3.0 * at) * excess / 24.0 - (2.0 * at**3 - 5.0 * at) * skew**2 / 36.0
    )
    return TailForecast(-(mean + deviation * bent[-1]), -(mean + deviation * bent[:-1].mean(axis=0)))


def _normal(mean: Vector, deviation: Vector, level: float) -> TailForecast:
    from scipy.stats import norm

    at = float(norm.ppf(1.0 - level))
    return TailForecast(-(mean + deviation * at), -mean + deviation * float(norm.pdf(at)) / (1.0 - level))
