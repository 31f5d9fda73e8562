"""What was planted is found at about its planted strength, and nothing is found where nothing was planted."""

import numpy as np
import pandas as pd
import pytest

from finq_predictor.simulation import DirtConfig, EquityMarketConfig, simulate_equity
from finq_predictor.simulation.stocks import HORIZON

CLEAN = DirtConfig.clean()
SEEDS = (1, 2, 3, 4)


def adjusted(market) -> pd.DataFrame:
    return market.bars.pivot(index="known_at", columns="symbol", values="adj_close")


def _excess(market) -> pd.DataFrame:
    """Return over the benchmark from the next close over five sessions."""
    stocks, index = adjusted(market), market.benchmark.set_index("known_at")["adj_close"]
    ahead = -1 - HORIZON
    return (stocks.shift(ahead) / stocks.shift(-1)).sub(index.shift(ahead) / index.shift(-1), axis=0)


def _expected(market, column="expected_return") -> pd.DataFrame:
    return market.truth.pivot(index="ts", columns="instrument", values=column)


def _rank_ic(score: pd.DataFrame, outcome: pd.DataFrame) -> float:
    both = score.notna() & outcome.notna()
    score, outcome = score.where(both).rank(axis=1), outcome.where(both).rank(axis=1)
    return float(score.corrwith(outcome, axis=1).iloc[: -1 - HORIZON].mean())


@pytest.fixture(scope="module")
def by_strength():
    return {
        strength: [
            _rank_ic(_expected(market), _excess(market))
            for seed in (SEEDS if strength == 1.0 else SEEDS[:2])
            for market in [simulate_equity(EquityMarketConfig(seed=seed, signal=strength, years=4, dirt=CLEAN))]
        ]
        for strength in (0.5, 1.0, 2.0)
    }


def test_oracle_finds_the_default_signal_at_its_strength(by_strength):
    assert 0.05 < np.mean(by_strength[1.0]) < 0.09
    assert min(by_strength[1.0]) > 0.03


def test_more_signal_is_found_where_more_was_planted(by_strength):
    weak, usual, strong = (np.mean(by_strength[strength][:2]) for strength in (0.5, 1.0, 2.0))
    assert 0.0 < weak < usual < strong
    assert 1.4 < usual / weak < 2.6


def test_nothing_is_expected_at_strength_zero(noise_markets):
    for market in noise_markets:
        assert (market.truth["expected_return"] == 0).all()
        assert (market.truth["expected_next_return"] == 0).all()


def test_simple_rules_find_nothing_at_strength_zero(noise_markets):
    found = []
    for market in noise_markets:
        returns = adjusted(market).pct_change(fill_method=None)
        rules = [-returns.rolling(5).mean(), returns.rolling(60).mean(), -returns, returns.rolling(20).std()]
        found.append([_rank_ic(rule, _excess(market)) for rule in rules])
    # The standard error of one figure is about .006.
    assert np.abs(np.mean(found, axis=0)).max() < 0.015


def test_oracle_of_a_signal_market_knows_nothing_of_its_silent_twin(equity, noise_markets):
    assert abs(_rank_ic(_expected(equity), _excess(noise_markets[0]))) < 0.02


def test_expectation_is_right_on_average(equity):
    """Among stocks expected to do better, realised returns are better by as much: the slope is one."""
    realised, expected = _excess(equity), _expected(equity)
    both = realised.notna() & expected.notna()
    gaps = realised.where(both).sub(realised.where(both).mean(axis=1), axis=0).stack()
    hopes = expected.where(both).sub(expected.where(both).mean(axis=1), axis=0).stack()
    slope = float((gaps * hopes).sum() / (hopes**2).sum())
    assert 0.5 < slope < 1.5


def test_signal_changes_no_shock(equity, noise_markets):
    """With and without signal the same shocks happen: returns differ by little more than the drift."""
    difference = adjusted(equity).pct_change(fill_method=None) - adjusted(noise_markets[0]).pct_change(fill_method=None)
    assert difference.stack().abs().quantile(0.99) < 0.004


def test_drift_after_news_has_a_strength_of_its_own():
    silent = simulate_equity(EquityMarketConfig(seed=1, years=2, tone_signal=0.0, dirt=CLEAN))
    told = simulate_equity(EquityMarketConfig(seed=1, years=2, tone_signal=1.0, dirt=CLEAN))
    assert 0 < silent.truth["expected_return"].std() < told.truth["expected_return"].std()
