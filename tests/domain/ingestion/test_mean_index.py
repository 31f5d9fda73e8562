"""The mean of all shares as an index: what somebody earned who held them all alike."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.ingestion.mean_index import mean_index

DAYS = pd.date_range("2024-01-02 21:00", periods=12, freq="D", tz="UTC")


def bars(closes: dict[str, list[float]]) -> pd.DataFrame:
    table = pd.DataFrame(closes, index=DAYS[: len(next(iter(closes.values())))]).rename_axis("ts")
    return table.melt(var_name="instrument", value_name="adj_close", ignore_index=False).dropna().reset_index()


def test_each_share_weighs_alike_whatever_its_price():
    found = mean_index(bars({"A": [10.0, 11.0, 11.0], "B": [1000.0, 900.0, 990.0]}))
    assert found["close"].tolist() == pytest.approx([100.0, 100.0, 105.0])
    assert found["ts"].tolist() == DAYS[:3].tolist()
    assert found["adj_close"].equals(found["close"])


def test_who_comes_later_counts_from_its_second_bar_and_a_hole_is_made_up_for():
    found = mean_index(bars({"A": [10.0, 20.0, 20.0, 20.0], "B": [np.nan, 5.0, np.nan, 10.0]}))
    assert found["close"].tolist() == pytest.approx([100.0, 200.0, 200.0, 300.0])


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_what_comes_later_changes_nothing_before(data):
    count = data.draw(st.integers(2, 12))
    closes = {name: data.draw(st.lists(st.floats(1, 100), min_size=count, max_size=count)) for name in "ABC"}
    whole = mean_index(bars(closes))
    cut = data.draw(st.integers(1, count))
    before = mean_index(bars({name: values[:cut] for name, values in closes.items()}))
    pd.testing.assert_frame_equal(before, whole.head(cut))
