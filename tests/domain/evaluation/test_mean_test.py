"""The level of the gate's test is what it says, however far labels reach."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finq_predictor.domain.evaluation.bootstrap import bootstrap_mean
from finq_predictor.domain.evaluation.mean_test import days_needed, label_days, mean_above_zero
from finq_predictor.domain.market.markets import get_market
from worthless_series import KINDS, rejected, worthless


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "remembers"])
@pytest.mark.parametrize(("horizon", "days"), [(1, 120), (5, 120), (5, 906), (20, 250), (20, 906)])
def test_a_worthless_series_is_called_skilled_as_often_as_the_level_says(kind, horizon, days):
    """The bootstrap of before rejected .009, .027 and .046 at a nominal .005."""
    found = rejected(worthless(kind, 20_000, days, horizon, seed=days + horizon), horizon, 0.005)
    # Three standard errors and a tenth above the level, and, where outcomes lean to losses, twice the level.
    assert found <= (0.0135 if kind == "leans to losses" else 0.0073)
    if kind == "gaussian":
        assert found >= 0.0035


def test_memory_beyond_the_label_does_not_double_the_level():
    assert rejected(worthless("remembers", 20_000, 906, 5, seed=1), 5, 0.005) <= 0.01


def test_the_bootstrap_with_the_blocks_of_before_did_not_keep_its_level():
    series = worthless("gaussian", 600, 120, 5, seed=3)
    before = np.mean([bootstrap_mean(row, min_block=10.0, n_resamples=500, seed=0).p_value <= 0.02 for row in series])
    assert before > 0.035
    assert rejected(worthless("gaussian", 20_000, 120, 5, seed=3), 5, 0.02) < 0.024


def test_skill_is_found():
    """An information coefficient of .04 with a spread of .15 a day, on three years."""
    series = 0.04 + 0.15 * worthless("gaussian", 300, 750, 5, seed=8) * np.sqrt(5)
    assert rejected(series, 5, 0.005) > 0.65


def test_against_the_formula_written_out():
    values = np.random.default_rng(2).normal(0.1, 1.0, 200)
    found = mean_above_zero(values, 1)
    assert found.cosines == int(0.4 * 200 ** (2 / 3))
    place = (np.arange(200) + 0.5) / 200
    waves = [np.sqrt(2 / 200) * (values * np.cos(np.pi * j * place)).sum() for j in range(1, found.cosines + 1)]
    assert found.error == pytest.approx(np.sqrt(np.mean(np.square(waves)) / 200))
    assert found.mean == pytest.approx(values.mean())


@given(st.floats(-1.0, 1.0), st.integers(0, 200))
def test_without_variation_there_is_nothing_to_test(value, days):
    assert mean_above_zero(np.full(days, value), 1).p_value == 1.0
    assert mean_above_zero(np.full(days, np.nan), 1).p_value == 1.0


@given(st.integers(0, 10_000), st.floats(0.1, 1e6))
def test_units_and_missing_days_change_nothing(seed, unit):
    values = np.random.default_rng(seed).normal(0.05, 1.0, 150)
    plain = mean_above_zero(values, 2).p_value
    assert mean_above_zero(unit * values, 2).p_value == pytest.approx(plain)
    holes = pd.Series(values).reindex(np.arange(0, 150, 0.5))
    assert mean_above_zero(holes, 2).p_value == pytest.approx(plain)
    assert mean_above_zero(-values, 2).p_value == pytest.approx(1.0 - plain)


def test_days_follow_from_the_horizon():
    assert [label_days(h, get_market("equity")) for h in (1, 5, 20)] == [1, 5, 20]
    assert [label_days(h, get_market("fx")) for h in (1, 24, 25)] == [1, 1, 2]
    assert [days_needed(days) for days in (1, 5, 20)] == [120, 160, 640]
    assert mean_above_zero(np.random.default_rng(0).normal(5.0, 1.0, 3), 1).p_value == 1.0, "three days prove nothing"
