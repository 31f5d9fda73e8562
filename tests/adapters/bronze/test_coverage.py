from __future__ import annotations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from finq_predictor.adapters.bronze.coverage import Coverage


def moment(number: int) -> pd.Timestamp:
    return pd.Timestamp(number, unit="h", tz="UTC")


windows = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8)), max_size=6)


@given(windows, st.integers(0, 30), st.integers(1, 20))
def test_what_is_missing_and_what_is_there_make_up_the_whole(given_windows, begin, length):
    coverage = Coverage()
    for since, hours in given_windows:
        coverage = coverage.with_window(["A"], moment(since), moment(since + hours))
    there = {hour for since, hours in given_windows for hour in range(since, since + hours)}
    missing = [
        hour
        for since, until in coverage.missing("A", moment(begin), moment(begin + length))
        for hour in range(int(since.timestamp() // 3600), int(until.timestamp() // 3600))
    ]
    assert missing == sorted(set(range(begin, begin + length)) - there)
    again = coverage
    for since, until in coverage.missing("A", moment(begin), moment(begin + length)):
        again = again.with_window(["A"], since, until)
    assert again.missing("A", moment(begin), moment(begin + length)) == []


@given(windows, windows)
def test_it_is_read_as_it_was_written_and_only_grows(tmp_path_factory, ours, theirs):
    folder = tmp_path_factory.mktemp("bars")
    one, other = Coverage(), Coverage()
    for since, hours in ours:
        one = one.with_window(["A", "B"], moment(since), moment(since + hours))
    for since, hours in theirs:
        other = other.with_window(["B"], moment(since), moment(since + hours))
    both = one.joined(other)
    both.write(folder)
    assert Coverage.read(folder) == both == other.joined(one)
    for since, hours in [*ours, *theirs]:
        assert both.missing("B", moment(since), moment(since + hours)) == []


def test_an_empty_window_covers_nothing():
    assert Coverage().with_window(["A"], moment(2), moment(2)) == Coverage()
    assert Coverage().missing("A", moment(2), moment(2)) == []
