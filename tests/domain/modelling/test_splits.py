from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import TimeSeriesSplit

from finq_predictor.domain.errors import SplitError
from finq_predictor.domain.modelling.splits import (
    Gap,
    fold_masks,
    gap_table,
    purged_holdout,
    purged_walk_forward,
)
from finq_predictor.domain.tables import FOLDS
from synthetic_splits import panel


@settings(max_examples=60, deadline=None)
@given(
    n_dates=st.integers(90, 150),
    n_instruments=st.integers(1, 6),
    label_bars=st.integers(0, 8),
    embargo=st.integers(0, 6),
    n_folds=st.integers(1, 5),
    drop=st.sampled_from([0.0, 0.1, 0.4]),
    seed=st.integers(0, 5),
)
def test_no_label_of_training_reaches_the_test(n_dates, n_instruments, label_bars, embargo, n_folds, drop, seed):
    rows, sessions = panel(n_dates, n_instruments, label_bars, drop, seed)
    folds = purged_walk_forward(
        rows["ts"],
        rows["label_end"],
        n_folds=n_folds,
        min_train_fraction=0.4,
        gap=Gap(label_bars, embargo),
        label_bars=label_bars,
        sessions=sessions,
    )
    position = pd.Series(np.arange(len(sessions)), index=sessions)
    tested: list[pd.Timestamp] = []
    for fold in folds:
        train, test = rows.iloc[fold.train], rows.iloc[fold.test]
        assert train["label_end"].max() < test["ts"].min()
        assert not set(train["ts"]) & set(test["ts"])
        gap = position[test["ts"].min()] - position[train["ts"].max()] - 1
        assert gap >= label_bars + embargo
        assert position[test["ts"].min()] - position[train["label_end"].max()] > embargo
        assert fold.n_purged + len(fold.train) == (rows["ts"] < fold.test_start).sum()
        assert fold.train_start == rows["ts"].min()
        tested += sorted(set(test["ts"]))
    assert tested == sorted(set(tested)), "test blocks follow each other without overlap"
    assert tested[-1] == rows["ts"].max()
    assert [len(a.train) < len(b.train) for a, b in pairwise(folds)] == [True] * (n_folds - 1)


@pytest.mark.parametrize("more", [0, 1, 4])
def test_a_purge_that_is_longer_than_the_label_is_kept_to_the_bar(more):
    rows, sessions = panel(100, 3, label_bars=5)
    gap = Gap(5 + more, embargo_bars=2)
    folds = purged_walk_forward(
        rows["ts"], rows["label_end"], n_folds=3, min_train_fraction=0.5, gap=gap, label_bars=5, sessions=sessions
    )
    for fold in folds:
        between = (sessions > fold.train_end) & (sessions < fold.test_start)
        assert between.sum() == 5 + more + 2


def test_a_bar_without_any_label_is_a_bar_of_the_gap():
    """Half of the bars have no label: the gap counts bars of the market, not dates that happen to be learned from."""
    rows, sessions = panel(120, 1, label_bars=5)
    known = rows[rows["ts"].isin(sessions[::2])].reset_index(drop=True)
    given = {"n_folds": 2, "min_train_fraction": 0.5, "gap": Gap(None, 2), "label_bars": 5}
    for fold in purged_walk_forward(known["ts"], known["label_end"], sessions=sessions, **given):
        between = (sessions > fold.train_end) & (sessions < fold.test_start)
        assert 5 + 2 <= between.sum() <= 5 + 2 + 1, "to the next bar that has a label"


@pytest.mark.parametrize("gap", [0, 1, 6])
def test_a_single_series_agrees_with_scikit_learn(gap):
    n, n_folds = 120, 5
    ts = pd.Series(pd.date_range("2020-01-01", periods=n, tz="UTC"))
    ends = ts + pd.Timedelta(days=gap)
    ours = purged_walk_forward(
        ts, ends, n_folds=n_folds, min_train_fraction=1 / (n_folds + 1), gap=Gap(gap), label_bars=gap
    )
    theirs = TimeSeriesSplit(n_splits=n_folds, gap=gap).split(np.zeros((n, 1)))
    for fold, (train, test) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(fold.train, train)
        np.testing.assert_array_equal(fold.test, test)


