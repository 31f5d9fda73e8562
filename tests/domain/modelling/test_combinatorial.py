"""Combinations of groups: as skfolio cuts a single series, and with its laws on panels with holes and late labels."""

from __future__ import annotations

import json
from collections import Counter
from math import comb
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from finq_predictor.domain.errors import SplitError
from finq_predictor.domain.modelling.combinatorial import combinatorial_purged, n_paths
from finq_predictor.domain.modelling.splits import Gap
from synthetic_splits import panel, single_series

CASES = json.loads(Path(__file__).with_name("combinatorial_of_skfolio.json").read_text())["cases"]


def rows_of(runs: list[list[int]]) -> np.ndarray:
    return np.concatenate([np.arange(first, stop) for first, stop in runs])


def split(n: int, groups: int, tested: int, label_bars: int, embargo: int = 0):
    ts, ends = single_series(n, label_bars)
    return combinatorial_purged(
        ts, ends, n_groups=groups, n_test_groups=tested, gap=Gap(label_bars, embargo), label_bars=label_bars
    )


@pytest.mark.parametrize("case", [case for case in CASES if not case["embargo"]])
def test_a_single_series_agrees_with_skfolio(case):
    ours = split(case["n"], case["groups"], case["tested"], case["purged"])
    assert n_paths(case["groups"], case["tested"]) == case["paths"]
    for one, other in zip(ours, case["splits"], strict=True):
        np.testing.assert_array_equal(one.train, rows_of(other["train"]))
        for mine, theirs in zip(one.tested, other["tests"], strict=True):
            np.testing.assert_array_equal(mine.rows, rows_of(theirs["rows"]))
            assert mine.path == theirs["path"] + 1


@pytest.mark.parametrize("case", [case for case in CASES if case["embargo"]])
def test_with_an_embargo_only_the_bars_before_each_test_are_left_out_besides(case):
    """There the embargo is after a test alone; here it is on both sides."""
    ours = split(case["n"], case["groups"], case["tested"], case["purged"], case["embargo"])
    for one, other in zip(ours, case["splits"], strict=True):
        theirs = rows_of(other["train"])
        assert set(one.train) <= set(theirs)
        starts = [mine.rows[0] for mine in one.tested]
        before = {start - case["purged"] - bar for start in starts for bar in range(1, case["embargo"] + 1)}
        assert set(theirs) - set(one.train) == before & set(theirs)


