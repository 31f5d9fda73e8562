"""Tests of value at risk against published figures, and by what they are for."""

from __future__ import annotations

import numpy as np
import pytest

from finq_predictor.domain.risk.coverage import judge_coverage


def spread(hits: int, days: int) -> np.ndarray:
    """So many days beyond, as far apart as they can be."""
    found = np.zeros(days, dtype=bool)
    found[np.linspace(0, days - 1, hits).astype(int)] = True
    return found


@pytest.mark.parametrize(
    ("level", "days", "fewest", "most"),
    # Kupiec (1995): numbers of days beyond that are not refused at 95 %; below the fewest and above the most they are.
    # His table leaves out that none in 255 days at 99 % is refused by the same ratio, 5.13.
    [
        (0.99, 255, 1, 6),
        (0.99, 510, 2, 10),
        (0.99, 1000, 5, 16),
        (0.95, 255, 7, 20),
        (0.95, 510, 17, 35),
        (0.95, 1000, 38, 64),
    ],
)
def test_the_regions_are_those_of_kupiec(level, days, fewest, most):
    for hits in (fewest, most):
        assert judge_coverage(spread(hits, days), level).kupiec_p > 0.05
    for hits in (fewest - 1, most + 1):
        if hits >= 0:
            assert judge_coverage(spread(hits, days), level).kupiec_p < 0.05


def test_the_published_bank_of_1998():
    """Jorion (2007): 252 days, 20 beyond, 6 of them after one beyond: 3.91 and 9.53."""
    # 14 stretches of days beyond, the first six of two days.
    parts = [np.array([1, 1, 0]) if place < 6 else np.array([1, 0]) for place in range(14)]
    beyond = np.concatenate([[0], *parts]).astype(bool)
    hits = np.concatenate([np.zeros(253 - len(beyond), dtype=bool), beyond])
    found = judge_coverage(hits, 0.95)
    assert (found.exceeded, found.days) == (20, 253)
    assert found.independence == pytest.approx(9.53, abs=0.005)
    assert judge_coverage(hits[1:], 0.95).kupiec == pytest.approx(3.91, abs=0.005)
    assert found.independence_p < 0.01


def test_the_right_number_in_one_heap_is_not_right():
    heap = np.zeros(500, dtype=bool)
    heap[200:225] = True
    found = judge_coverage(heap, 0.95)
    assert found.kupiec_p == pytest.approx(1.0)
    assert found.independence_p < 1e-6
    assert found.joint_p < 1e-5


def test_honest_forecasts_are_refused_as_seldom_as_is_said():
    rng = np.random.default_rng(0)
    p_values = [judge_coverage(rng.random(750) < 0.05, 0.95).joint_p for _ in range(300)]
    assert np.mean(np.array(p_values) < 0.05) < 0.12


def test_without_a_day_nothing_is_said():
    none, one = judge_coverage(np.zeros(0, dtype=bool), 0.95), judge_coverage(np.array([True]), 0.95)
    assert none.days == 0
    assert np.isnan(none.kupiec_p)
    assert one.kupiec_p == pytest.approx(0.0144, abs=1e-3)
    assert np.isnan(one.joint_p)
