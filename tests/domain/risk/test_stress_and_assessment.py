"""Stress: the stretches that were the worst, and moves that are laid down; and what is kept of both."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.risk.assessment import assess_stress, assess_tails
from finq_predictor.domain.risk.stress import GAP, SHOCKS, shocks, worst_of_market, worst_stretches
from finq_predictor.domain.risk.tail import LEVELS, TAIL_RULES


@pytest.fixture
def days():
    return pd.bdate_range("2024-01-01", periods=300, tz="UTC")


def test_the_worst_stretches_are_found_with_their_days(days):
    series = pd.Series(0.001, index=days)
    series.iloc[100], series.iloc[150:155] = -0.05, -0.02
    day, week, month = worst_stretches(series)
    assert (day.begins, day.ends, day.lost) == (str(days[100].date()), str(days[100].date()), -0.05)
    assert (week.begins, week.ends) == (str(days[150].date()), str(days[154].date()))
    assert week.lost == pytest.approx(-0.1)
    assert month.lost == pytest.approx(-0.1 + 16 * 0.001)
    assert [each.scenario for each in worst_stretches(series.iloc[:3])] == ["worst day"]


def test_a_strategy_is_asked_about_the_days_that_were_bad_for_the_market(days):
    market, own = pd.Series(0.0, index=days), pd.Series(0.002, index=days)
    market.iloc[40:45] = -0.03
    week = worst_of_market(own, market)[1]
    assert week.lost == pytest.approx(0.01)
    assert week.begins == str(days[40].date())


def test_shocks_follow_beta_and_what_is_held():
    found = {each.scenario: each.lost for each in shocks(0.5, 0.01, 2.0)}
    assert found["market falls by a tenth"] == pytest.approx(-0.05)
    assert set(SHOCKS) < set(found)
    assert min(found.values()) == pytest.approx(-0.1)
    assert -GAP * 2.0 in found.values()
    assert {each.lost for each in shocks(float("nan"), 0.01, 0.0)[: len(SHOCKS)]} == {0.0}


def test_all_rules_and_scenarios_are_kept_and_who_never_traded_has_none(days):
    rng = np.random.default_rng(1)
    returns = pd.Series(0.01 * rng.standard_normal(300), index=days)
    portfolios = {"m": returns, "universe": returns * 2.0, "idle": returns * 0.0}
    tails = assess_tails(portfolios)
    assert len(tails) == 2 * len(TAIL_RULES) * len(LEVELS)
    assert (tails["shortfall"] >= tails["var"]).all()
    twice = tails.pivot(index=["rule", "level"], columns="portfolio", values="var")
    np.testing.assert_allclose(twice["universe"], 2.0 * twice["m"])
    stress = assess_stress(portfolios, returns, {"m": 1.0}, {"m": 1.0})
    assert set(stress["portfolio"]) == {"m", "universe"}
    assert not stress.duplicated(["portfolio", "scenario"]).any()
    assert assess_tails({"m": returns.iloc[:50]}).empty
    assert assess_stress({"idle": returns * 0.0}, returns, {}, {}).empty
