"""Noise is not promoted: worlds without signal, one after the other, until at most one in ten can be promoted."""

from __future__ import annotations

import pytest
from scipy.stats import beta

from finq_predictor.pipelines.evaluation.params import EvaluationParams
from synthetic_evaluation import make_world, results_of

MOST = 0.1
"""Rate of false promotions that is to be excluded, with a confidence of 95 %; the benchmark of worlds excludes less."""
WORLDS = 200
PARAMS = EvaluationParams(n_bootstrap=100)


def upper_bound(promoted: int, worlds: int) -> float:
    """Highest rate that such a count does not exclude at 95 % (Clopper and Pearson, 1934)."""
    return float(beta.ppf(0.95, promoted + 1, worlds - promoted)) if promoted < worlds else 1.0


def test_the_bound_is_the_exact_one():
    assert upper_bound(0, 59) <= 0.05 < upper_bound(0, 58)
    assert upper_bound(0, 29) <= MOST < upper_bound(0, 28)
    assert upper_bound(1, 46) <= MOST < upper_bound(1, 45)


@pytest.mark.slow
def test_worlds_of_noise_are_drawn_until_the_rate_of_false_promotions_is_bounded():
    """With a true rate of 30 % three worlds pass a third of the time; here 29 have to pass, or 46 with one failure."""
    promoted = []
    for world in range(1, WORLDS + 1):
        decision = results_of(make_world(signal=0.0, days=420, instruments=16, seed=1000 + world), PARAMS).promotion
        if decision.decision == "promote":
            promoted.append((world, decision.reason))
        if upper_bound(len(promoted), world) <= MOST:
            break
    else:
        pytest.fail(f"{len(promoted)} of {WORLDS} worlds of noise were promoted: {promoted[:3]}")
