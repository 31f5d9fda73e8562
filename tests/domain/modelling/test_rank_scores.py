"""The compiled scores are those of NumPy's interpolation, to the last bit, of one row as of many."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from finq_predictor.domain.modelling._rank_scores import Curves

numbers = st.floats(-1e6, 1e6, width=32)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(numbers, min_size=1, max_size=8, unique=True) | st.none(), min_size=1, max_size=4),
    st.data(),
)
def test_scores_are_those_of_numpy(lines, data):
    curves = [None if line is None else (np.sort(np.array(line)), np.linspace(-3.0, 3.0, len(line))) for line in lines]
    values = numbers | st.just(np.nan) | st.sampled_from([-np.inf, np.inf])
    rows = data.draw(
        arrays(np.float32, (5, len(lines)), elements=values | st.sampled_from(sum(filter(None, lines), [0.0])))
    )
    found = Curves(curves).at(rows, 1024.0)
    for column, curve in enumerate(curves):
        asked = rows[:, column].astype(np.float64)
        expected = np.zeros(5) if curve is None else np.rint(np.interp(asked, *curve) * 1024.0)
        np.testing.assert_array_equal(found[:, column], np.where(np.isnan(asked), 0.0, expected))
    for place in range(5):
        np.testing.assert_array_equal(Curves(curves).at(rows[place : place + 1], 1024.0)[0], found[place])
