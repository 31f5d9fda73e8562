"""A made-up market with every input and every trouble, for laws that a feature is held to."""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.columns import SECTOR
from finq_predictor.domain.market.markets import Market, Trait
from finq_predictor.domain.panel import BENCHMARK_CLOSE, MEMBER, Panel

INSTRUMENTS = 7
SERIES = "rate"
_NAMES = tuple(f"MADE{number}" for number in range(INSTRUMENTS))
_PAIRS = ("AUD_USD", "EUR_AUD", "EUR_GBP", "EUR_USD", "GBP_USD", "USD_CHF", "USD_JPY")
STARTS, ENDS = 30, -12
"""Bars after the first at which one instrument starts, and before the end at which another one ends."""


def made_up_panel(market: Market, *, bars: int = 420, seed: int = 0) -> Panel:
    """Make a panel of a market: one instrument starts late, one ends, one is a member for a while only.

    Args:
        market: The market; its quotes, benchmark and sectors are there where it has them.
        bars: How many bars.
        seed: Which of many.
    """
    rng = np.random.default_rng(seed)
    ts = _times(market, bars)
    scale = 0.02 if Trait.DAILY in market.traits else 0.002
    fields = _prices(rng, bars, scale)
    close = fields["close"]
    if Trait.QUOTES in market.traits:
        for part in ("open", "high", "low", "close"):
            half = 0.1 * scale * rng.uniform(0.2, 1.0, close.shape)
            fields |= {f"bid_{part}": fields[part] * (1.0 - half), f"ask_{part}": fields[part] * (1.0 + half)}
    if Trait.SECTORS in market.traits:
        fields[SECTOR] = np.broadcast_to((np.arange(INSTRUMENTS) >= 3).astype(np.float64), close.shape).copy()
    count = np.where(rng.random(close.shape) < 0.3, rng.integers(1, 4, close.shape), 0).astype(np.float64)
    fields |= {"article_count": count, "tone_sum": count * rng.uniform(-1.0, 1.0, close.shape)}
    fields["article_count"][:3] = fields["tone_sum"][:3] = np.nan
    _holes(rng, fields)
    if Trait.BENCHMARK in market.traits:
        fields[BENCHMARK_CLOSE] = 1000.0 * np.exp(np.cumsum(rng.normal(0, 0.01, (bars, 1)), axis=0))
    fields[MEMBER] = np.ones(close.shape)
    fields[MEMBER][bars // 2 : bars // 2 + 40, 1] = 0.0
    fields |= _series(rng, bars)
    return Panel(market.name, ts, _PAIRS if Trait.PAIRS in market.traits else _NAMES, fields)


def _times(market: Market, bars: int) -> pd.DatetimeIndex:
    if Trait.DAILY in market.traits:
        return pd.bdate_range("2020-01-01", periods=bars, tz="UTC").as_unit("us") + pd.Timedelta(hours=21)
    every = pd.date_range("2020-03-02", periods=2 * bars, freq=f"{market.bar_minutes}min", tz="UTC").as_unit("us")
    return every[every.day_of_week < 5][:bars]


def _prices(rng: np.random.Generator, bars: int, scale: float) -> dict[str, Matrix]:
    shape = (bars, INSTRUMENTS)
    moves = rng.standard_t(5, shape) * scale
    # Every so often nothing moves.
    moves[rng.random(shape) < 0.03] = 0.0
    close = (10.0 + 30.0 * np.arange(INSTRUMENTS)) * np.exp(np.cumsum(moves, axis=0))
    opened = close * np.exp(rng.normal(0, scale / 3, shape))
    high = np.maximum(opened, close) * np.exp(np.abs(rng.normal(0, scale / 3, shape)))
    low = np.minimum(opened, close) * np.exp(-np.abs(rng.normal(0, scale / 3, shape)))
    volume = np.round(1e6 * np.exp(rng.normal(0, 0.5, shape)))
    vwap = (high + low + close) / 3.0
    return {"open": opened, "high": high, "low": low, "close": close, "volume": volume, "vwap": vwap}


def _holes(rng: np.random.Generator, fields: dict[str, Matrix]) -> None:
    bars = len(fields["close"])
    absent = rng.random((bars, INSTRUMENTS)) < 0.001
    absent[:STARTS, INSTRUMENTS - 1] = True
    absent[ENDS:, INSTRUMENTS - 2] = True
    for name, values in fields.items():
        if name not in ("article_count", "tone_sum"):
            values[absent] = np.nan


def _series(rng: np.random.Generator, bars: int) -> dict[str, Matrix]:
    """What was known of a series that is released every ten bars."""
    released = np.arange(bars) // 10
    level = np.cumsum(rng.normal(size=released[-1] + 1))[released]
    age = 1.0 + np.arange(bars) % 10
    parts = {"": level, ".change": np.diff(np.cumsum(rng.normal(size=released[-1] + 2)))[released], ".age": age}
    spread = {".mean": np.full(bars, level.mean()), ".std": 1.0 + 0.1 * np.cos(released), ".change_std": np.ones(bars)}
    named = {**parts, **spread}
    return {f"macro_{SERIES}{part}": np.array(values, dtype=np.float64)[:, None] for part, values in named.items()}
