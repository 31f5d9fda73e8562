"""A share as it was traded, and what a provider delivers of it on different evenings."""

from __future__ import annotations

import numpy as np
import pandas as pd

DAYS = pd.bdate_range("2024-02-01", periods=60)
DAYS = DAYS[~DAYS.isin(pd.to_datetime(["2024-02-19", "2024-03-29"]))]


class Truth:
    """A share as it was traded, with its splits and dividends by number of the session."""

    def __init__(self, splits: dict[int, float], dividends: dict[int, float], seed: int = 0) -> None:
        generator = np.random.default_rng(seed)
        returns = generator.normal(0, 0.01, len(DAYS))
        shares = np.cumprod([splits.get(day, 1.0) for day in range(len(DAYS))])
        paid = np.array([dividends.get(day, 0.0) for day in range(len(DAYS))])
        self.splits, self.paid = splits, paid
        self.close = np.empty(len(DAYS))
        self.wealth = np.cumprod(np.exp(returns))
        for day, gross in enumerate(np.exp(returns)):
            before = self.close[day - 1] / splits.get(day, 1.0) if day else 100.0
            self.close[day] = (before - paid[day]) * gross if day else before
        self.wealth /= self.wealth[0]
        self.shares = shares

    def delivered(self, first: int, last: int, at: int) -> pd.DataFrame:
        """Sessions ``first`` to ``last`` as Yahoo has them on the evening of session ``at``."""
        days = np.arange(first, last + 1)
        later = np.array([np.prod([s for d, s in self.splits.items() if day < d <= at]) for day in days])
        price = self.close[days] / later
        received = pd.Timestamp(DAYS[at], tz="America/New_York") + pd.Timedelta(hours=17)
        return pd.DataFrame(
            {
                "instrument": "AAA", "date": DAYS[days].strftime("%Y-%m-%d"), "open": price, "high": price,
                "low": price, "close": price, "volume": 1e6 * later, "dividend": self.paid[days] / later,
                "split": [self.splits.get(day, 0.0) if day <= at else 0.0 for day in days],
                "_source": "own:x", "_received_at": received.tz_convert("UTC").as_unit("us"), "_content_hash": str(at),
            }
        )  # fmt: skip


def deliveries(truth: Truth, runs: list[int], again: int) -> list[pd.DataFrame]:
    """A first run brings the history, each later one what is new and the last sessions once more."""
    parts, before = [], -1
    for at in runs:
        parts.append(truth.delivered(max(0, before + 1 - again) if parts else 0, at, at))
        before = at
    return parts
