"""Sums of groups are those of exact fractions, and nothing but the rows of a group has a say in its sum."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.exact_sums import sums_by

rows = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.floats(-1e6, 1e6) | st.just(float("nan"))), max_size=25
)


def frame(given):
    return pd.DataFrame(given, columns=["name", "day", "value"]).astype({"day": "int64", "value": "float64"})


@settings(max_examples=80, deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_each_sum_is_rounded_once_and_depends_on_its_own_rows_alone(given_rows, random):
    whole = sums_by(frame(given_rows), ["day", "name"], "value")
    groups: dict[tuple[int, str], list[float]] = {}
    for name, day, value in given_rows:
        if not np.isnan(value):
            groups.setdefault((day, name), []).append(value)
    keys = list(zip(whole["day"], whole["name"], strict=True))
    assert keys == sorted(groups)
    for key, total, size in zip(keys, whole["sum"], whole["size"], strict=True):
        assert total == float(sum(map(Fraction, groups[key])))
        assert size == len(groups[key])
        mine = [row for row in given_rows if (row[1], row[0]) == key]
        random.shuffle(mine)
        alone = sums_by(frame(mine), ["day", "name"], "value")
        assert alone["sum"].tolist() == [total]


def test_what_others_bring_moved_the_last_bits_of_a_sum():
    told = [("a", 0, value) for value in [*[0.0] * 6, 1.0, -1.0, -0.13489335688193515]]
    more = [*told, ("b", 0, 0.0), ("b", 1, 0.0), ("b", 2, 0.0)]
    before, after = (sums_by(frame(one), ["name"], "value")["sum"].iloc[0] for one in (told, more))
    assert before == after == -0.13489335688193515
