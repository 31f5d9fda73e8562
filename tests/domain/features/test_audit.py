"""The audit of a market's tables; the laws of each feature are in test_laws.py."""

from __future__ import annotations

import pytest

from finq_predictor.domain.features import audit
from finq_predictor.domain.features.audit import audit_tables, cut
from finq_predictor.domain.features.engine import select_features
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.panel import build_panel
from synthetic_silver import random_tables


@pytest.fixture(scope="module", params=sorted(MARKETS))
def market(request):
    return MARKETS[request.param]


@pytest.fixture(scope="module")
def tables(market):
    return {name: table for name, table in random_tables(market).items() if table is not None}


def test_a_whole_market_is_clean(market, tables):
    found = audit_tables(tables, market, times=2, seed=0)
    assert found.clean
    assert found.market == market.name
    assert len(found.times) == 2
    assert found.features == len(select_features(market, build_panel(market=market, **tables).available))


def test_the_sampled_times_lie_in_the_second_half_and_follow_the_seed(market, tables):
    ts = build_panel(market=market, **tables).ts
    one, again = (audit_tables(tables, market, times=2, seed=3) for _ in range(2))
    assert one == again
    assert min(one.times) >= ts[len(ts) // 2]


def test_what_is_cut_is_what_was_known(market, tables):
    ts = tables["bars"]["ts"].sort_values().iloc[len(tables["bars"]) // 2]
    for name, table in cut(tables, ts, market).items():
        known = table["known_at" if name == "macro" else "ts"]
        assert 0 < len(table) < len(tables[name])
        assert known.max() <= ts


def test_a_join_that_looks_ahead_is_found(market, tables, monkeypatch):
    honest = build_panel

    def careless(*, market, **given):
        bars = given["bars"].copy()
        bars["close"] = bars.groupby("instrument")["close"].shift(-1).fillna(bars["close"])
        return honest(market=market, **{**given, "bars": bars})

    monkeypatch.setattr(audit, "build_panel", careless)
    found = audit_tables(tables, market, times=1, seed=0)
    assert not found.clean
    assert found.leaking
