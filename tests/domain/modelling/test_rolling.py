"""A window that moves along: as scikit-learn cuts a single series, and with the laws of every split on panels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from sklearn.model_selection import TimeSeriesSplit

from finq_predictor.domain.errors import SplitError
from finq_predictor.domain.modelling.splits import Gap, Window, fold_masks, gap_table, purged_walk_forward
from synthetic_splits import panel, single_series


@pytest.mark.parametrize("gap", [0, 1, 6])
@pytest.mark.parametrize("window", [1, 15, 40, 1000])
def test_a_single_series_agrees_with_scikit_learn(gap, window):
    n, n_folds = 120, 5
    ts, ends = single_series(n, gap)
    ours = purged_walk_forward(
        *(ts, ends),
        n_folds=n_folds,
        min_train_fraction=1 / (n_folds + 1),
        gap=Gap(gap),
        label_bars=gap,
        window=Window(bars=window),
    )
    theirs = TimeSeriesSplit(n_splits=n_folds, gap=gap, max_train_size=window).split(np.zeros((n, 1)))
    for fold, (train, test) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(fold.train, train)
        np.testing.assert_array_equal(fold.test, test)


@settings(max_examples=40, deadline=None)
@given(
    n_instruments=st.integers(1, 5),
    label_bars=st.integers(0, 8),
    embargo=st.integers(0, 6),
    window=st.integers(5, 60),
    drop=st.sampled_from([0.0, 0.1, 0.4]),
    late=st.sampled_from([0.0, 0.1]),
    seed=st.integers(0, 5),
)
def test_no_row_is_older_than_the_window_and_no_label_reaches_the_test(
    n_instruments, label_bars, embargo, window, drop, late, seed
):
    rows, sessions = panel(120, n_instruments, label_bars, drop, seed, late)
    given = {
        "n_folds": 4,
        "min_train_fraction": 0.4,
        "gap": Gap(label_bars, embargo),
        "label_bars": label_bars,
        "sessions": sessions,
    }
    try:
        rolling = purged_walk_forward(rows["ts"], rows["label_end"], window=Window(bars=window), **given)
    except SplitError:
        reject()  # with so many late labels a short window may hold none that is known
    expanding = purged_walk_forward(rows["ts"], rows["label_end"], **given)
    position = pd.Series(np.arange(len(sessions)), index=sessions)
    for one, other, (_, line) in zip(rolling, expanding, gap_table(rolling).iterrows(), strict=True):
        np.testing.assert_array_equal(one.test, other.test)
        # The same rows as without a window, but for those that are older than it, to the bar.
        last = position[one.test_start] - 1 - label_bars - embargo
        place = position[rows["ts"].iloc[other.train]].to_numpy()
        np.testing.assert_array_equal(one.train, other.train[place > last - window])
        inside = (rows["ts"] < one.test_start) & (position[rows["ts"]].to_numpy() > last - window)
        assert one.n_purged + len(one.train) == inside.sum()
        train, test = fold_masks(line, rows["ts"], rows["label_end"])
        np.testing.assert_array_equal(np.flatnonzero(train), one.train)
        np.testing.assert_array_equal(np.flatnonzero(test), one.test)


def test_a_window_in_years_ends_a_year_before_its_last_bar():
    ts, ends = single_series(1200, 1)
    (fold,) = purged_walk_forward(
        ts, ends, n_folds=1, min_train_fraction=0.75, gap=Gap(1), label_bars=1, window=Window(years=1.0)
    )
    last = fold.train_end
    assert fold.train_start > last - pd.Timedelta(days=365.25)
    assert fold.train_start - pd.Timedelta(days=1) <= last - pd.Timedelta(days=365.25)


@pytest.mark.parametrize("given", [{}, {"bars": 5, "years": 1.0}, {"bars": 0}, {"years": -1.0}])
def test_what_is_no_length_of_a_window_is_refused(given):
    with pytest.raises(SplitError, match="give one of the two, above 0"):
        Window(**given)
