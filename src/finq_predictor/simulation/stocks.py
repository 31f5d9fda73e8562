"""The stocks of an equity market, some at a time: their characters, random draws and price paths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finq_predictor.simulation.companies import SECTORS, Company, company
from finq_predictor.simulation.config import EquityMarketConfig
from finq_predictor.simulation.ends import draw_ends
from finq_predictor.simulation.factors import (
    BURN_IN,
    MARKET_VOLATILITY,
    PREMIUM,
    SECTOR_VOLATILITY,
    EquityFactors,
)
from finq_predictor.simulation.seeding import stream, student_t

HORIZON = 5
QUARTER = 63
MEMORIES = np.array([0.80, 0.985, 0.92])
# Weights of short residual shocks (they revert), long ones (they go on) and news at strength one.
WEIGHTS = np.array([-0.026, 0.012, 0.040])
SHORTEST_LIFE = 60


@dataclass(frozen=True)
class StockPaths:
    """Paths of N neighbouring stocks over T days, burn-in included; NaN outside the listed days.

    Attributes:
        companies: Who they are.
        first: (N,) first listed day.
        last: (N,) last listed day, inclusive.
        prices: (N, T, 4) raw open, high, low, close.
        adjusted: (N, T) close adjusted for splits and dividends.
        volume: (N, T) shares traded.
        dividends: (N, T) per share, on the ex-day.
        splits: (N, T) new shares for an old one, on the ex-day.
        capital: (N,) value of the company on its first listed day.
        news: (N, T) surprise of the day's news, 0 where there is none.
        earnings: (N, T) whether results are published.
        surprise: (N, T) residual shock of the day in standard deviations.
        expected: (N, T) expected return from the next close over ``HORIZON`` days, known at the close.
        expected_next: (N, T) expected return of the next day, known at the close.
    """

    companies: tuple[Company, ...]
    first: np.ndarray
    last: np.ndarray
    prices: np.ndarray
    adjusted: np.ndarray
    volume: np.ndarray
    dividends: np.ndarray
    splits: np.ndarray
    capital: np.ndarray
    news: np.ndarray
    earnings: np.ndarray
    surprise: np.ndarray
    expected: np.ndarray
    expected_next: np.ndarray


@dataclass
class _Draws:
    """Random numbers of N stocks, drawn one stock after the other from its own stream."""

    traits: np.ndarray  # (N, 16) uniforms
    normals: np.ndarray  # (N, 4) standard normals
    shocks: np.ndarray
    night: np.ndarray
    extremes: np.ndarray
    activity: np.ndarray
    news_chance: np.ndarray
    news_surprise: np.ndarray
    jump: np.ndarray


def _draw(config: EquityMarketConfig, numbers: range, days: int) -> _Draws:
    count = len(numbers)
    matrix = (count, days)
    drawn = _Draws(
        np.empty((count, 16)),
        np.empty((count, 4)),
        np.empty(matrix),
        np.empty(matrix),
        np.empty((count, days, 2)),
        np.empty(matrix),
        np.empty(matrix),
        np.empty(matrix),
        np.empty(matrix),
    )
    for row, number in enumerate(numbers):
        draw = stream(config.seed, "equity.stock", number)
        draw.random(out=drawn.traits[row])
        draw.standard_normal(out=drawn.normals[row])
        drawn.shocks[row] = student_t(draw, 4.0 + 3.0 * drawn.traits[row, 0], days)
        draw.standard_normal(out=drawn.night[row])
        draw.random(out=drawn.extremes[row])
        draw.standard_normal(out=drawn.activity[row])
        draw.random(out=drawn.news_chance[row])
        draw.standard_normal(out=drawn.news_surprise[row])
        draw.standard_normal(out=drawn.jump[row])
    return drawn


def _listing(config: EquityMarketConfig, traits: np.ndarray, days: int) -> tuple[np.ndarray, np.ndarray]:
    sessions = days - BURN_IN
    room = max(sessions - SHORTEST_LIFE, 1)
    late, early = traits[:, 1] < config.listed_late, traits[:, 2] < config.delisted
    first = BURN_IN + np.where(late, (traits[:, 3] * room * 0.8).astype(np.int64), 0)
    left = np.maximum(days - 1 - first - SHORTEST_LIFE, 0)
    last = np.where(
        early, first + np.minimum(SHORTEST_LIFE, sessions - 1) + (traits[:, 4] * left).astype(np.int64), days
    )
    return first, np.minimum(last, days - 1)


def _volume(
    returns: np.ndarray,
    deviation: np.ndarray,
    usual: np.ndarray,
    noise: np.ndarray,
    event: np.ndarray,
    base: np.ndarray,
) -> np.ndarray:
    """Shares traded: more when volatility is expected, when the price moves, on results; with a memory of days."""
    from finq_predictor.simulation.kernels import smooth_rows

    wave = smooth_rows(noise, 0.7)
    log_volume = base + 0.6 * np.log(deviation / usual) + 0.3 * np.minimum(np.abs(returns) / deviation, 5.0)
    return np.asarray(np.exp(log_volume + 0.35 * wave + 0.7 * event))


def simulate_stocks(config: EquityMarketConfig, factors: EquityFactors, numbers: range) -> StockPaths:
    """Simulate some stocks; each gets the same bytes whichever others are asked for.

    Args:
        config: The market.
        factors: Its common part, from ``simulate_factors``.
        numbers: Running numbers of neighbouring stocks.
    """
    from finq_predictor.simulation.kernels import equity_prices, equity_returns

    days = factors.days
    drawn = _draw(config, numbers, days)
    traits, normals = drawn.traits, drawn.normals
    companies = tuple(company(number) for number in numbers)
    sector = np.array([SECTORS.index(member.sector) for member in companies])
    beta = np.clip(1.0 + 0.28 * normals[:, :1], 0.3, 1.9)
    sector_beta = np.clip(1.0 + 0.25 * normals[:, 1:2], 0.3, 1.8)
    volatility = 0.0133 * np.exp(0.3 * np.clip(normals[:, 2], -2.5, 2.5))

    phase = (traits[:, 5:6] * QUARTER).astype(np.int64)
    earnings = (np.arange(days)[None, :] + phase) % QUARTER == 0
    chance = max(config.articles_per_year - 4.0, 0.0) / 252.0
    has_news = earnings | (drawn.news_chance < chance * (0.5 + traits[:, 6:7]))
    news = np.where(has_news, drawn.news_surprise, 0.0)
    jumped = drawn.news_chance > 1.0 - 1.0 / 252.0
    jumps = np.where(earnings, 2.2, np.where(jumped, 3.0, 0.0)) * drawn.jump

    common = PREMIUM + beta * factors.market + sector_beta * factors.sectors[sector]
    common_scale = np.sqrt(factors.variance)
    weights = config.signal * WEIGHTS * np.array([1.0, 1.0, config.tone_signal])
    returns, surprise, deviation, expected, expected_next = equity_returns(
        drawn.shocks, news, jumps, common, common_scale, volatility,
        np.array([0.01, 0.12, 0.92]), weights, factors.strength, MEMORIES, HORIZON,
    )  # fmt: skip
    market_variance = (beta * MARKET_VOLATILITY) ** 2 * factors.variance
    total = np.sqrt(deviation**2 + market_variance + (sector_beta * SECTOR_VOLATILITY) ** 2 * common_scale)
    # Results come when the exchange is closed, and so does whatever moves a stock by many deviations at once.
    overnight = volatility[:, None] * jumps
    shock = surprise - overnight / deviation
    overnight = overnight + deviation * (shock - np.clip(shock, -4.0, 4.0))
    first, last = _listing(config, traits, days)
    event = earnings | jumped
    if config.failures or config.mergers:
        yearly = (config.failures, config.mergers)
        last, multiples = draw_ends(config.seed, numbers, returns, (first, last), yearly, SHORTEST_LIFE)
        returns = (1.0 + returns) * multiples - 1.0
        # The news of an end comes overnight; the last session of the history ends nothing.
        ended = np.arange(days) == np.where(last < days - 1, last, days)[:, None]
        overnight = overnight + np.where(ended, np.log(multiples), 0.0)
        event = event | ended
    start_price = np.exp(np.log(18.0) + traits[:, 7] * np.log(12.0))
    pays = traits[:, 8] < 0.65
    prices, dividends, splits, adjusted = equity_prices(
        returns, overnight, total, drawn.night, drawn.extremes, first, last, start_price,
        np.where(pays, 0.002 + 0.008 * traits[:, 9], 0.0), (traits[:, 10] * QUARTER).astype(np.int64),
        160.0 + 340.0 * traits[:, 11],
    )  # fmt: skip
    capital = np.exp(np.log(8e9) + 1.1 * normals[:, 3])
    base = np.log(capital / start_price * (0.002 + 0.006 * traits[:, 12]))
    usual = np.median(total, axis=1, keepdims=True)
    volume = _volume(returns, total, usual, drawn.activity, event, base[:, None])
    ratio = np.cumprod(splits, axis=1)
    volume = np.floor(volume * ratio) + 100.0
    return StockPaths(
        companies, first, last, prices, adjusted, volume, dividends, splits, capital,
        news, earnings, surprise, expected, expected_next,
    )  # fmt: skip
