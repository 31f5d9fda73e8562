"""Nothing is cut twice or left out, and no task holds more than it may."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finq_predictor.adapters.spark.cutting import CELL, FEATURE, MB, cut

SIZES = st.integers(1, 3000)


@given(bars=SIZES, instruments=SIZES, features=st.integers(0, 400), fields=st.integers(1, 40), mb=st.integers(1, 64))
def test_pieces_are_whole_and_bounded(bars, instruments, features, fields, mb):
    cuts = cut(bars, instruments, features, fields, mb)
    for pieces, size, other in ((cuts.blocks, instruments, bars), (cuts.slices, bars, instruments)):
        assert [place for start, stop in pieces for place in range(start, stop)] == list(range(size))
        most = max(stop - start for start, stop in pieces)
        assert most == 1 or most * other * max(features * FEATURE, fields * CELL) <= mb * MB
        # Even: the last one is no rest.
        assert most - min(stop - start for start, stop in pieces) <= 1


@pytest.mark.parametrize(("mb", "blocks", "slices"), [(256, 52, 52), (1024, 13, 13), (100_000, 1, 1)])
def test_five_thousand_instruments_over_ten_years(mb, blocks, slices):
    cuts = cut(2520, 5000, 259, 7, mb)
    assert (len(cuts.blocks), len(cuts.slices)) == (blocks, slices)
