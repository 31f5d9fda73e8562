"""The currencies of the FX market: each has a value of its own, so that pairs agree with each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.simulation.config import FxMarketConfig
from finq_predictor.simulation.seeding import stream, student_t
from finq_predictor.simulation.strength import strength_path

# Hourly volatility in basis points; how active Asia, Europe and America are in it; value in US dollars.
CURRENCIES: dict[str, tuple[float, tuple[float, float, float], float]] = {
    "USD": (5.0, (0.25, 0.7, 1.1), 1.0),
    "EUR": (6.0, (0.15, 1.2, 0.8), 1.10),
    "JPY": (6.5, (0.9, 0.6, 0.8), 0.0085),
    "GBP": (6.5, (0.2, 1.3, 0.7), 1.28),
    "AUD": (8.0, (0.9, 0.7, 0.7), 0.70),
    "NZD": (8.0, (0.9, 0.6, 0.7), 0.65),
    "SGD": (2.5, (0.8, 0.7, 0.6), 0.74),
    "CHF": (6.0, (0.2, 1.2, 0.7), 1.05),
    "CAD": (5.5, (0.2, 0.6, 1.2), 0.76),
}
UNLISTED = (6.0, (0.5, 0.8, 0.8), 1.0)
# Whose moves a currency follows an hour later; the dollar and the euro follow nobody.
LEADERS = {"USD": "", "EUR": "", "GBP": "EUR", "CHF": "EUR", "JPY": "USD", "AUD": "JPY", "NZD": "AUD", "SGD": "JPY"}
MEMORIES = np.array([0.50, 0.20, 0.88])
# Weights of a currency's own last shocks (they revert), its leader's (they spread) and news at strength one.
WEIGHTS = np.array([-0.030, 0.062, 0.110])
HOUR = 3_600_000_000  # microseconds
HOURS_A_YEAR = 6200.0
QUIET, BUSY = 1.0, 0.55


@dataclass(frozen=True)
class CurrencyPaths:
    """Paths of C currencies over T hours.

    Attributes:
        names: The currencies, sorted.
        hours: Starts of the hours, UTC.
        returns: (C, T) log returns of each currency's value.
        deviation: (C, T) their standard deviation, known one hour before.
        expected: (C, T) expected return of the next hour, known at the close.
        surprise: (C, T) shock of the hour in standard deviations.
        news: (C, T) surprise of the hour's news, 0 where there is none.
    """

    names: tuple[str, ...]
    hours: pd.DatetimeIndex
    returns: np.ndarray
    deviation: np.ndarray
    expected: np.ndarray
    surprise: np.ndarray
    news: np.ndarray

    def of(self, pair: str) -> tuple[int, int]:
        """Numbers of the base and the quote currency of a pair."""
        base, quote = pair.split("_")
        return self.names.index(base), self.names.index(quote)


def activity(weights: tuple[float, float, float], hours: pd.DatetimeIndex) -> np.ndarray:
    """How volatile each hour is: sessions in Asia, Europe and America; mean square one over a day."""
    clock = (np.arange(24) + 0.5)[None, :]
    centres, widths = np.array([3.0, 9.0, 15.0])[:, None], np.array([2.8, 2.6, 2.6])[:, None]
    distance = np.abs(clock - centres)
    bumps = np.exp(-0.5 * (np.minimum(distance, 24 - distance) / widths) ** 2)
    shape = 0.18 + np.asarray(weights) @ bumps
    shape = shape / np.sqrt(np.mean(shape**2))
    return np.asarray(shape[hours.hour])


def is_quiet(hours: pd.DatetimeIndex) -> np.ndarray:
    """Whether an hour lies outside the sessions of London and New York, 07:00 to 20:00 UTC."""
    return np.asarray((hours.hour < 7) | (hours.hour >= 20))


def after_gap(hours: pd.DatetimeIndex) -> np.ndarray:
    """Whether the market was closed before an hour."""
    return np.concatenate([[False], np.diff(hours.as_unit("us").asi8) > HOUR])


def simulate_currencies(config: FxMarketConfig, hours: pd.DatetimeIndex) -> CurrencyPaths:
    """Simulate the values of all currencies that the pairs need.

    Args:
        config: The market.
        hours: Its hours, UTC.
    """
    from finq_predictor.simulation.kernels import currency_returns, gjr_path

    names = tuple(sorted({currency for pair in config.pairs for currency in pair.split("_")}))
    count, size = len(names), len(hours)
    _, regime = gjr_path(student_t(stream(config.seed, "fx.common"), 8.0, size), 0.03, 0.0, 0.965)
    shocks, news, scale = np.empty((count, size)), np.empty((count, size)), np.empty((count, size))
    for row, name in enumerate(names):
        level, sessions, _ = CURRENCIES.get(name, UNLISTED)
        draw = stream(config.seed, f"fx.currency.{name}")
        own, _ = gjr_path(student_t(draw, 5.0, size), 0.06, 0.0, 0.92)
        shocks[row] = own * np.where(after_gap(hours), 2.0, 1.0)
        told = draw.random(size) < config.articles_per_year / HOURS_A_YEAR * activity(sessions, hours) ** 2
        news[row] = np.where(told, draw.standard_normal(size), 0.0)
        scale[row] = level * 1e-4 * activity(sessions, hours) * np.sqrt(regime)
    leaders = np.array([names.index(leader) if (leader := LEADERS.get(name, "EUR")) in names else -1 for name in names])
    weights = config.signal * WEIGHTS * np.array([1.0, 1.0, config.tone_signal])
    strength = strength_path(config.planting, stream(config.seed, "fx.strength"), size, HOURS_A_YEAR)
    calm = np.where(is_quiet(hours), QUIET, BUSY)
    returns, surprise, expected = currency_returns(shocks, news, scale, calm, leaders, weights, strength, MEMORIES)
    return CurrencyPaths(names, hours, returns, scale, expected, surprise, news)
