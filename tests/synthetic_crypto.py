"""A market that the product does not have: coins, daily, never closed, no benchmark, no quotes. It is one entry."""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.domain.market import InstrumentKind, Market, Vocabulary

CRYPTO = Market(
    name="crypto",
    short_name="Crypto",
    title="Coins",
    instruments=InstrumentKind.COIN,
    calendar="24/7",
    bar_minutes=1440,
    horizons=(1, 7),
    horizon=7,
    entry_lag=0,
    has_benchmark=False,
    has_quotes=False,
    bars_per_year=365,
    decision_hours=1.0,
    fresh_hours=48.0,
    registered_model="finq-crypto-direction",
    vocabulary=Vocabulary.SHARES,
    question="Will {instrument} be higher {horizon} days from now?",
    directions=("up", "down"),
    verb="rise",
)
COINS = ("BTC_USD", "ETH_USD", "DOGE_USD", "1INCH_USD")


def coin_bars(days: int = 400, seed: int = 1, first: str = "2023-01-01") -> pd.DataFrame:
    """Daily bars as an exchange of coins delivers them: dates in UTC, names as BTC-USD."""
    random = np.random.default_rng(seed)
    dates = pd.date_range(first, periods=days, freq="D").strftime("%Y-%m-%d")
    frames = []
    for name in COINS:
        close = 100 * np.exp(np.cumsum(random.normal(0, 0.03, days)))
        opened = close * np.exp(random.normal(0, 0.01, days))
        prices = {
            "open": opened,
            "high": np.maximum(opened, close) * 1.01,
            "low": np.minimum(opened, close) * 0.99,
            "close": close,
        }
        volume = np.round(1e5 * np.exp(random.normal(0, 0.3, days)))
        frames.append(pd.DataFrame({"symbol": name.replace("_", "-"), "date": dates, **prices, "volume": volume}))
    return pd.concat(frames, ignore_index=True)
