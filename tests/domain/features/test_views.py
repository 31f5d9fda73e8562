"""Views are made of the registry, ages are open hours, and what is too old is withheld and said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finq_predictor.domain.errors import UnknownNameError
from finq_predictor.domain.features import make_feature_set, select_features
from finq_predictor.domain.features.views import (
    NEWS_VIEW,
    STATES,
    State,
    judge,
    lagged,
    latest_features,
    limits_of,
    require_features,
    views_of,
)
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.panel import NEWS_FIELDS
from synthetic_silver import random_panel

HOUR = 3_600_000_000


@pytest.fixture(scope="module", params=sorted(MARKETS))
def feature_set(request):
    panel = random_panel(MARKETS[request.param], length=80)
    return make_feature_set(select_features(MARKETS[request.param], panel.available))


def test_every_feature_is_in_one_view_which_says_how_long_it_counts(feature_set):
    views, market = views_of(feature_set), MARKETS[feature_set.market]
    held = [name for view in views for name in view.features]
    assert sorted(held) == sorted(feature_set.names)
    reading = {spec.name for spec in feature_set.specs() if set(spec.inputs) & set(NEWS_FIELDS)}
    for view in views:
        assert (set(view.features) <= reading) == (view.name == NEWS_VIEW)
        assert view.ttl_hours == (6.0 if view.name == NEWS_VIEW else {"fx": 2.0, "equity": 13.0}[market.name])
        assert view.entity == "instrument"
        assert view.full_name == f"{market.name}_{view.name}"
    # A session of New York has six and a half hours: two trading days are thirteen.
    limits = limits_of(feature_set, held)
    assert len(set(limits)) == len(views) == 2
    assert len({view.definitions_hash for view in views} | {feature_set.definitions_hash}) == 3


def test_a_feature_that_is_not_there_is_refused_with_the_nearest(feature_set):
    assert require_features(feature_set, ["ret_5", "ret_1", "ret_5"]) == ("ret_5", "ret_1")
    with pytest.raises(UnknownNameError, match="Did you mean 'ret_1'"):
        require_features(feature_set, ["rett_1"])


def test_states_say_what_is_known_and_only_what_is_present_is_told():
    values = np.array([[1.0, np.nan], [1.0, 2.0], [1.0, np.nan], [1.0, 2.0]])
    told, codes = judge(
        values, np.array([True, True, False, True]), np.array([2.0, 2.5, np.nan, 7.0]), np.array([2.0, 6.0])
    )
    names = [[STATES[code] for code in row] for row in codes]
    old, null, absent = State.OUTSIDE_MAX_AGE, State.NULL_VALUE, State.NOT_FOUND
    assert names == [[State.PRESENT, null], [old, State.PRESENT], [absent, absent], [old, old]]
    np.testing.assert_array_equal(told, [[1.0, np.nan], [np.nan, 2.0], [np.nan, np.nan], [np.nan, np.nan]])


@pytest.mark.parametrize(
    ("bar", "now", "fresh"),
    [
        # Friday's last bar of the week holds all week-end, and two hours of Sunday evening.
        ("2024-03-01T22:00Z", "2024-03-03T22:00Z", True),
        ("2024-03-01T22:00Z", "2024-03-03T23:59Z", True),
        ("2024-03-01T22:00Z", "2024-03-04T00:01Z", False),
        ("2024-03-05T10:00Z", "2024-03-05T12:00Z", True),
        ("2024-03-05T10:00Z", "2024-03-05T12:01Z", False),
    ],
)
def test_a_week_end_ages_nothing(bar, now, fresh):
    starts, ends = (np.array([pd.Timestamp(one).value // 1000]) for one in (bar, now))
    time = MARKETS["fx"].sessions.open_time(pd.Timestamp(bar), pd.Timestamp(now))
    _, codes = judge(np.array([[1.0]]), np.array([True]), time.hours(starts, ends), np.array([2.0]))
    assert (STATES[codes[0, 0]] is State.PRESENT) == fresh


def test_lags_count_bars_of_the_market_and_not_rows():
    fx = MARKETS["fx"]
    hours = pd.date_range("2024-03-01T12:00Z", "2024-03-04T12:00Z", freq="h")
    friday_close, sunday_open = pd.Timestamp("2024-03-01T22:00Z"), pd.Timestamp("2024-03-03T22:00Z")
    traded = hours[(hours <= friday_close) | (hours > sunday_open)].drop(pd.Timestamp("2024-03-04T09:00Z"))
    bars = traded.as_unit("us").asi8
    base = pd.Timestamp("2024-03-04T12:00Z").value // 1000
    found = lagged(bars, base, [0, 1, 2, 3, 4, 13, 14, 15, 1000], fx)
    at = [None if one is None else pd.Timestamp(one, unit="us").strftime("%d %H") for one in found]
    # Nine o'clock is not there; the bar before that of Sunday 23:00 is Friday's last.
    assert at == ["04 12", "04 11", "04 10", None, "04 08", "03 23", "01 22", "01 21", None]


@given(lag=st.integers(1, 40), place=st.integers(0, 49))
def test_where_no_bar_is_missing_a_lag_is_a_row(lag, place):
    bars = pd.date_range("2024-03-04T01:00Z", periods=50, freq="h").as_unit("us").asi8
    (found,) = lagged(bars, int(bars[place]), [lag], MARKETS["fx"])
    assert found == (None if place < lag else bars[place - lag])


def test_the_newest_bars_are_those_of_the_whole_table(feature_set):
    from finq_predictor.domain.features import compute_features

    panel = random_panel(MARKETS[feature_set.market], length=80)
    latest = latest_features(panel, feature_set, 5)
    whole = compute_features(panel, feature_set)
    last = whole[whole["ts"] >= panel.ts[-5]].reset_index(drop=True)
    pd.testing.assert_frame_equal(latest.table, last, check_exact=True)