@settings(max_examples=60, deadline=None)
@given(
    n_instruments=st.integers(1, 4),
    label_bars=st.integers(0, 6),
    embargo=st.integers(0, 5),
    n_groups=st.integers(3, 7),
    n_test_groups=st.integers(1, 3),
    drop=st.sampled_from([0.0, 0.1, 0.4]),
    late=st.sampled_from([0.0, 0.05]),
    more=st.sampled_from([0, 3]),
    seed=st.integers(0, 5),
)
def test_nothing_learned_touches_a_test_or_its_embargo_and_each_date_is_on_every_path(
    n_instruments, label_bars, embargo, n_groups, n_test_groups, drop, late, more, seed
):
    n_test_groups = min(n_test_groups, n_groups - 1)
    rows, sessions = panel(200, n_instruments, label_bars, drop, seed, late)
    try:
        found = combinatorial_purged(
            rows["ts"],
            rows["label_end"],
            n_groups=n_groups,
            n_test_groups=n_test_groups,
            gap=Gap(label_bars + more, embargo),
            label_bars=label_bars,
            sessions=sessions,
        )
    except SplitError as error:
        # Of three groups two are tested, and the third is all gap.
        if "leaves no row to train on" not in str(error):
            raise
        reject()
    assert len(found) == comb(n_groups, n_test_groups)
    # Longer than a label, so that by count more is left out than by labels.
    purge = label_bars + more
    position = pd.Series(np.arange(len(sessions)), index=sessions)
    begin, end = position[rows["ts"]].to_numpy(), position[rows["label_end"]].to_numpy()
    tested: Counter[tuple[int, int]] = Counter()
    for each in found:
        outside = np.ones(len(rows), dtype=bool)
        for one in each.tested:
            tested.update((one.path, row) for row in one.rows)
            first, last, known = begin[one.rows].min(), begin[one.rows].max(), end[one.rows].max()
            learned, until = begin[each.train], end[each.train]
            earlier, later = learned < first, learned > last
            assert (earlier | later).all(), "no row of a test is learned from"
            # Before a test: no label ends in its embargo, and by count the bars of a label and the embargo are free.
            assert (until[earlier] < first - embargo).all()
            assert (learned[earlier] < first - purge - embargo).all()
            # After a test: its last label is known, the embargo is over, and by count as well.
            assert (learned[later] > known + embargo).all()
            assert (learned[later] > last + purge + embargo).all()
            near = (begin < first) & ((end >= first - embargo) | (begin >= first - purge - embargo))
            near |= (begin > last) & (begin <= max(known, last + purge) + embargo)
            outside &= ~near & ~((begin >= first) & (begin <= last))
        # Whatever is apart from all tests is learned from: nothing else is thrown away.
        np.testing.assert_array_equal(each.train, np.flatnonzero(outside))
        assert each.n_purged + len(each.train) + sum(len(one.rows) for one in each.tested) == len(rows)
    paths = n_paths(n_groups, n_test_groups)
    assert tested == Counter({(path, row): 1 for path in range(1, paths + 1) for row in range(len(rows))})


def test_hours_of_a_day_are_in_one_group():
    ts = pd.Series(pd.date_range("2024-01-01 05:00", periods=1000, freq="h", tz="UTC"))
    found = combinatorial_purged(ts, ts + pd.Timedelta("1h"), n_groups=5, n_test_groups=2, gap=Gap(1, 24), label_bars=1)
    starts = {ts.iloc[one.rows[0]] for each in found for one in each.tested}
    assert {start.hour for start in starts - {ts.iloc[0]}} == {0}


def test_a_bar_without_any_label_is_a_bar_of_the_gap():
    rows, sessions = panel(160, 1, label_bars=3)
    known = rows[rows["ts"].isin(sessions[::2])].reset_index(drop=True)
    given = {"n_groups": 4, "n_test_groups": 1, "gap": Gap(None, 4), "label_bars": 3}
    for each in combinatorial_purged(known["ts"], known["label_end"], sessions=sessions, **given):
        span = known["ts"].iloc[each.tested[0].rows]
        for side in (known["ts"].iloc[each.train] < span.min(), known["ts"].iloc[each.train] > span.max()):
            learned = known["ts"].iloc[each.train][side.to_numpy()]
            if len(learned):
                between = (sessions > learned.max()) & (sessions < span.min())
                if learned.min() > span.max():
                    between = (sessions < learned.min()) & (sessions > span.max())
                assert 3 + 4 <= between.sum() <= 3 + 4 + 1, "to the next bar that has a label"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_test_groups": 4}, "4 of 4 groups were to be tested; expected at least 1, and fewer than all"),
        ({"n_test_groups": 0}, "0 of 4 groups"),
        ({"n_groups": 50}, "30 labelled days cannot be cut into 50 groups"),
        ({"gap": Gap(1, 30)}, r"groups \[1\] leaves no row to train on beside gaps of 31 bars"),
        ({"label_bars": 2}, "The gap is shorter than the label"),
    ],
)
def test_what_cannot_be_combined_is_refused(changes, message):
    rows, _ = panel(30, 2, 1)
    given = {"n_groups": 4, "n_test_groups": 1, "gap": Gap(1), "label_bars": 1} | changes
    with pytest.raises(SplitError, match=message):
        combinatorial_purged(rows["ts"], rows["label_end"], **given)
