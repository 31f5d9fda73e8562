"""What a model took and how often it failed, from counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finq_predictor.domain.evaluation.arm_service import ArmService, quantile_of_counts, served_by


@given(
    counted=st.dictionaries(st.integers(0, 10**6), st.integers(1, 20), min_size=1, max_size=30),
    share=st.sampled_from([0.01, 0.5, 0.95, 0.99, 1.0]),
)
def test_quantiles_of_counts_are_those_of_the_values_one_by_one(counted, share):
    values, counts = np.array(list(counted), dtype=float), np.array(list(counted.values()))
    each = np.repeat(values, counts)
    found = quantile_of_counts(values, counts, share)
    assert found in counted
    assert (each <= found).mean() >= share - 1e-9
    assert (each < found).mean() < share
    assert found == np.quantile(each, share, method="inverted_cdf")


def test_of_nothing_nothing_is_said():
    nothing = pd.DataFrame({"latency_us": [], "answers": []}).astype({"answers": "int64"})
    found = served_by(nothing, 0, pd.Series(dtype=float))
    assert found == ArmService(0, 0, None, 0, None, None, None, 0, None, None)
    assert served_by(nothing, 3, pd.Series(dtype=float)).error_rate == 1.0


def test_what_was_not_timed_is_answered_all_the_same():
    told = pd.DataFrame({"latency_us": [np.nan, 100.0, 300.0], "answers": [50, 30, 10]})
    found = served_by(told, 10, pd.Series([np.nan, 5.0, 7.0, 9.0]))
    assert (found.answers, found.timed, found.bars_timed) == (90, 40, 3)
    assert found.error_rate == pytest.approx(0.1)
    assert (found.latency_p50_us, found.latency_p95_us) == (100.0, 300.0)
    assert (found.bar_p50_us, found.bar_p95_us) == (7.0, 9.0)
