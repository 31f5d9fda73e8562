"""A caller keeps his model, a growing share takes callers and gives none back, and nobody can choose."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.evaluation.sticky_arms import Arm, RollOut, arm_of, place_of

KEY, NOON = b"k" * 32, pd.Timestamp("2026-01-05 12:00", tz="UTC")
DAY = pd.Timedelta(days=1)
SLOWLY = RollOut("slowly", ((NOON, 0.1), (NOON + DAY, 0.5), (NOON + 2 * DAY, 1.0)))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=20), st.integers(0, 100), st.integers(0, 100))
def test_nobody_goes_back_while_the_share_grows(caller, one, other):
    first, last = sorted((one, other))
    before, after = (arm_of(KEY, SLOWLY, caller, NOON + DAY * hours / 24) for hours in (first, last))
    assert before == after or after is Arm.CHALLENGER
    assert arm_of(KEY, SLOWLY, caller, NOON - DAY) is Arm.CHAMPION
    assert arm_of(KEY, SLOWLY, caller, NOON + 3 * DAY) is Arm.CHALLENGER
    assert arm_of(KEY, SLOWLY, caller, NOON) is arm_of(KEY, SLOWLY, caller, NOON)


def test_callers_are_spread_evenly_and_anew_by_experiment_and_key():
    from scipy.stats import kstest, spearmanr

    callers = [f"desk-{number}" for number in range(20_000)]
    places = np.array([place_of(KEY, "slowly", caller) for caller in callers])
    assert kstest(places, "uniform").pvalue > 1e-4
    for key, name in ((KEY, "another"), (b"j" * 32, "slowly")):
        others = [place_of(key, name, caller) for caller in callers]
        assert abs(spearmanr(places, others).statistic) < 0.03
    share = np.mean([arm_of(KEY, SLOWLY, caller, NOON) is Arm.CHALLENGER for caller in callers])
    assert abs(share - 0.1) < 4 * np.sqrt(0.1 * 0.9 / len(callers))


def test_the_place_is_the_same_for_ever():
    assert place_of(KEY, "slowly", "desk-1") == 0.9359160619978947
    assert place_of(KEY, "a", "b:c") != place_of(KEY, "a:b", "c")
    assert 0.0 <= place_of(KEY, "", "") < 1.0


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (((NOON, 1.2),), r"the share 1\.2; expected one from 0 to 1"),
        (((NOON, 0.5), (NOON + DAY, 0.1)), "no smaller shares"),
        (((NOON, 0.1), (NOON, 0.5)), "expected later times"),
        (((NOON, float("nan")),), "expected one from 0 to 1"),
    ],
)
def test_a_roll_out_that_goes_back_is_refused(steps, words):
    with pytest.raises(ConfigurationError, match=words):
        RollOut("odd", steps)
    with pytest.raises(ConfigurationError, match="no name"):
        RollOut(" ", ())
