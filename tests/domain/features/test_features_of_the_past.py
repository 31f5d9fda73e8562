"""What was known at moments of the past: never a later bar, never a row fewer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.errors import DataError
from finq_predictor.domain.features import compute_features, make_feature_set, select_features
from finq_predictor.domain.features.history import as_of
from finq_predictor.domain.features.views import STATES, State, limits_of
from finq_predictor.domain.market.markets import MARKETS
from synthetic_silver import random_panel

BARS = 120


@pytest.fixture(scope="module", params=sorted(MARKETS))
def gold(request):
    market = MARKETS[request.param]
    panel = random_panel(market, length=BARS)
    feature_set = make_feature_set(
        [spec for spec in select_features(market, panel.available) if spec.lookback < 30][:60:3]
    )
    return market, feature_set, compute_features(panel, feature_set, dtype="float32")


def frame_of(table, seconds, places):
    first, last = table["ts"].iloc[0], table["ts"].iloc[-1]
    names = [*sorted(table["instrument"].unique()), "NOBODY"]
    ts = (
        first
        - pd.Timedelta(days=2)
        + pd.to_timedelta(np.array(seconds), unit="s") % (last - first + pd.Timedelta(days=8))
    )
    ts = pd.DatetimeIndex(ts).as_unit("us")
    return pd.DataFrame({"note": range(len(ts)), "instrument": [names[one % len(names)] for one in places], "ts": ts})


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 99), st.booleans()), min_size=1, max_size=25),
    data=st.data(),
)
def test_a_moment_is_answered_by_the_last_bar_that_had_closed(gold, rows, data):
    """Bar by bar beside a plain search; a moment that is a close is answered by its own bar."""
    market, feature_set, table = gold
    asked = frame_of(table, [row[0] for row in rows], [row[1] for row in rows])
    for place, (_, _, exact) in enumerate(rows):
        if exact:
            asked.loc[place, "ts"] = table["ts"].iloc[data.draw(st.integers(0, len(table) - 1))]
    found = as_of(asked, table, feature_set)
    assert found.table[["note", "instrument", "ts"]].equals(asked)
    limits = limits_of(feature_set, feature_set.names)
    for place, row in asked.iterrows():
        before = table[(table["instrument"] == row["instrument"]) & (table["ts"] <= row["ts"])]
        states = [STATES[code] for code in found.codes[place]]
        values = found.table.loc[place, list(feature_set.names)].to_numpy(dtype=np.float32)
        if before.empty:
            assert set(states) == {State.NOT_FOUND}
            assert pd.isna(found.table.loc[place, "bar_ts"])
            assert np.isnan(values).all()
            continue
        last = before.iloc[-1]
        assert found.table.loc[place, "bar_ts"] == last["ts"] <= row["ts"]
        age = market.sessions.open_hours_between(last["ts"], row["ts"])
        assert found.table.loc[place, "age_hours"] == pytest.approx(age, abs=1e-6)
        for name, value, state, limit in zip(feature_set.names, values, states, limits, strict=True):
            if abs(age - limit) < 1e-6:
                continue
            if age > limit:
                assert state is State.OUTSIDE_MAX_AGE
                assert np.isnan(value)
            else:
                assert state is (State.NULL_VALUE if np.isnan(last[name]) else State.PRESENT)
                np.testing.assert_equal(value, np.float32(last[name]))


def test_what_comes_later_changes_nothing(gold):
    """The same moments, asked when gold held no later bar."""
    _, feature_set, table = gold
    asked = frame_of(table, range(0, 40_000_000, 1_000_003), range(40))
    cut = asked["ts"].sort_values().iloc[len(asked) // 2]
    early = asked[asked["ts"] <= cut]
    then, now = (as_of(early, one, feature_set) for one in (table[table["ts"] <= cut], table))
    assert len(early) > 3
    assert then.table["bar_ts"].notna().any()
    pd.testing.assert_frame_equal(then.table, now.table, check_exact=True)
    np.testing.assert_array_equal(then.codes, now.codes)


def test_rows_keep_their_order_and_index_and_states_have_names(gold):
    _, feature_set, table = gold
    asked = frame_of(table, [10**6, 5, 10**6], [0, 1, 0]).set_index(pd.Index([7, 7, 3]))
    found = as_of(asked, table, feature_set, feature_set.names[:2])
    assert list(found.table.index) == list(found.states().index) == [7, 7, 3]
    assert found.states().iloc[1].astype(str).tolist() == ["NOT_FOUND", "NOT_FOUND"]
    assert list(found.table.columns[-2:]) == list(feature_set.names[:2])
    assert len(as_of(asked.iloc[:0], table, feature_set).table) == 0


def test_moments_have_to_be_moments(gold):
    _, feature_set, table = gold
    asked = frame_of(table, [1], [0])
    with pytest.raises(DataError, match=r"no column 'ts'.*Give instrument and ts"):
        as_of(asked.drop(columns="ts"), table, feature_set)
    with pytest.raises(DataError, match="moments with a zone"):
        as_of(asked.assign(ts=asked["ts"].dt.tz_localize(None)), table, feature_set)
    with pytest.raises(DataError, match="1 of the 1 rows have no 'ts'"):
        as_of(asked.assign(ts=pd.DatetimeIndex([pd.NaT], tz="UTC")), table, feature_set)
