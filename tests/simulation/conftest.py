"""Markets that several tests look at, simulated once."""

from __future__ import annotations

import pandas as pd
import pytest

from finq_predictor.simulation import (
    DirtConfig,
    EquityMarketConfig,
    FxMarketConfig,
    simulate_equity,
    simulate_fx,
)

CLEAN = DirtConfig.clean()
SEEDS = (1, 2, 3, 4)


def adjusted(market) -> pd.DataFrame:
    """Adjusted closes, sessions x stocks."""
    return market.bars.pivot(index="known_at", columns="symbol", values="adj_close")


@pytest.fixture(scope="session")
def equity():
    """A clean default market."""
    return simulate_equity(EquityMarketConfig(seed=1, dirt=CLEAN))


@pytest.fixture(scope="session")
def noise_markets():
    """Clean markets without any planted signal."""
    return [simulate_equity(EquityMarketConfig(seed=seed, signal=0.0, dirt=CLEAN)) for seed in SEEDS]


@pytest.fixture(scope="session")
def noise_returns(noise_markets):
    """Daily returns of the stocks that are listed throughout, for each seed."""
    return [adjusted(market).pct_change(fill_method=None).iloc[1:].dropna(axis=1) for market in noise_markets]


@pytest.fixture(scope="session")
def fx():
    """A clean default currency market."""
    return simulate_fx(FxMarketConfig(seed=1, dirt=CLEAN))


@pytest.fixture(scope="session")
def fx_noise():
    """Clean currency markets without any planted signal."""
    return [simulate_fx(FxMarketConfig(seed=seed, signal=0.0, dirt=CLEAN)) for seed in SEEDS]
