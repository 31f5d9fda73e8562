"""Macro series: released after their period, revised later, and known by name."""

import pandas as pd
import pytest


def test_equity_series(equity):
    assert set(equity.macro["series"]) == {
        "cpi",
        "jobless_claims",
        "policy_rate",
        "unemployment",
        "vix_index",
        "yield_10y",
        "yield_2y",
    }


def test_every_currency_has_its_series(fx):
    kinds, currencies = ("policy_rate", "cpi", "unemployment"), ("usd", "eur", "jpy", "gbp", "aud", "sgd", "chf")
    assert set(fx.macro["series"]) == {f"{kind}_{currency}" for kind in kinds for currency in currencies}


@pytest.mark.parametrize("market", ["equity", "fx"])
def test_nothing_is_released_before_its_period(market, request):
    macro = request.getfixturevalue(market).macro
    assert macro["released_at"].is_monotonic_increasing
    assert (macro["released_at"] > macro["period"].dt.tz_localize("UTC")).all()
    monthly = macro[macro["series"].str.contains("cpi|unemployment")]
    month_end = monthly["period"].dt.tz_localize("UTC") + pd.DateOffset(months=1)
    assert (monthly["released_at"] > month_end).all()
    assert not macro.duplicated(["series", "period", "released_at"]).any()


@pytest.mark.parametrize("series", ["cpi", "unemployment", "jobless_claims"])
def test_first_estimates_are_revised(equity, series):
    rows = equity.macro.query("series == @series").sort_values("released_at").groupby("period")["value"]
    assert (rows.size() == 2).mean() > 0.9
    assert (rows.nth(0).to_numpy()[:40] != rows.nth(1).to_numpy()[:40]).mean() > 0.3


def test_market_series_are_known_after_the_close_of_their_session(equity):
    daily = equity.macro.query("series == 'yield_10y'").merge(
        equity.benchmark, left_on="period", right_on="date", how="left"
    )
    assert (daily["released_at"] > daily["known_at"]).all()
    assert len(daily) == len(equity.benchmark)


def test_levels_are_plausible(equity):
    value = equity.macro.groupby("series")["value"]
    assert 0 <= value.min()["policy_rate"] <= value.max()["policy_rate"] <= 8
    assert 2.5 <= value.min()["unemployment"] <= value.max()["unemployment"] <= 14
    assert ((value.get_group("policy_rate") * 4) % 1 == 0).all()
