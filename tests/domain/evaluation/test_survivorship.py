from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.evaluation.backtest import make_price_grid, run_backtest
from finq_predictor.domain.evaluation.positions import THRESHOLD
from finq_predictor.domain.evaluation.survivorship import YearCoverage, bill_survivorship
from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.market.markets import get_market

EQUITY = get_market("equity")
RULES = BacktestRules(cost_bp=0.0, slippage_bp=0.0, max_weight=1.0, min_instruments=2, quantile=0.5)


def world(days: int = 520, ended_at: int = 400) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Six instruments over two years; F ends, E begins in the second year."""
    ts = pd.date_range("2022-01-03 21:00", periods=days, freq="B", tz="UTC").as_unit("us")
    rng = np.random.default_rng(0)
    frames = []
    for name in "ABCDEF":
        span = slice(300, None) if name == "E" else slice(0, ended_at) if name == "F" else slice(None)
        close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, days)))
        frames.append(pd.DataFrame({"ts": ts, "instrument": name, "close": close})[span])
    bars = pd.concat(frames).assign(open=lambda frame: frame["close"], adj_close=lambda frame: frame["close"])
    oos = bars.loc[bars["ts"] >= ts[100], ["ts", "instrument"]].assign(model="logistic", score=0.5, probability=0.5)
    # The model buys F and sells A on every day.
    oos["probability"] = oos["instrument"].map({"F": 0.9, "A": 0.1}).fillna(0.5)
    oos["score"] = oos["probability"]
    oos["forward_return"] = np.where(oos["instrument"] == "F", -0.01, rng.normal(0, 0.01, len(oos)))
    oos["label"] = (oos["forward_return"] > 0).astype(float)
    oos.loc[oos["ts"] > ts[-6], ["label", "forward_return"]] = np.nan
    return bars, oos


def bill(bars, oos, **changes):
    given = {"horizon": 5, "rules": RULES, "strategy": THRESHOLD, "skill": "rank_ic"}
    return bill_survivorship(oos, bars, EQUITY, **{**given, **changes})


def test_who_is_in_the_test_and_who_did_not_last():
    found = bill(*world())
    assert (found.model, found.instruments, found.ended) == ("logistic", 6, ("F",))
    assert found.coverage == (YearCoverage(2022, 5, 0, 0), YearCoverage(2023, 6, 1, 1))
    assert found.asked == len(world()[1])
    assert found.without_outcome == 5 * 5


def test_skill_without_those_that_did_not_last_is_too_good():
    found = bill(*world())
    assert found.skill < found.skill_of_lasting


def test_what_a_delisting_costs_is_what_the_capital_held():
    found = bill(*world(), rules=replace(RULES, short_below=0.0))
    nothing, third, everything = found.net_return.values()
    assert list(found.net_return) == ["+0%", "-30%", "-100%"]
    days = (nothing - everything) / 252  # all of the capital is in F when it ends
    assert days == pytest.approx(1.0 / 420, rel=0.02)
    assert (nothing - third) == pytest.approx(0.3 * (nothing - everything))


def test_a_list_that_was_made_today_has_no_ends():
    bars, oos = world()
    lasting = bill(bars[bars["instrument"] != "F"], oos[oos["instrument"] != "F"])
    assert lasting.ended == ()
    assert len(set(lasting.net_return.values())) == 1
    # Whoever had a price some days ago may only rest.
    assert bill(*world(ended_at=510)).ended == ()


def test_the_bill_is_that_of_the_backtest_under_the_same_assumption():
    """Hedged as in the backtest: the return assumed for a delisting is all that is changed."""
    bars, oos = world()
    index = bars.groupby("ts")["close"].mean().reset_index()
    rules = replace(RULES, short_below=0.0, cost_bp=3.0, hedge_bp=2.0)
    found = bill(bars, oos, rules=rules, benchmark=index).net_return
    held = bars[bars["ts"] >= oos["ts"].min()]
    for assumed, loss in zip(found.values(), (0.0, -0.30, -1.0), strict=True):
        alone = replace(rules, delisting_return=loss)
        daily = run_backtest(oos, make_price_grid(held, alone, EQUITY, index), EQUITY, 5, alone, THRESHOLD)
        assert assumed == pytest.approx(252 * daily["net_return"].mean())
    assert found != bill(bars, oos, rules=rules).net_return
