"""Measures of performance against values worked out by hand or published."""

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.evaluation.performance import (
    days_per_year,
    deflated_sharpe,
    max_drawdown,
    measures,
    summarise,
)
from finq_predictor.domain.market.markets import get_market


def test_deflated_sharpe_of_the_published_example():
    """Bailey and Lopez de Prado (2014): SR0 = .1132, DSR = .9004."""
    expected, deflated = deflated_sharpe(
        sharpe=2.5 / 250**0.5, n_returns=1250, skewness=-3.0, kurtosis=10.0, trial_variance=0.5 / 250, trials=100
    )
    assert expected == pytest.approx(0.1132, abs=5e-5)
    assert deflated == pytest.approx(0.9004, abs=5e-5)


def test_more_trials_deflate_more():
    deflated = [deflated_sharpe(0.1, 500, 0.0, 3.0, 1 / 500, trials)[1] for trials in (1, 2, 20, 500)]
    assert deflated == sorted(deflated, reverse=True)
    assert deflated_sharpe(0.0, 500, 0.0, 3.0, 1 / 500, 1) == (0.0, pytest.approx(0.5))
    with pytest.raises(ConfigurationError, match="trials"):
        deflated_sharpe(0.1, 500, 0.0, 3.0, 1 / 500, 0)


def test_measures_by_hand():
    returns = np.array([0.01, -0.02, 0.03, 0.0])
    found = measures(returns, 252.0, trials=1)
    assert found["total_return"] == pytest.approx(0.02)
    assert found["annualised_return"] == pytest.approx(0.005 * 252)
    assert found["sharpe"] == pytest.approx(0.005 / returns.std(ddof=1) * 252**0.5)
    assert found["sortino"] == pytest.approx(0.005 * 252 / (0.01 * 252**0.5))
    assert found["max_drawdown"] == pytest.approx(0.02)
    assert found["calmar"] == pytest.approx(0.005 * 252 / 0.02)
    assert found["profit_factor"] == pytest.approx(2.0)
    assert found["hit_rate"] == pytest.approx(2 / 3)


def test_a_first_loss_is_a_drawdown():
    assert max_drawdown(np.array([-0.1, 0.05])) == pytest.approx(0.1)
    assert max_drawdown(np.array([0.1, 0.05])) == 0.0


def test_nothing_held_has_no_ratio():
    found = measures(np.zeros(50), 252.0, trials=3)
    assert all(
        np.isnan(found[name])
        for name in ("sharpe", "sortino", "calmar", "profit_factor", "hit_rate", "deflated_sharpe")
    )
    assert found["max_drawdown"] == 0.0


def test_days_per_year_follow_the_bar():
    assert days_per_year(get_market("equity")) == 252.0
    assert days_per_year(get_market("fx")) == 260.0


def test_summary_has_both_sides():
    daily = pd.DataFrame(
        {"gross_return": [0.01, 0.02], "net_return": [0.0, 0.01], "turnover": 0.4, "exposure": [1.0, 0.5]}
        | {"benchmark_return": [0.02, 0.04]}
    )
    summary = summarise(daily, get_market("equity"), trials=5).set_index("measure")
    assert summary.loc["total_return"].tolist() == pytest.approx([0.03, 0.01])
    assert summary.loc["turnover_per_day"].tolist() == [0.4, 0.4]
    assert summary.loc["exposure"].tolist() == [0.75, 0.75]
    assert summary.loc["beta"].tolist() == pytest.approx([0.5, 0.5])
    assert summary.loc["market_correlation"].tolist() == pytest.approx([1.0, 1.0])
