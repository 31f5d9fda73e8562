"""From the values of currencies to hourly mid, bid and ask quotes of a pair."""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import UTC_MICROSECONDS
from finq_predictor.simulation.config import FxMarketConfig
from finq_predictor.simulation.currencies import CURRENCIES, UNLISTED, CurrencyPaths, after_gap
from finq_predictor.simulation.seeding import stream
from finq_predictor.simulation.sessions import NEW_YORK

PARTS = ("open", "high", "low", "close")
QUOTE_PRICES = tuple(f"{side}_{part}" for side in ("mid", "bid", "ask") for part in PARTS)
# Usual full spread in basis points of the price while London is open.
SPREADS = {"EUR_USD": 1.1, "USD_JPY": 1.2, "GBP_USD": 1.5, "AUD_USD": 1.9, "USD_SGD": 2.4, "USD_CHF": 1.7}
OTHER_SPREAD = 2.2


def spread_profile(hours: pd.DatetimeIndex) -> np.ndarray:
    """How wide spreads are beside the London session: at roll-over (17:00 New York), after a break, in Asia."""
    local = hours.tz_convert(NEW_YORK).hour
    widths = np.select(
        [local == 17, local == 16, local == 18, hours.hour < 6, hours.hour >= 20], [6.0, 2.0, 2.2, 1.25, 1.4], 1.0
    )
    return np.asarray(np.where(after_gap(hours), 9.0, widths))


def pair_quotes(config: FxMarketConfig, currencies: CurrencyPaths, pair: str) -> pd.DataFrame:
    """Quote a pair hour by hour.

    Args:
        config: The market.
        currencies: Values of all currencies.
        pair: Such as ``"EUR_USD"``.

    Returns:
        T rows: instrument, time (UTC start), volume, mid, bid and ask open, high, low, close, known_at (the close).
    """
    base, quote = currencies.of(pair)
    hours = currencies.hours
    draw = stream(config.seed, f"fx.quotes.{pair}")
    noise, uniforms = draw.standard_normal((5, len(hours))), draw.random((2, len(hours)))
    returns = currencies.returns[base] - currencies.returns[quote]
    deviation = np.hypot(currencies.deviation[base], currencies.deviation[quote])
    start = np.log(_value(pair[:3]) / _value(pair[4:]))
    mid = _mid(start, returns, deviation, after_gap(hours), noise[0], uniforms)
    digits = 3 if np.exp(start) > 20 else 5
    half = _half_spread(pair, hours, deviation, mid, noise[1:3], 10.0**-digits)
    typical = np.sqrt(np.mean(deviation**2))
    crowd = 6.8 + 0.9 * np.log(deviation / typical) + 0.25 * np.minimum(np.abs(returns) / deviation, 5.0)
    frame = {
        "instrument": pd.Series([pair] * len(hours), dtype="str"),
        "time": hours,
        "volume": np.floor(np.exp(crowd + 0.3 * noise[3])) + 2.0,
        **{name: np.round(values, digits) for name, values in _sides(mid, half).items()},
        "known_at": (hours + pd.Timedelta(hours=1)).astype(UTC_MICROSECONDS),
    }
    return pd.DataFrame(frame)


def _value(currency: str) -> float:
    return CURRENCIES.get(currency, UNLISTED)[2]


def _mid(
    start: float, returns: np.ndarray, deviation: np.ndarray, gap: np.ndarray, noise: np.ndarray, uniforms: np.ndarray
) -> np.ndarray:
    """Mid open, high, low, close, (4, T); a break passes half of the first hour's move into its open."""
    close = start + np.cumsum(returns)
    share = np.where(gap, 0.5, 0.002)
    before = np.concatenate([[start], close[:-1]])
    opened = before + share * returns + np.sqrt(share * (1 - share)) * deviation * noise
    session, bridge = close - opened, (1 - share) * deviation**2
    up = 0.5 * (session + np.sqrt(session**2 - 2.0 * bridge * np.log1p(-uniforms[0])))
    down = 0.5 * (session - np.sqrt(session**2 - 2.0 * bridge * np.log1p(-uniforms[1])))
    return np.asarray(np.exp(np.stack([opened, opened + up, opened + down, close])))


def _half_spread(
    pair: str, hours: pd.DatetimeIndex, deviation: np.ndarray, mid: np.ndarray, noise: np.ndarray, tick: float
) -> np.ndarray:
    """Half the spread at open and close, (2, T): by session and volatility, never below one tick."""
    usual = 0.5e-4 * SPREADS.get(pair, OTHER_SPREAD) * spread_profile(hours)
    calm = np.median(deviation)
    stress = np.maximum(deviation / calm, 1.0) ** 0.3
    return np.asarray(np.maximum(usual * stress * np.exp(0.15 * noise) * mid[[0, 3]], tick))


def _sides(mid: np.ndarray, half: np.ndarray) -> dict[str, np.ndarray]:
    """Mid, bid and ask columns in which low <= open, close <= high holds on every side and bid never exceeds ask."""
    middle = half.mean(axis=0)
    columns = {}
    for side, sign in (("mid", 0.0), ("bid", -1.0), ("ask", 1.0)):
        opened, closed = mid[0] + sign * half[0], mid[3] + sign * half[1]
        columns[f"{side}_open"] = opened
        columns[f"{side}_high"] = np.maximum(mid[1] + sign * middle, np.maximum(opened, closed))
        columns[f"{side}_low"] = np.minimum(mid[2] + sign * middle, np.minimum(opened, closed))
        columns[f"{side}_close"] = closed
    return columns
