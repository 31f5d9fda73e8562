"""The probability of backtest overfitting: published cases by another's figures, and laws."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.evaluation.overfitting import FEWEST_DAYS_OF_BLOCK, estimate_overfitting


def series(days: int, models: int, best: float = 0.0, seed: int = 7) -> np.ndarray:
    returns = 0.01 * np.random.default_rng(seed).standard_normal((days, models))
    returns[:, models // 2] += 0.01 * best
    return returns


@pytest.mark.parametrize(("best", "expected"), [(0.0, 0.4603174603174603), (0.1, 0.03968253968253968)])
def test_it_equals_an_implementation_of_others(best, expected):
    """RiskLabAI 2.0.1, ``probability_of_backtest_overfitting(returns, n_partitions=10)``, on the same numbers."""
    found = estimate_overfitting(series(1003, 9, best), blocks=10)
    assert found.probability == pytest.approx(expected, abs=1e-12)
    assert (found.models, found.days, found.splits) == (9, 1003, 252)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(61, 140))
def test_it_is_what_the_definition_says(seed, models, days):
    """Split by split, with ranks and Sharpe ratios of the joined halves."""
    returns = series(days, models, seed=seed)
    blocks = np.array_split(np.arange(days), 6)
    over, lost, ways = 0, 0, list(combinations(range(6), 3))
    for chosen in ways:
        inside = np.concatenate([blocks[i] for i in chosen])
        rest = np.setdiff1d(np.arange(days), inside)
        within, outside = (returns[rows].mean(axis=0) / returns[rows].std(axis=0) for rows in (inside, rest))
        best = within.argmax()
        over += ((outside <= outside[best]).sum() / (models + 1.0)) <= 0.5
        lost += outside[best] < 0.0
    found = estimate_overfitting(returns, blocks=6)
    assert found.probability == pytest.approx(over / len(ways))
    assert found.loss == pytest.approx(lost / len(ways))


def test_the_best_of_noise_is_the_best_of_the_past_and_real_skill_is_not():
    noise = np.mean([estimate_overfitting(series(320, 8, seed=seed), blocks=10).probability for seed in range(40)])
    assert 0.4 < noise < 0.65
    assert estimate_overfitting(series(800, 8, best=0.5)).probability == 0.0


def test_who_never_traded_is_no_choice():
    returns = series(400, 3, best=0.3)
    idle = np.column_stack([returns, np.zeros((400, 2))])
    assert estimate_overfitting(idle) == estimate_overfitting(returns)
    alone = estimate_overfitting(returns[:, :1])
    assert np.isnan(alone.probability)
    assert alone.models == 1
    assert np.isnan(estimate_overfitting(returns[: 2 * FEWEST_DAYS_OF_BLOCK - 1]).probability)


def test_the_order_of_models_does_not_matter_and_halves_need_an_even_number():
    returns = series(330, 5)
    assert estimate_overfitting(returns[:, ::-1]) == estimate_overfitting(returns)
    with pytest.raises(ConfigurationError, match="even"):
        estimate_overfitting(returns, blocks=7)
