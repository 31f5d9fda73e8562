"""A small equity market as a user would hold it: files with ordinary names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from finq_predictor.domain.market.calendars import get_calendar


def market_frames(instruments: int = 24, first: str = "2023-01-03", last: str = "2023-06-30", seed: int = 0):
    """Bars (symbol, date, open ... volume) and a benchmark of the same sessions."""
    rng = np.random.default_rng(seed)
    dates = get_calendar("XNYS").closes(pd.Timestamp(first), pd.Timestamp(last)).index
    close = 50 * np.exp(rng.normal(0, 0.01, (len(dates), instruments)).cumsum(axis=0))
    opened = close * np.exp(rng.normal(0, 0.003, close.shape))
    bars = pd.DataFrame(
        {
            "symbol": np.tile([f"S{number:02d}" for number in range(instruments)], len(dates)),
            "date": np.repeat(dates.strftime("%Y-%m-%d"), instruments),
            "open": opened.ravel(),
            "high": (np.maximum(opened, close) * 1.002).ravel(),
            "low": (np.minimum(opened, close) * 0.998).ravel(),
            "close": close.ravel(),
            "adj_close": close.ravel(),
            "volume": rng.integers(1_000, 9_000, close.size),
        }
    )
    benchmark = pd.DataFrame({"date": dates.strftime("%Y-%m-%d"), "close": close.mean(axis=1)})
    return bars, benchmark


def write_market(folder: Path, bars: pd.DataFrame, benchmark: pd.DataFrame) -> dict[str, str]:
    """Write the files and return the run parameters that name them."""
    paths = {"bars": folder / "bars.csv", "benchmark": folder / "benchmark.csv"}
    bars.to_csv(paths["bars"], index=False)
    benchmark.to_csv(paths["benchmark"], index=False)
    return {name: str(path) for name, path in paths.items()}


def coin_frame(instruments: int = 8, days: int = 900, seed: int = 0) -> pd.DataFrame:
    """Daily bars of coins, week-ends included: Symbol, Date, Open, High, Low, Close, Volume."""
    rng = np.random.default_rng(seed)
    dates = pd.date_range("2021-01-01", periods=days, freq="D")
    shared = rng.standard_t(4, (days, 1)) * 0.02
    close = 100 * np.exp((shared + rng.standard_t(4, (days, instruments)) * 0.02).cumsum(axis=0))
    opened = np.vstack([close[:1], close[:-1]])
    high, low = np.maximum(opened, close) * 1.004, np.minimum(opened, close) * 0.996
    return pd.DataFrame(
        {
            "Symbol": np.tile([f"C{number:02d}-USD" for number in range(instruments)], days),
            "Date": np.repeat(dates.strftime("%Y-%m-%d"), instruments),
            **{name: part.ravel() for name, part in {"Open": opened, "High": high, "Low": low, "Close": close}.items()},
            "Volume": rng.integers(1_000, 9_000, close.size),
        }
    )
