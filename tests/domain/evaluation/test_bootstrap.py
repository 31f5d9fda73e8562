from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from arch.bootstrap import StationaryBootstrap
from arch.bootstrap import optimal_block_length as peer_block_length
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.errors import DataError
from finq_predictor.domain.evaluation.bootstrap import (
    bootstrap_mean,
    bootstrap_statistic,
    optimal_block_length,
    stationary_indices,
)
from finq_predictor.domain.evaluation.metrics import AucRanking


def autoregressive(n: int, phi: float, seed: int, mean: float = 0.0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(n)
    series = np.empty(n)
    series[0] = noise[0]
    for t in range(1, n):
        series[t] = phi * series[t - 1] + noise[t]
    return series + mean


@pytest.mark.parametrize("block", [1.0, 5.0, 20.0])
def test_agreement_with_arch(block):
    series = autoregressive(400, 0.5, seed=1, mean=0.1)
    ours = bootstrap_mean(series, block=block, n_resamples=8000, seed=3)
    theirs = StationaryBootstrap(block, series, seed=4).conf_int(np.mean, 8000, method="percentile", size=0.95).ravel()
    width = theirs[1] - theirs[0]
    assert ours.low == pytest.approx(theirs[0], abs=0.06 * width)
    assert ours.high == pytest.approx(theirs[1], abs=0.06 * width)


def test_agreement_with_the_closed_form_variance():
    """Lemma 1 of Politis and Romano (1994)."""
    n, block = 200, 8.0
    series = autoregressive(n, 0.6, seed=2)
    centered = series - series.mean()
    covariance = np.array([np.mean(centered * np.roll(centered, -lag)) for lag in range(n)])
    p, lag = 1 / block, np.arange(1, n)
    exact = (covariance[0] + 2 * ((1 - lag / n) * (1 - p) ** lag * covariance[1:]).sum()) / n
    rows = stationary_indices(n, block, 20_000, np.random.default_rng(0))
    assert series[rows].mean(axis=1).var() == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize(("phi", "n", "seed"), [(0.0, 500, 1), (0.5, 500, 2), (0.9, 1000, 3), (0.3, 120, 4)])
def test_the_automatic_block_length_is_that_of_arch(phi, n, seed):
    series = autoregressive(n, phi, seed)
    assert optimal_block_length(series) == pytest.approx(peer_block_length(series)["stationary"].iloc[0], rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 60), block=st.floats(1.0, 30.0), seed=st.integers(0, 99))
def test_a_resample_is_made_of_blocks(n, block, seed):
    rows = stationary_indices(n, block, 7, np.random.default_rng(seed))
    assert rows.shape == (7, n)
    assert ((rows >= 0) & (rows < n)).all()


def test_blocks_last_as_long_as_asked():
    rows = stationary_indices(1000, 10.0, 200, np.random.default_rng(1))
    continued = (np.diff(rows, axis=1) % 1000 == 1).mean()
    assert continued == pytest.approx(0.9, abs=0.005)


def test_intervals_cover_at_their_level():
    hits = [
        (found := bootstrap_mean(autoregressive(300, 0.4, seed), n_resamples=400, seed=seed, level=0.9)).low
        <= 0.0
        <= found.high
        for seed in range(150)
    ]
    assert 0.8 <= np.mean(hits) <= 0.96


def test_blocks_widen_the_interval_of_a_dependent_series():
    series = autoregressive(600, 0.8, seed=9)
    rows, days = (bootstrap_mean(series, block=block, seed=1) for block in (1.0, 25.0))
    assert (days.high - days.low) > 1.7 * (rows.high - rows.low)


def test_p_value_is_one_sided():
    rng = np.random.default_rng(0)
    good, bad = rng.standard_normal(300) + 0.5, rng.standard_normal(300) - 0.5
    assert bootstrap_mean(good).p_value < 0.01
    assert bootstrap_mean(bad).p_value > 0.99


def test_the_same_seed_gives_the_same_interval_and_missing_days_are_left_out():
    series = pd.Series(autoregressive(100, 0.2, 1))
    holes = pd.concat([series, pd.Series([np.nan] * 5)])
    assert bootstrap_mean(series, seed=5) == bootstrap_mean(holes, seed=5)
    assert bootstrap_mean(series, seed=5) != bootstrap_mean(series, seed=6)
    assert bootstrap_mean(series, min_block=12).block == 12


@pytest.mark.parametrize("values", [[], [0.3], [np.nan, np.nan]])
def test_too_few_days_give_no_interval(values):
    found = bootstrap_mean(np.array(values, dtype=float))
    assert np.isnan([found.low, found.high, found.p_value]).all()


def test_any_statistic_by_days():
    rng = np.random.default_rng(1)
    day = np.repeat(np.arange(120), 15)
    outcome = rng.standard_normal(len(day))
    y = (outcome > 0).astype(float)
    score = outcome + 3 * rng.standard_normal(len(day))
    found = bootstrap_statistic(AucRanking(y, score).value, day, block=3, n_resamples=300)
    assert found.low < found.value < found.high
    assert found.n_days == 120
    assert found.low > 0.5, "the score has skill"
    assert np.isnan(found.p_value)
    mean = bootstrap_statistic(lambda w: float(np.average(y, weights=w)), day, block=3, n_resamples=2000, seed=1)
    direct = bootstrap_mean(y.reshape(120, 15).mean(axis=1), block=3, n_resamples=2000, seed=1)
    assert (mean.value, mean.low, mean.high) == pytest.approx((direct.value, direct.low, direct.high))


def test_what_cannot_be_resampled_is_refused():
    with pytest.raises(DataError, match="at least one row"):
        bootstrap_statistic(lambda w: 0.0, np.empty(0), block=1)
    with pytest.raises(DataError, match=r"level .* between 0 and 1"):
        bootstrap_mean(np.arange(5.0), level=95)
