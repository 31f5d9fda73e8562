"""Fixtures of the feature tests."""

from __future__ import annotations

import pytest
from feature_markets import random_panel

from finq_predictor.domain.market.markets import MARKETS, Market
from finq_predictor.domain.panel import Panel


@pytest.fixture(scope="session", params=["equity", "fx"])
def market(request: pytest.FixtureRequest) -> Market:
    return MARKETS[request.param]


@pytest.fixture(scope="session")
def panel(market: Market) -> Panel:
    return random_panel(market)
