from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.ingestion.price_outliers import reverted_jumps


def _bars(closes: list[float]) -> pd.DataFrame:
    ts = pd.date_range("2024-01-02 21:00", periods=len(closes), freq="D", tz="UTC", unit="us")
    return pd.DataFrame({"instrument": "AAA", "ts": ts, "close": closes})


def _flagged(closes: list[float]) -> list[int]:
    bars = _bars(closes)
    return np.flatnonzero(reverted_jumps(bars, np.ones(len(bars), dtype=bool), 1.8, 0.05)).tolist()


def test_hundredfold_price_on_a_day_of_news_is_seen():
    assert _flagged([112.9, 11226.0, 119.9, 120.4]) == [1]


@pytest.mark.parametrize(
    "closes",
    [
        [100.0, 40.0, 41.0, 40.5],  # a crash that stays
        [100.0, 300.0, 150.0, 151.0],  # doubts about a take-over, not a misprint
        [100.0, 101.0, 99.0, 10000.0],  # the last bar: nothing shows yet whether it stays
    ],
)
def test_moves_that_may_be_real_stay(closes):
    assert _flagged(closes) == []
