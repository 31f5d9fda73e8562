"""Labels look forward by exactly what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.errors import ConfigurationError, DataError
from finq_predictor.domain.labels import make_labels
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.panel import Panel

EQUITY, FX = get_market("equity"), get_market("fx")


def make_panel(market: str, close: list[list[float]], benchmark: list[float] | None = None) -> Panel:
    ts = pd.date_range("2024-01-01", periods=len(close), freq="D", tz="UTC").as_unit("us")
    fields = {"close": np.array(close, dtype=float)}
    if benchmark is not None:
        fields["benchmark_close"] = np.array(benchmark, dtype=float).reshape(-1, 1)
    return Panel(market, ts, tuple("ABCDEFGH"[: len(close[0])]), fields)


def test_equity_enters_at_the_next_close_and_subtracts_the_benchmark():
    panel = make_panel("equity", [[10.0], [20.0], [30.0], [33.0]], [100.0, 100.0, 110.0, 110.0])
    labels = make_labels(panel, EQUITY, [1, 2])
    np.testing.assert_allclose(labels["forward_return_1"], [0.5 - 0.1, 0.1 - 0.0, np.nan, np.nan])
    np.testing.assert_allclose(labels["forward_return_2"], [0.65 - 0.1, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(labels["label_1"], [1.0, 1.0, np.nan, np.nan])
    assert list(labels["label_end_1"][:2]) == [panel.ts[2], panel.ts[3]]
    assert labels["label_end_1"][2:].isna().all()
    assert list(labels["label_end_2"].dropna()) == [panel.ts[3]]


def test_fx_enters_at_the_close_of_the_decision():
    panel = make_panel("fx", [[1.0], [1.1], [1.1], [1.0]])
    labels = make_labels(panel, FX, [1])
    np.testing.assert_allclose(labels["forward_return_1"], [0.1, 0.0, 1 / 1.1 - 1, np.nan])
    np.testing.assert_array_equal(labels["label_1"], [1.0, 0.0, 0.0, np.nan])
    assert labels["label_end_1"][0] == panel.ts[1]


def test_the_bar_after_a_week_end_is_the_next_bar():
    ts = pd.DatetimeIndex(["2024-01-05 21:00", "2024-01-05 22:00", "2024-01-07 23:00"], tz="UTC").as_unit("us")
    panel = replace(make_panel("fx", [[1.0], [1.1], [1.21]]), ts=ts)
    labels = make_labels(panel, FX, [1])
    assert labels["label_end_1"][1] == ts[2]
    assert labels["forward_return_1"][1] == pytest.approx(0.1)


def test_missing_prices_give_no_label_and_no_bar_gives_no_row():
    close = [[10.0, 1.0], [np.nan, 1.0], [30.0, 1.0], [33.0, np.nan], [36.3, np.nan]]
    panel = make_panel("equity", close, [100.0] * 5)
    labels = make_labels(panel, EQUITY, [1])
    a, b = (labels[labels["instrument"] == name].set_index("ts")["label_1"] for name in "AB")
    # No entry price after the first bar; B is delisted after the third.
    assert np.isnan(a[panel.ts[0]])
    assert a[panel.ts[2]] == 1.0
    assert panel.ts[1] not in a.index
    assert b[panel.ts[0]] == 0.0
    assert np.isnan(b[panel.ts[1]])
    assert np.isnan(b[panel.ts[2]])
    assert len(labels) == 7


def test_a_benchmark_gap_gives_no_label():
    panel = make_panel("equity", [[1.0]] * 4, [100.0, 101.0, np.nan, 103.0])
    assert make_labels(panel, EQUITY, [1])["label_1"].isna().all()


def test_without_a_benchmark_equity_labels_are_refused():
    with pytest.raises(DataError, match="relative to a benchmark"):
        make_labels(make_panel("equity", [[1.0]] * 4), EQUITY, [1])
    with pytest.raises(ConfigurationError, match="horizon of 0 bars"):
        make_labels(make_panel("fx", [[1.0]] * 4), FX, [0])


def test_a_horizon_beyond_the_data_labels_nothing():
    labels = make_labels(make_panel("fx", [[1.0], [2.0]]), FX, [5])
    assert labels["forward_return_5"].isna().all()
    assert labels["label_end_5"].isna().all()
    assert labels["label_end_5"].dtype == "datetime64[us, UTC]"


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), horizon=st.integers(1, 6), market=st.sampled_from([EQUITY, FX]))
def test_a_label_depends_on_entry_and_exit_and_nothing_else(seed, horizon, market):
    rng = np.random.default_rng(seed)
    close = np.exp(rng.normal(size=(12, 3)).cumsum(axis=0))
    panel = make_panel(market.name, close.tolist(), np.exp(rng.normal(size=12)).tolist())
    row = int(rng.integers(0, 12 - market.entry_lag - horizon))
    entry, leave = row + market.entry_lag, row + market.entry_lag + horizon
    other = {name: values.copy() for name, values in panel.fields.items()}
    for name in other:
        keep = np.isin(np.arange(12), [row, entry, leave])
        other[name][~keep] *= 2.0
    chosen = [make_labels(p, market, [horizon]) for p in (panel, replace(panel, fields=other))]
    one, two = (table[table["ts"] == panel.ts[row]].reset_index(drop=True) for table in chosen)
    pd.testing.assert_frame_equal(one, two)
    assert one["label_end_" + str(horizon)].iloc[0] == panel.ts[leave]


def test_prices_after_the_exit_change_nothing():
    close = np.exp(np.random.default_rng(0).normal(size=(20, 4)))
    panel = make_panel("fx", close.tolist())
    whole = make_labels(panel, FX, [1])
    cut = make_labels(panel.until(panel.ts[9]), FX, [1])
    known = cut.dropna()
    pd.testing.assert_frame_equal(known, whole[whole["ts"] < panel.ts[9]].reset_index(drop=True))
