"""Value at risk and shortfall: told by the past only, right where the law is known, and by the sample itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, t

from finq_predictor.domain.risk.coverage import judge_coverage
from finq_predictor.domain.risk.tail import DECAY, FEWEST, LEVELS, TAIL_RULES, WINDOW


def returns(days: int = 1500, seed: int = 0) -> pd.Series:
    return pd.Series(0.01 * np.random.default_rng(seed).standard_normal(days))


@pytest.mark.parametrize("rule", TAIL_RULES)
@pytest.mark.parametrize("level", LEVELS)
def test_what_is_told_of_a_day_is_made_of_the_days_before(rule, level):
    values = returns(400)
    whole = TAIL_RULES[rule](values, level)
    cut = 300
    changed = TAIL_RULES[rule](values.where(values.index < cut, 5.0), level)
    np.testing.assert_array_equal(whole.var[: cut + 1], changed.var[: cut + 1])
    np.testing.assert_array_equal(whole.shortfall[: cut + 1], changed.shortfall[: cut + 1])
    assert np.isnan(whole.var[:FEWEST]).all()
    assert np.isfinite(whole.var[FEWEST:]).all()
    assert whole.var[-1] != changed.var[-1]


@pytest.mark.parametrize("rule", TAIL_RULES)
@pytest.mark.parametrize("level", LEVELS)
def test_of_normal_returns_every_rule_tells_the_law(rule, level):
    told = TAIL_RULES[rule](returns(), level)
    at = norm.ppf(level)
    assert np.nanmean(told.var) == pytest.approx(0.01 * at, rel=0.08)
    assert np.nanmean(told.shortfall) == pytest.approx(0.01 * norm.pdf(at) / (1.0 - level), rel=0.08)
    assert (told.shortfall[FEWEST:] >= told.var[FEWEST:]).all()
    beyond = returns().to_numpy()[FEWEST:] < -told.var[FEWEST:]
    assert abs(beyond.mean() - (1.0 - level)) < 0.012
    assert judge_coverage(beyond, level).days == len(beyond)


def test_by_hand():
    values = returns(FEWEST + 1)
    past = np.sort(values.to_numpy()[:FEWEST])
    historical = TAIL_RULES["historical"](values, 0.95)
    assert historical.var[-1] == -past[4], "five of a hundred are as bad or worse"
    assert historical.shortfall[-1] == pytest.approx(-past[:5].mean())
    weights = DECAY ** np.arange(FEWEST)[::-1]
    deviation = np.sqrt((weights * values.to_numpy()[:FEWEST] ** 2).sum() / weights.sum())
    assert TAIL_RULES["ewma"](values, 0.99).var[-1] == pytest.approx(deviation * norm.ppf(0.99))
    parametric = TAIL_RULES["parametric"](values, 0.99)
    assert parametric.var[-1] == pytest.approx(past.std(ddof=1) * norm.ppf(0.99) - past.mean())


def test_heavy_tails_bend_the_quantile_and_a_storm_moves_what_counts_recent_days():
    heavy = pd.Series(0.01 * t(5).rvs(2000, random_state=2))
    bent, straight = (np.nanmean(TAIL_RULES[rule](heavy, 0.99).var) for rule in ("cornish_fisher", "parametric"))
    assert bent > straight * 1.05
    storm = returns(600)
    storm.iloc[500:520] *= 4.0
    quick, slow = (TAIL_RULES[rule](storm, 0.95).var for rule in ("ewma", "historical"))
    assert quick[520] / quick[499] > slow[520] / slow[499] > 1.0
    assert WINDOW > 20
