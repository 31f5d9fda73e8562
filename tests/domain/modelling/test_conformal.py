from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import binom

from finq_predictor.domain.errors import DataError, StoreError
from finq_predictor.domain.modelling.conformal import ConformalSets, PValues, coverage_of


def draw(rng: np.random.Generator, n: int, slope: float):
    """Exchangeable rows: probabilities, and outcomes that follow them more or less."""
    signal = rng.standard_normal(n)
    y = (rng.random(n) < expit(slope * signal)).astype(float)
    return expit(0.7 * signal), y


def test_sets_by_hand():
    """Three yes-rows and four no-rows, counted on paper."""
    sets = ConformalSets.of(np.array([0.4, 0.6, 0.8, 0.1, 0.2, 0.5, 0.7]), np.array([1, 1, 1, 0, 0, 0, 0.0]))
    p = sets.p_values(np.array([0.05, 0.45, 0.6, 0.9]))
    np.testing.assert_allclose(p.yes, [1 / 4, 2 / 4, 3 / 4, 4 / 4])
    np.testing.assert_allclose(p.no, [5 / 5, 3 / 5, 2 / 5, 1 / 5])
    yes, no = p.sets(0.7)
    assert yes.tolist() == [False, True, True, True]
    assert no.tolist() == [True, True, True, False]
    # At the edge an answer is out: a share of exactly 1 - coverage is not above it.
    assert p.sets(0.75)[0].tolist() == [False, True, True, True]
    assert p.sets(0.8)[1].tolist() == [True, True, True, False]


@pytest.mark.parametrize(("coverage", "slope"), [(0.9, 0.0), (0.9, 2.0), (0.7, 2.0), (0.5, 4.0)])
def test_each_answer_is_covered_as_promised_on_exchangeable_rows(coverage, slope):
    """Over many draws of held-out rows with one test row of each answer each: binomial around the promise."""
    rng = np.random.default_rng(7)
    draws, hits = 1500, {1.0: 0, 0.0: 0}
    seen = dict.fromkeys(hits, 0)
    for _ in range(draws):
        probability, y = draw(rng, 121, slope)
        p = ConformalSets.of(probability[:120], y[:120]).p_values(probability[120:])
        yes, no = p.sets(coverage)
        seen[y[120]] += 1
        hits[y[120]] += int((yes if y[120] else no)[0])
    for answer, count in hits.items():
        low, high = binom.interval(0.999, seen[answer], coverage)
        assert low <= count, f"{answer}: {count} of {seen[answer]}"
        # Never more than 1 / (n + 1) above: about 60 held-out rows of each answer.
        assert count <= high + seen[answer] * 1 / 40


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 5000), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_higher_coverage_never_takes_an_answer_away(seed, one, other):
    rng = np.random.default_rng(seed)
    sets = ConformalSets.of(*draw(rng, 80, 1.0))
    p = sets.p_values(rng.random(30))
    narrow, wide = p.sets(min(one, other)), p.sets(max(one, other))
    for less, more in zip(narrow, wide, strict=True):
        assert (less <= more).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 5000))
def test_a_higher_probability_fits_yes_better_and_no_worse(seed):
    rng = np.random.default_rng(seed)
    p = ConformalSets.of(*draw(rng, 200, 1.0)).p_values(np.linspace(0.0, 1.0, 101))
    assert (np.diff(p.yes) >= 0).all()
    assert (np.diff(p.no) <= 0).all()


def test_only_the_order_counts():
    """What the calibration does to the scores, it does to all: it may be fitted on the same rows."""
    rng = np.random.default_rng(3)
    probability, y = draw(rng, 300, 1.0)
    asked = rng.random(50)
    bent = lambda values: expit(3.0 * values - 1.0)  # noqa: E731 - any rising curve
    straight = ConformalSets.of(probability, y).p_values(asked)
    curved = ConformalSets.of(bent(probability), y).p_values(bent(asked))
    np.testing.assert_array_equal(straight.yes, curved.yes)
    np.testing.assert_array_equal(straight.no, curved.no)


def test_a_model_that_knows_nothing_cannot_rule_anything_out():
    flat = ConformalSets.of(np.full(40, 0.5), np.resize([0.0, 1.0], 40)).p_values(np.array([0.5, np.nan]))
    assert (flat.yes[0], flat.no[0]) == (1.0, 1.0)
    yes, no = flat.sets(0.9)
    assert (yes.tolist(), no.tolist()) == ([True, False], [True, False]), "without a probability nothing is in it"
    one_answer = ConformalSets.of(np.array([0.2, 0.3]), np.zeros(2)).p_values(np.array([0.99]))
    assert one_answer.yes[0] == 1.0, "an answer that was never held out cannot be ruled out"


def test_coverage_counts_what_was_held_and_what_was_decided():
    p = PValues(np.array([0.5, 0.01, 0.5, 0.01]), np.array([0.01, 0.5, 0.5, 0.02]))
    found = coverage_of(p, np.array([1.0, 1.0, 0.0, 0.0]), 0.9)
    assert found == {"coverage": 0.5, "decided": 0.5}
    assert np.isnan(list(coverage_of(PValues(np.empty(0), np.empty(0)), np.empty(0), 0.9).values())).all()


@pytest.mark.parametrize(
    ("probability", "y", "said"),
    [([0.5, 1.2], [0, 1], "from 0 to 1"), ([0.5, np.nan], [0, 1], "from 0 to 1"), ([0.5], [0, 1], "equally many"),
     ([0.5, 0.5], [0, np.nan], "neither 0 nor 1")],
)  # fmt: skip
def test_what_was_not_held_out_properly_is_refused(probability, y, said):
    with pytest.raises(DataError, match=said):
        ConformalSets.of(np.array(probability), np.array(y, dtype=float))


def test_the_state_is_read_strictly():
    sets = ConformalSets.of(*draw(np.random.default_rng(1), 500, 1.0))
    state = json.loads(json.dumps(sets.state()))
    asked = np.linspace(0.0, 1.0, 50)
    again = ConformalSets.from_state(state).p_values(asked)
    np.testing.assert_array_equal(again.yes, sets.p_values(asked).yes)
    np.testing.assert_array_equal(again.no, sets.p_values(asked).no)
    for wrong in (
        None,
        [],
        {"yes": state["yes"]},
        {**state, "maybe": {}},
        {**state, "no": {"points": [2.0], "count": 1}},
    ):
        with pytest.raises(StoreError, match="Train again"):
            ConformalSets.from_state(wrong)
