"""A bar belongs to the hours in which it began, by the clock of the city, in summer and in winter."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.features import compute_features, make_feature_set, select_features
from finq_predictor.domain.market.markets import Market, get_market
from finq_predictor.domain.panel import Panel

FX, EQUITY = get_market("fx"), get_market("equity")
SESSIONS = {
    "asian_session": ("Asia/Tokyo", range(9, 18)),
    "london_session": ("Europe/London", range(8, 17)),
    "new_york_session": ("America/New_York", range(8, 17)),
    "london_fix": ("Europe/London", range(15, 16)),
    "rollover": ("America/New_York", range(16, 18)),
}


def features_of(market: Market, ts: pd.DatetimeIndex) -> pd.DataFrame:
    prices = {name: np.full((len(ts), 1), 1.1) for name in ("open", "high", "low", "close")}
    panel = Panel(market.name, ts, ("EUR_USD",), prices)
    chosen = select_features(market, panel.available, ["session"])
    return compute_features(panel, make_feature_set(chosen)).set_index("ts")


@pytest.fixture(scope="module")
def hours() -> pd.DataFrame:
    """A year of hours: the clocks of London and New York change on different days, that of Tokyo never."""
    return features_of(FX, pd.date_range("2024-01-01 01:00", "2025-01-01", freq="h", tz="UTC").as_unit("us"))


@pytest.mark.parametrize("name", SESSIONS)
def test_a_session_is_the_hours_it_says_to_the_bar(hours, name):
    zone, open_hours = SESSIONS[name]
    began = (hours.index - pd.Timedelta(hours=1)).tz_convert(zone)
    np.testing.assert_array_equal(hours[name], np.isin(began.hour, open_hours).astype(float))


def test_the_overlap_is_both_sessions(hours):
    np.testing.assert_array_equal(hours["london_new_york_overlap"], hours["london_session"] * hours["new_york_session"])
    assert set(hours.groupby(hours.index.date)["london_new_york_overlap"].sum()) >= {4.0, 5.0}, "as clocks change"


def test_a_turn_of_the_day_and_of_the_week_goes_by_the_hour_at_which_a_bar_began(hours):
    began = hours.index - pd.Timedelta(hours=1)
    day, week = began.hour / 24.0, (began.day_of_week * 24 + began.hour) / 168.0
    for name, turn in (("hour", day), ("week", week)):
        np.testing.assert_allclose(hours[f"{name}_sin"], np.sin(2.0 * np.pi * turn), atol=1e-6)
        np.testing.assert_allclose(hours[f"{name}_cos"], np.cos(2.0 * np.pi * turn), atol=1e-6)


def test_a_pause_is_the_time_between_two_bars():
    ts = pd.DatetimeIndex(["2024-01-05 21:00", "2024-01-05 22:00", "2024-01-07 23:00"], tz="UTC").as_unit("us")
    np.testing.assert_array_equal(features_of(FX, ts)["pause"], [np.nan, 0.0, 48.0])


def test_the_turn_of_the_month_is_its_last_days_and_the_first_three():
    days = pd.date_range("2024-01-25 21:00", "2024-02-06", freq="D", tz="UTC").as_unit("us")
    found = features_of(EQUITY, days)["turn_of_month"]
    assert found.index.day[found == 1.0].tolist() == [28, 29, 30, 31, 1, 2, 3]
