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


def bars_of(market: str, count: int, first: str = "2024-01-08") -> pd.DatetimeIndex:
    """Closes of the bars that a market makes, none missing."""
    start = pd.Timestamp(first, tz="UTC")
    if market == "fx":
        return pd.date_range(start, periods=count, freq="h").as_unit("us")
    return pd.DatetimeIndex(EQUITY.sessions.closes(start, start + pd.Timedelta(days=2 * count + 10)))[:count]


def make_panel(market: str, close: list[list[float]], benchmark: list[float] | None = None) -> Panel:
    ts = bars_of(market, len(close))
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
    np.testing.assert_array_equal(labels["label_1"], [1.0, np.nan, 0.0, np.nan])
    assert labels["label_end_1"][0] == panel.ts[1]


def test_a_tie_is_neither_up_nor_down():
    labels = make_labels(make_panel("fx", [[1.0], [1.0], [1.1]]), FX, [1])
    assert labels["forward_return_1"][0] == 0.0
    assert np.isnan(labels["label_1"][0])
    assert labels["label_1"][1] == 1.0


def test_the_bar_after_a_week_end_is_the_next_bar():
    ts = pd.DatetimeIndex(["2024-01-05 21:00", "2024-01-05 22:00", "2024-01-07 23:00"], tz="UTC").as_unit("us")
    panel = replace(make_panel("fx", [[1.0], [1.1], [1.21]]), ts=ts)
    labels = make_labels(panel, FX, [1])
    assert labels["label_end_1"][1] == ts[2]
    assert labels["forward_return_1"][1] == pytest.approx(0.1)


def test_labels_count_hours_and_not_rows():
    """In a file of one pair an hour may be missing: the bar after it is not the next hour."""
    ts = bars_of("fx", 6)[[0, 1, 3, 4, 5]]
    labels = make_labels(replace(make_panel("fx", [[1.0], [1.1], [1.2], [1.3], [1.4]]), ts=ts), FX, [1, 2])
    assert labels["label_1"].isna().tolist() == [False, True, False, False, True]
    np.testing.assert_allclose(labels["forward_return_2"], [np.nan, 1.2 / 1.1 - 1, 1.4 / 1.2 - 1, np.nan, np.nan])
    assert labels["label_end_2"][1] == ts[2]


def test_a_hole_of_weeks_is_no_hour():
    ts = pd.DatetimeIndex(["2024-01-08 10:00", "2024-01-08 11:00", "2024-01-31 11:00"], tz="UTC").as_unit("us")
    labels = make_labels(replace(make_panel("fx", [[1.0], [1.1], [1.5]]), ts=ts), FX, [1])
    np.testing.assert_allclose(labels["forward_return_1"], [0.1, np.nan, np.nan])


def test_no_entry_no_label_and_no_bar_no_row():
    panel = make_panel("equity", [[10.0, 1.0], [np.nan, 1.0], [30.0, 1.0], [33.0, 1.0]], [100.0] * 4)
    labels = make_labels(panel, EQUITY, [1])
    a = labels[labels["instrument"] == "A"].set_index("ts")["label_1"]
    assert np.isnan(a[panel.ts[0]]), "nobody could buy at the close of the second bar"
    assert panel.ts[1] not in a.index
    assert len(labels) == 7


def test_who_cannot_sell_waits_for_the_next_price():
    close = [[10.0], [10.0], [np.nan], [12.0], [13.0], [14.0]]
    panel = make_panel("equity", close, [100.0, 100.0, 100.0, 110.0, 110.0, 110.0])
    labels = make_labels(panel, EQUITY, [1]).set_index("ts")
    # Bought at the second bar, meant to be sold at the third, sold at the fourth; the benchmark runs as long.
    assert labels.loc[panel.ts[0], "forward_return_1"] == pytest.approx(0.2 - 0.1)
    assert labels.loc[panel.ts[0], "label_end_1"] == panel.ts[3]


