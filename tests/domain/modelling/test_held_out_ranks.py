from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.errors import DataError, StoreError
from finq_predictor.domain.modelling import held_out_ranks
from finq_predictor.domain.modelling.held_out_ranks import MOST_POINTS, HeldOutRanks

NUMBERS = st.lists(st.floats(-5.0, 5.0), max_size=60)


@settings(max_examples=60, deadline=None)
@given(NUMBERS, NUMBERS)
def test_shares_are_counted_with_the_row_itself(values, asked):
    ranks = HeldOutRanks.of(np.array(values))
    at_least = [(sum(value >= one for value in values) + 1) / (len(values) + 1) for one in asked]
    at_most = [(sum(value <= one for value in values) + 1) / (len(values) + 1) for one in asked]
    np.testing.assert_allclose(ranks.share_at_least(np.array(asked)), at_least, rtol=0, atol=1e-15)
    np.testing.assert_allclose(ranks.share_at_most(np.array(asked)), at_most, rtol=0, atol=1e-15)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9000), st.integers(0, 100))
def test_what_was_thinned_away_makes_no_share_smaller_and_none_much_larger(count, seed):
    rng = np.random.default_rng(seed)
    values, asked = rng.integers(0, 300, count) / 7.0, rng.integers(-5, 305, 50) / 7.0
    ranks = HeldOutRanks.of(values)
    assert len(ranks.points) == min(count, MOST_POINTS)
    for share, exact in (
        (ranks.share_at_least(asked), (values >= asked[:, None]).sum(axis=1)),
        (ranks.share_at_most(asked), (values <= asked[:, None]).sum(axis=1)),
    ):
        over = share - (exact + 1.0) / (count + 1.0)
        assert over.min() >= -1e-12
        assert over.max() <= 1.0 / MOST_POINTS + 1e-12


def test_no_row_and_no_value_say_nothing():
    nobody = HeldOutRanks.of(np.empty(0))
    assert nobody.share_at_least(np.array([0.3])).tolist() == nobody.share_at_most(np.array([0.3])).tolist() == [1.0]
    assert np.isnan(HeldOutRanks.of(np.ones(3)).share_at_least(np.array([np.nan]))).all()
    with pytest.raises(DataError, match="finite"):
        HeldOutRanks.of(np.array([np.inf]))
    with pytest.raises(DataError, match="cannot stand for 0"):
        HeldOutRanks(np.ones(2), 0)


def test_the_state_goes_through_json_without_changing_a_bit():
    ranks = HeldOutRanks.of(np.random.default_rng(1).random(3000))
    again = HeldOutRanks.from_state(json.loads(json.dumps(ranks.state())), "ranks")
    assert again.count == 3000
    np.testing.assert_array_equal(again.points, ranks.points)


@pytest.mark.parametrize(
    "change",
    [
        {"points": None},
        {"points": [0.5, 0.1]},
        {"points": [0.1, float("nan")]},
        {"points": [0.1, 1e999]},
        {"points": [True, 1.0]},
        {"points": [0.1]},
        {"count": 3},
        {"count": 1},
        {"count": True},
        {"count": 2.0},
        {"count": -1},
        {"points": [10**400, 10**401]},
    ],
)
def test_a_state_that_is_none_is_refused(change):
    with pytest.raises(StoreError, match=r"stored ranks cannot be read: .*Train the model again"):
        HeldOutRanks.from_state({"points": [0.1, 0.2], "count": 2, **change}, "ranks")
    with pytest.raises(StoreError, match="cannot be read"):
        HeldOutRanks.from_state({}, "ranks")


def test_few_points_are_asked_for_by_name():
    assert held_out_ranks.MOST_POINTS >= 1000, "a share is known to one thousandth"
