"""Is it just beta: factors know no bar to come, and regressions find what was planted, with the errors of a peer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.evaluation.backtest import make_price_grid
from finq_predictor.domain.evaluation.factors import (
    ALPHA,
    BENCHMARK,
    SIZE,
    UNIVERSE,
    attribute,
    factor_returns,
    regress,
)
from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.market.markets import get_market

EQUITY, FX = get_market("equity"), get_market("fx")
RULES = BacktestRules()


def world(days: int = 400, names: int = 30, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Stocks that move with an index and one of three sectors; the first half is traded less, and does well."""
    rng = np.random.default_rng(seed)
    ts = pd.bdate_range("2021-01-04 21:00", periods=days, tz="UTC").as_unit("us")
    index, sector = rng.normal(0.0003, 0.01, days), rng.normal(0.0, 0.006, (days, 3))
    home = np.arange(names) % 3
    small = np.where(np.arange(names) < names // 2, 0.002, 0.0)
    returns = index[:, None] + sector[:, home] + small + rng.normal(0.0, 0.01, (days, names))
    wide = pd.DataFrame(
        100.0 * np.cumprod(1.0 + returns, axis=0), index=ts, columns=[f"S{i:02d}" for i in range(names)]
    )
    bars = wide.rename_axis("ts").melt(ignore_index=False, var_name="instrument", value_name="close").reset_index()
    place = bars["instrument"].str[1:].astype(int)
    bars = bars.assign(open=bars["close"], adj_close=bars["close"], sector=np.array(["A", "B", "C"])[place % 3])
    bars["volume"] = np.where(place < names // 2, 1e3, 1e6)
    return bars, pd.DataFrame({"ts": ts, "close": 10.0 * np.cumprod(1.0 + index)})


def test_the_errors_are_those_of_statsmodels():
    statsmodels = pytest.importorskip("statsmodels.api", reason="statsmodels is not there; `make setup` installs it")
    rng = np.random.default_rng(3)
    factors = rng.standard_normal((300, 3))
    values = np.convolve(rng.standard_normal(304), np.ones(5), "valid") + factors @ [0.5, 0.0, -1.0] + 0.2
    found = regress(values, factors, 5, lags=6)
    peer = statsmodels.OLS(values, statsmodels.add_constant(factors)).fit(
        cov_type="HAC", cov_kwds={"maxlags": 6, "use_correction": True}
    )
    np.testing.assert_allclose(found.coefficient, peer.params, rtol=1e-10)
    np.testing.assert_allclose(found.error, peer.bse, rtol=1e-10)
    assert found.r2 == pytest.approx(peer.rsquared)


def test_factors_are_what_was_planted():
    bars, level = world()
    grid = make_price_grid(bars, RULES, EQUITY, level)
    found = factor_returns(grid, bars, EQUITY)
    assert list(found.columns) == ["ts", BENCHMARK, UNIVERSE, SIZE, "sector A", "sector B", "sector C"]
    assert found[SIZE].iloc[1:].mean() == pytest.approx(0.002, abs=0.0004)
    one = bars[bars["sector"] == "A"].pivot(index="ts", columns="instrument", values="close").pct_change().mean(axis=1)
    index = level["close"].pct_change().to_numpy()
    np.testing.assert_allclose(found["sector A"].iloc[1:], (one.to_numpy() - index)[1:], atol=1e-12)


def test_what_a_market_does_not_know_is_no_factor():
    bars, _ = world(names=6)
    bare = bars.drop(columns=["sector"])
    found = factor_returns(make_price_grid(bare, RULES, EQUITY), bare, EQUITY)
    assert list(found.columns) == ["ts", UNIVERSE], "six instruments have no halves, and no benchmark was delivered"


def test_a_sector_and_a_size_that_are_said_later_change_nothing_earlier():
    bars, level = world(days=120)
    days = sorted(bars["ts"].unique())
    later = bars["ts"] > days[60]
    other = bars.assign(
        sector=bars["sector"].where(~later, "Z"), volume=bars["volume"].where(~later, 1e9 - bars["volume"])
    )
    whole, changed = (
        factor_returns(make_price_grid(each, RULES, EQUITY, level), each, EQUITY) for each in (bars, other)
    )
    # The bar after the last that is the same still goes by what was known at that one.
    pd.testing.assert_frame_equal(whole.iloc[:62], changed[whole.columns].iloc[:62])
    assert not whole["sector A"].iloc[62:].equals(changed["sector A"].iloc[62:])


def test_beta_and_alpha_are_told_apart_and_add_up():
    bars, level = world(days=700)
    factors = factor_returns(make_price_grid(bars, RULES, EQUITY, level), bars, EQUITY)
    rng = np.random.default_rng(5)
    net = 0.4 * factors[BENCHMARK] + 0.0004 + rng.normal(0.0, 0.002, len(factors))
    found = attribute(pd.DataFrame({"ts": factors["ts"], "net_return": net}), factors, 5, EQUITY).set_index("factor")
    assert found.loc[BENCHMARK, "exposure"] == pytest.approx(0.4, abs=0.05)
    assert found.loc[ALPHA, "exposure"] == pytest.approx(0.0004 * 252, abs=0.05)
    assert found.loc[ALPHA, "t"] > 3.0
    assert abs(found.loc[SIZE, "t"]) < 4.0
    assert found["earned"].sum() == pytest.approx(net.mean() * 252)
    market_only = 0.9 * factors[BENCHMARK] + rng.normal(0.0, 1e-3, len(factors))
    just_beta = attribute(pd.DataFrame({"ts": factors["ts"], "net_return": market_only}), factors, 5, EQUITY)
    assert abs(just_beta.set_index("factor").loc[ALPHA, "t"]) < 3.0


def test_few_days_are_asked_about_the_market_alone_and_none_of_what_never_traded():
    bars, level = world(days=45)
    factors = factor_returns(make_price_grid(bars, RULES, EQUITY, level), bars, EQUITY)
    net = pd.DataFrame({"ts": factors["ts"], "net_return": np.random.default_rng(0).normal(0.0, 0.01, len(factors))})
    assert attribute(net, factors, 5, EQUITY)["factor"].tolist() == [ALPHA, BENCHMARK]
    assert attribute(net.iloc[:15], factors, 5, EQUITY).empty
    assert attribute(net.assign(net_return=0.0), factors, 5, EQUITY).empty
