"""What a model was trained on, compared with itself, is the same; and all of it is described."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.modelling.training_profile import ColumnProfile, TrainingProfile, build_profile

# Few distinct values, as of a session or a rank: they lie on the very edges of the bins.
VALUES = st.lists(st.sampled_from([0.0, 1.0, -0.5, 2.25, np.nan]) | st.floats(-3.0, 3.0), min_size=1, max_size=200)


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_what_was_described_has_its_own_shares(values):
    given_values = np.array(values)
    profile = ColumnProfile.of(given_values)
    known = given_values[~np.isnan(given_values)]
    assert profile.missing_share == pytest.approx(np.isnan(given_values).mean())
    if known.size:
        np.testing.assert_allclose(profile.shares_of(given_values), profile.shares)
        assert sum(profile.shares) == pytest.approx(1.0)
        assert (profile.mean, profile.std) == pytest.approx((known.mean(), known.std()))
        assert (profile.quantiles[0], profile.quantiles[-1]) == (known.min(), known.max())
    assert ColumnProfile.from_dict(json.loads(json.dumps(asdict(profile)))) == profile


def test_a_value_on_an_edge_lies_below_it():
    profile = ColumnProfile.of(np.array([0.0] * 10 + [1.0]))
    assert profile.shares_of(np.array([0.0, 0.0, 1.0, 0.5])).tolist() == [0.5, 0.5]


def test_a_sample_of_many_rows_is_of_the_whole_history(monkeypatch):
    monkeypatch.setattr("finq_predictor.domain.modelling.training_profile.MAX_ROWS", 101)
    rows = pd.DataFrame({"trend": np.arange(1001.0)})
    label = np.r_[np.zeros(1000), 1.0]
    profile = build_profile(rows, label, np.array([0.4, 0.6]))
    assert (profile.n_rows, profile.label_rate) == (1001, 1 / 1001)
    column = profile.features["trend"]
    assert (column.quantiles[0], column.mean, column.quantiles[-1]) == (0.0, 500.0, 1000.0)
    assert column.std == pytest.approx(rows["trend"].std(), rel=0.02)
    assert profile.with_probability(np.array([0.2])).probability.mean == 0.2


def test_a_profile_that_cannot_be_read_is_refused():
    with pytest.raises(StoreError, match="Train again"):
        TrainingProfile.from_dict({"features": {}})