def test_a_gap_shorter_than_the_label_is_refused_with_the_arithmetic():
    rows, _ = panel(100, 2, 6)
    with pytest.raises(SplitError, match=r"ends 6 bars after its row, the purge is 3 bars, so the last 3 .* to 6"):
        purged_walk_forward(
            rows["ts"],
            rows["label_end"],
            n_folds=2,
            min_train_fraction=0.5,
            gap=Gap(3, 5),
            label_bars=6,
        )


def test_a_long_label_over_missing_bars_is_purged_although_the_count_of_bars_would_allow_it():
    rows, sessions = panel(80, 2, 2)
    first = purged_holdout(rows["ts"], rows["label_end"], fraction=0.5, gap=Gap(2), label_bars=2, sessions=sessions)
    stretched = rows.copy()
    stretched.loc[first.train[-1], "label_end"] = first.test_start
    again = purged_holdout(
        stretched["ts"], stretched["label_end"], fraction=0.5, gap=Gap(2), label_bars=2, sessions=sessions
    )
    assert set(first.train) - set(again.train) == {first.train[-1]}


def test_the_gap_table_shows_the_arithmetic_and_finds_the_rows_again():
    rows, sessions = panel(120, 4, 3, drop=0.2)
    folds = purged_walk_forward(
        rows["ts"],
        rows["label_end"],
        n_folds=3,
        min_train_fraction=0.4,
        gap=Gap(3, 2),
        label_bars=3,
        sessions=sessions,
    )
    table = gap_table(folds)
    assert tuple(table.columns) == FOLDS.names
    assert str(table["train_end"].dtype) == "datetime64[us, UTC]"
    assert (table["train_end"] < table["label_end_max"]).all()
    assert (table["label_end_max"] < table["test_start"]).all()
    for fold, (_, line) in zip(folds, table.iterrows(), strict=True):
        train, test = fold_masks(line, rows["ts"], rows["label_end"])
        np.testing.assert_array_equal(np.flatnonzero(train), fold.train)
        np.testing.assert_array_equal(np.flatnonzero(test), fold.test)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_folds": 50}, "Too few dates: 30 labelled dates x 0.5 leave 15 .* 15 for 50 test blocks"),
        ({"gap": Gap(15)}, "minus a gap of 15 = 0 to train on"),
        ({"min_train_fraction": 1.0}, "between 0 and 1"),
        ({"n_folds": 0}, "expected >= 1"),
        ({"gap": Gap(1, -1)}, "none may be negative"),
    ],
)
def test_what_cannot_be_split_is_refused(changes, message):
    rows, _ = panel(30, 2, 1)
    arguments = {"n_folds": 2, "min_train_fraction": 0.5, "gap": Gap(1), "label_bars": 1} | changes
    with pytest.raises(SplitError, match=message):
        purged_walk_forward(rows["ts"], rows["label_end"], **arguments)


def test_rows_without_label_end_and_labels_into_the_past_are_refused():
    rows, _ = panel(30, 1, 1)
    unknown = rows["label_end"].mask(rows.index == 3)
    with pytest.raises(SplitError, match="labelled rows only"):
        purged_walk_forward(rows["ts"], unknown, n_folds=1, min_train_fraction=0.5, gap=Gap(1))
    with pytest.raises(SplitError, match="end before their own row"):
        purged_walk_forward(rows["label_end"], rows["ts"], n_folds=1, min_train_fraction=0.5, gap=Gap(1))


def test_hourly_blocks_start_with_a_day_so_that_no_day_is_ranked_by_two_models():
    ts = pd.Series(pd.date_range("2024-01-01 05:00", periods=1000, freq="h", tz="UTC"))
    folds = purged_walk_forward(
        ts, ts + pd.Timedelta("1h"), n_folds=3, min_train_fraction=0.4, gap=Gap(1, 24), label_bars=1
    )
    assert [fold.test_start.hour for fold in folds] == [0, 0, 0]
    tested = np.concatenate([fold.test for fold in folds])
    np.testing.assert_array_equal(tested, np.arange(tested[0], 1000))
    assert [fold.test[0] - fold.train[-1] - 1 for fold in folds] == [25, 25, 25]
