"""The laws on real bars, when they are there: holes, splits and all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.features import compute_features, make_feature_set, select_features
from finq_predictor.domain.features.audit import audit_look_ahead, certify_lookback, require_no_look_ahead
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.panel import Panel, build_panel

EQUITY, FX = get_market("equity"), get_market("fx")


@pytest.fixture(scope="module")
def stocks(shared_data) -> Panel:
    bars = pd.read_parquet(shared_data / "equities" / "sp500_adj_2012-12_2017-12.parquet")
    bars = bars.rename(columns={"symbol": "instrument", "date": "ts"})
    bars["ts"] = pd.to_datetime(bars["ts"], utc=True).astype("datetime64[us, UTC]")
    chosen = sorted(bars["instrument"].unique())[::25]
    bars = bars[bars["instrument"].isin(chosen)].drop_duplicates(["ts", "instrument"])
    benchmark = bars.groupby("ts", as_index=False)["adj_close"].mean().rename(columns={"adj_close": "close"})
    return build_panel(bars, EQUITY, benchmark=benchmark).tail(700)


@pytest.fixture(scope="module")
def pair(shared_data) -> Panel:
    quotes = pd.read_parquet(shared_data / "fx" / "EUR_USD_H1_mid_bid_ask_2016-01_2021-12.parquet").tail(1200)
    parts = ("open", "high", "low", "close")
    named = {f"{side}_{part[0]}": f"{side}_{part}" for side in ("bid", "ask") for part in parts}
    quotes = quotes.rename(columns=named | {f"mid_{part[0]}": part for part in parts})
    start = pd.to_datetime(quotes["time"], utc=True).astype("datetime64[us, UTC]")
    return build_panel(quotes.assign(ts=start + pd.Timedelta(hours=1), instrument="EUR_USD"), FX)


@pytest.mark.parametrize("name", ["stocks", "pair"])
def test_laws_on_real_bars(name, request):
    panel = request.getfixturevalue(name)
    specs = select_features(EQUITY if name == "stocks" else FX, panel.available)
    at = panel.ts[[len(panel.ts) - 300, len(panel.ts) - 77, len(panel.ts) - 1]]
    require_no_look_ahead(audit_look_ahead(panel, specs, at))
    certified = certify_lookback(panel, specs, at)
    assert certified["sufficient"].all(), certified[~certified["sufficient"]]
    table = compute_features(panel, make_feature_set(specs))
    assert not np.isinf(table.iloc[:, 2:].to_numpy()).any()
    late = table[table["ts"] >= at[0]].iloc[:, 2:].isna().mean()
    assert (late < 0.2).all(), late[late >= 0.2]


def test_a_single_pair_has_no_cross_section(pair):
    names = {spec.name for spec in select_features(FX, pair.available)}
    assert {"spread_pct", "asian_session", "ewma_long"} <= names
    assert not any(name.startswith(("rank", "excess", "dispersion", "breadth")) for name in names)
    assert len(names) >= 45
