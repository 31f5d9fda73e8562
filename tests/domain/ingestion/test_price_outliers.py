from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finq_predictor.domain.ingestion.price_outliers import unconfirmed_jumps


def _bars(closes: list[float], name: str = "AAA") -> pd.DataFrame:
    ts = pd.date_range("2024-01-02 21:00", periods=len(closes), freq="D", tz="UTC", unit="us")
    return pd.DataFrame({"instrument": name, "ts": ts, "adj_close": closes})


def _flagged(closes: list[float], factor: float = 4.0) -> list[int]:
    bars = _bars(closes)
    return np.flatnonzero(
        unconfirmed_jumps(bars, np.ones(len(bars), dtype=bool), factor, np.arange(len(bars)))
    ).tolist()


@pytest.mark.parametrize(
    ("closes", "held_back"),
    [
        ([112.9, 11226.0, 119.9, 120.4], [1]),  # a hundred times too high, on a day of news
        ([100.0, 40.0, 41.0, 40.5], []),  # a crash
        ([100.0, 10.0, 10.5, 10.2], [1]),  # a crash that nobody would believe at first
        ([100.0, 1.0, 100.0, 1.0, 1.1, 1.0], [1, 3]),  # each is held back until a bar lies near it
        ([100.0, 101.0, 99.0, 10000.0], [3]),  # the last bar: nothing has confirmed it
        ([100.0, 1000.0, 10000.0, 100.0], [1, 2]),  # neither confirms the other
        ([100.0, 10000.0, 10100.0, 100.0, 101.0], [1, 3]),  # wrong for two days: believed, and disbelieved again
    ],
)
def test_only_the_next_bar_can_confirm_a_jump(closes, held_back):
    assert _flagged(closes) == held_back


def test_instruments_do_not_confirm_each_other():
    bars = pd.concat([_bars([1.0, 1.0, 100.0], "A"), _bars([100.0, 100.0, 1.0], "B")], ignore_index=True)
    assert np.flatnonzero(unconfirmed_jumps(bars, np.ones(6, dtype=bool), 4.0, np.tile(np.arange(3), 2))).tolist() == [
        2,
        5,
    ]


def test_after_a_missing_bar_nobody_knows():
    bars = _bars([100.0, 9.0, 9.1])
    assert not unconfirmed_jumps(bars, np.ones(3, dtype=bool), 4.0, np.array([0, 2, 3])).any()


@given(st.lists(st.sampled_from([1.0, 1.2, 8.0, 70.0, 0.1]), min_size=2, max_size=30), st.integers(1, 30))
def test_later_bars_change_nothing(closes, kept):
    assert _flagged(closes[:kept]) == [row for row in _flagged(closes) if row < kept]
