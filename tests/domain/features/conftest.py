"""Fixtures of the feature tests."""

from __future__ import annotations

import pytest

from finq_predictor.domain.market.markets import MARKETS, Market
from finq_predictor.domain.panel import Panel
from synthetic_silver import random_panel


@pytest.fixture(scope="session", params=["equity", "fx"])
def market(request: pytest.FixtureRequest) -> Market:
    return MARKETS[request.param]


@pytest.fixture(scope="session")
def panel(market: Market) -> Panel:
    return random_panel(market)