@pytest.mark.parametrize("horizon", [1, 5])
def test_what_ends_is_left_at_the_return_of_a_delisting(horizon):
    size, last = 60, 30
    close = np.full((size, 2), 10.0)
    close[last + 1 :, 1] = np.nan
    panel = make_panel("equity", close.tolist(), [100.0] * size)
    labels = make_labels(panel, EQUITY, [horizon])
    gone = labels[labels["instrument"] == "B"].set_index("ts")
    held = gone.loc[panel.ts[last - horizon : last]]
    np.testing.assert_allclose(held[f"forward_return_{horizon}"], EQUITY.delisting_return)
    assert (held[f"label_{horizon}"] == 0.0).all()
    assert (held[f"label_end_{horizon}"] == panel.ts[last + EQUITY.ended_after]).all(), "known when nothing came"
    assert np.isnan(gone.loc[panel.ts[last], f"label_{horizon}"]), "nobody could buy it any more"
    assert gone.loc[panel.ts[last - horizon - 1], f"forward_return_{horizon}"] == 0.0
    # Until then it is not known whether it only rests.
    early = make_labels(panel.rows(0, last + EQUITY.ended_after), EQUITY, [horizon])
    early = early[early["instrument"] == "B"].set_index("ts").loc[held.index]
    assert early[f"label_{horizon}"].isna().all()
    assert early[f"label_end_{horizon}"].isna().all()


@pytest.mark.parametrize(("bars", "back"), [(EQUITY.ended_after, True), (EQUITY.ended_after + 1, False)])
def test_how_long_a_rest_may_last_is_counted_to_the_bar(bars, back):
    """The bar that would show the end is the last one at which a price is still in time."""
    last = 19
    close = np.full((60, 1), 10.0)
    close[last + 1 : last + bars] = np.nan
    close[last + bars :] = 12.0
    panel = make_panel("equity", close.tolist(), [100.0] * 60)
    held = make_labels(panel, EQUITY, [1]).set_index("ts").loc[panel.ts[last - 1]]
    assert held["forward_return_1"] == pytest.approx(0.2 if back else EQUITY.delisting_return)
    assert held["label_end_1"] == panel.ts[last + EQUITY.ended_after]


@pytest.mark.parametrize("horizon", [1, 5, EQUITY.ended_after + 10])
def test_what_ends_is_measured_and_known_as_of_its_exit(horizon):
    """The benchmark runs to the exit and not to the bar that shows the end; nothing is known before the exit."""
    size, last = 80, 30
    close = np.full((size, 2), 10.0)
    close[last + 1 :, 1] = np.nan
    level = 100.0 * 1.01 ** np.arange(size)
    panel = make_panel("equity", close.tolist(), level.tolist())
    labels = make_labels(panel, EQUITY, [horizon])
    held = labels[labels["instrument"] == "B"].set_index("ts").loc[panel.ts[last - 1]]
    expected = EQUITY.delisting_return - (1.01**horizon - 1.0)
    assert held[f"forward_return_{horizon}"] == pytest.approx(expected)
    assert held[f"label_end_{horizon}"] == panel.ts[last + max(horizon, EQUITY.ended_after)]


def test_an_instrument_that_rests_long_has_ended_for_who_held_it():
    close = np.full((60, 1), 10.0)
    close[20:45] = np.nan
    labels = make_labels(make_panel("equity", close.tolist(), [100.0] * 60), EQUITY, [1])
    assert labels["forward_return_1"][18] == pytest.approx(EQUITY.delisting_return)
    assert labels["forward_return_1"][20] == 0.0


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


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), horizon=st.integers(1, 8), kept=st.integers(30, 75))
def test_what_is_known_stays_whatever_comes(seed, horizon, kept):
    """Holes, rests and ends: a label that is known at a time is the same whatever is delivered later."""
    rng = np.random.default_rng(seed)
    close = np.exp(rng.normal(0, 0.02, (80, 4)).cumsum(axis=0))
    close[rng.random(close.shape) < 0.1] = np.nan
    start = int(rng.integers(10, 60))
    close[start : start + int(rng.integers(1, 40)), 1] = np.nan
    close[start:, 2] = np.nan
    ts = bars_of("equity", 90)[np.sort(rng.permutation(90)[:80])]
    panel = replace(make_panel("equity", close.tolist(), np.exp(rng.normal(0, 0.01, 80)).tolist()), ts=ts)
    whole = make_labels(panel, EQUITY, [horizon])
    cut = make_labels(panel.rows(0, kept), EQUITY, [horizon])
    end = f"label_end_{horizon}"
    late = whole[end].isna() | (whole[end] > panel.ts[kept - 1])
    hidden = whole.assign(**{end: whole[end].mask(late)})
    for name in (f"forward_return_{horizon}", f"label_{horizon}"):
        hidden[name] = whole[name].mask(late)
    pd.testing.assert_frame_equal(cut, hidden[hidden["ts"] <= panel.ts[kept - 1]].reset_index(drop=True))
