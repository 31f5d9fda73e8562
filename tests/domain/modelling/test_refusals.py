"""Every rule that keeps a probability from being acted upon is seen to do so, and its neighbours are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.modelling.conformal import PValues
from finq_predictor.domain.modelling.domain_guard import Placed
from finq_predictor.domain.modelling.prediction import bars_since
from finq_predictor.domain.modelling.refusals import RULES, AbstentionRules, Facts, Limits, refuse

ONE = np.ones(1)


def limits(**changes) -> Limits:
    """One row that nothing speaks against."""
    placed = Placed(0.0 * ONE, ONE, ONE, ONE)
    given = Limits(PValues(0.9 * ONE, 0.02 * ONE), placed, 0.0 * ONE, 126)
    return given._replace(**changes)


def placed(**changes) -> Limits:
    return limits(placed=limits().placed._replace(**{name: np.array([value]) for name, value in changes.items()}))


GOOD = Facts(
    ts=pd.Series(pd.DatetimeIndex(["2024-01-02T21:00Z"])),
    missing=np.zeros(1),
    features=10,
    unknown_news=np.array([False]),
    confidence=np.array([0.3]),
    masked=np.array([False]),
    limits=limits(),
)
RULES_OF_A_TEST = AbstentionRules(min_confidence=0.1, conformal="act")
FAILING = {
    "unknown_news": ({"unknown_news": np.array([True])}, "incomplete: it is not known what was written"),
    "missing_features": ({"missing": np.array([6])}, "missing features: 6 of 10 are not known at this bar"),
    "no_probability": ({"confidence": np.array([np.nan])}, "the model gives no probability"),
    "low_confidence": ({"confidence": np.array([0.05])}, "low confidence: 0.0500 is below the minimum 0.1"),
    "masked_hour": ({"masked": np.array([True])}, "masked hour: prices at 21:00 UTC"),
    "model_too_old": (
        {"limits": limits(age_bars=127.0 * ONE)},
        "model too old: 127 bars closed since the last one it was trained on, at most 126; train again",
    ),
    "out_of_range": (
        {"limits": placed(outside=0.4, outside_share=0.005)},
        "out of range: 40% of the features lie outside of the range of the training, as in 0.50% of the rows held out",
    ),
    "unlike_training": (
        {"limits": placed(distance=3.25, distance_share=0.001)},
        "unlike training: the features taken together lie 3.2 times as far from the middle as those of the training",
    ),
    "undecided": (
        {"limits": limits(p_values=PValues(0.5 * ONE, 0.5 * ONE))},
        "undecided: the prediction set of 90% holds both answers",
    ),
}


def test_every_rule_has_a_failing_row():
    assert [rule.flag for rule in RULES] == list(FAILING)


@pytest.mark.parametrize("flag", FAILING)
def test_a_rule_refuses_its_row_and_no_other_rule_does(flag):
    changes, said = FAILING[flag]
    reasons, flags = refuse(replace(GOOD, **changes), RULES_OF_A_TEST)
    assert reasons[0].startswith(said)
    assert flags[0] == flag


def test_nothing_speaks_against_a_good_row():
    reasons, flags = refuse(GOOD, RULES_OF_A_TEST)
    assert (reasons[0], flags[0]) == (None, "")


def test_the_first_rule_gives_the_reason_and_all_give_their_flags():
    bad = replace(GOOD, masked=np.array([True]), limits=limits(age_bars=500.0 * ONE))
    reasons, flags = refuse(bad, RULES_OF_A_TEST)
    assert reasons[0].startswith("masked hour")
    assert flags[0] == "masked_hour model_too_old"


@pytest.mark.parametrize(
    ("rules", "changes"),
    [
        (AbstentionRules(), FAILING["undecided"][0]),
        (AbstentionRules(guard_false_alarms=0.0), FAILING["out_of_range"][0]),
        (AbstentionRules(guard_false_alarms=0.0), FAILING["unlike_training"][0]),
        (AbstentionRules(max_model_age_bars=127), FAILING["model_too_old"][0]),
        (AbstentionRules(), {"limits": None}),
    ],
)
def test_a_rule_that_is_off_or_wider_lets_it_pass(rules, changes):
    assert refuse(replace(GOOD, **changes), rules)[0][0] is None


def test_the_limits_can_be_narrowed():
    assert refuse(replace(GOOD, limits=limits(age_bars=5.0 * ONE)), AbstentionRules(max_model_age_bars=4))[1][0] == (
        "model_too_old"
    )
    rare = replace(GOOD, limits=placed(distance_share=0.04))
    assert refuse(rare, AbstentionRules(guard_false_alarms=0.05))[0][0] is None
    assert refuse(rare, AbstentionRules(guard_false_alarms=0.1))[1][0] == "unlike_training"
    sure = replace(GOOD, limits=limits(p_values=PValues(0.05 * ONE, 0.02 * ONE)))
    assert "holds no answer" in refuse(sure, RULES_OF_A_TEST)[0][0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"coverage": 0.0},
        {"coverage": 1.0},
        {"coverage": np.nan},
        {"guard_false_alarms": 1.0},
        {"guard_false_alarms": -0.1},
        {"guard_false_alarms": np.nan},
        {"max_model_age_bars": 0},
        {"conformal": "obey"},
    ],
)
def test_a_limit_that_cannot_be_is_refused(wrong):
    with pytest.raises(ConfigurationError, match=f"{next(iter(wrong))} is .*expected"):
        AbstentionRules(**wrong)


def test_the_age_counts_bars_and_not_nights():
    equity, fx = get_market("equity"), get_market("fx")
    friday = pd.Timestamp("2024-01-05T21:00Z")
    closes = pd.Series(
        pd.DatetimeIndex(["2024-01-04T21:00Z", "2024-01-05T21:00Z", "2024-01-08T21:00Z", "2024-01-16T21:00Z"])
    )
    # The 15th is a holiday.
    assert bars_since(friday, closes, equity).tolist() == [0.0, 0.0, 1.0, 6.0]
    assert bars_since(friday, closes.iloc[::-1], equity).tolist() == [6.0, 1.0, 0.0, 0.0]
    hours = pd.Series(pd.DatetimeIndex(["2024-01-05T20:00Z", "2024-01-05T22:00Z", "2024-01-07T23:00Z"]))
    assert bars_since(pd.Timestamp("2024-01-05T20:00Z"), hours, fx).tolist() == [0.0, 2.0, 3.0]
    assert bars_since(friday, closes.iloc[:0], equity).tolist() == []
