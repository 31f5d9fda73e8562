"""Who was a member at a bar is what was known at it, whatever becomes known later."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.membership import members_at
from finq_predictor.domain.tables import SILVER_MEMBERSHIP

ORIGIN = pd.Timestamp("2020-01-01", tz="UTC")
TS = pd.DatetimeIndex([ORIGIN + pd.Timedelta(hours=24 * day + 21) for day in range(12)]).as_unit("us")
NAMES = ("AAA", "BBB")
hours = st.integers(0, 300)
ROW = st.tuples(st.sampled_from(NAMES), hours, st.none() | st.integers(0, 200), hours)


def at(hour):
    return pd.NaT if hour is None else ORIGIN + pd.Timedelta(hours=hour)


def table(rows):
    """Rows of (name, begin, length or None, known), in hours; the last one about a stay and a moment stays."""
    frame = pd.DataFrame(
        [
            (name, at(begin), at(None if length is None else begin + length), at(known))
            for name, begin, length, known in rows
        ],
        columns=["instrument", "since", "until", "known_at"],
    )
    frame = frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in frame.columns[1:]})
    return SILVER_MEMBERSHIP.typed(frame.drop_duplicates(["instrument", "since", "known_at"], keep="last"))


def told_one_by_one(membership, ts, name):
    """The same in plain words: of each stay the newest known row counts."""
    known = membership[(membership["instrument"] == name) & (membership["known_at"] <= ts)]
    newest = known.sort_values("known_at", kind="stable").drop_duplicates("since", keep="last")
    return any(row.since <= ts and not row.until <= ts for row in newest.itertuples())


@settings(max_examples=30, deadline=None)
@given(st.lists(ROW, max_size=8))
def test_members_are_those_of_the_plain_words(rows):
    membership = table(rows)
    found = members_at(membership, TS, NAMES)
    expected = [[told_one_by_one(membership, ts, name) for name in NAMES] for ts in TS]
    np.testing.assert_array_equal(found, np.array(expected, dtype=bool))


@settings(max_examples=30, deadline=None)
@given(st.lists(ROW, max_size=8), st.lists(ROW, max_size=4), st.integers(0, len(TS) - 1))
def test_what_becomes_known_after_a_bar_changes_no_bar_up_to_it(rows, later, place):
    cut = TS[place]
    known = table(rows)
    new = table(later)
    both = pd.concat([known[known["known_at"] <= cut], new[new["known_at"] > cut]], ignore_index=True)
    before = members_at(known, TS, NAMES)[: place + 1]
    np.testing.assert_array_equal(members_at(both, TS, NAMES)[: place + 1], before)


def test_a_stay_is_from_its_begin_to_before_its_end_and_from_when_it_is_known():
    membership = table([("AAA", 24, 72, 0), ("BBB", 0, None, 48)])
    found = members_at(membership, TS, (*NAMES, "CCC"))
    assert list(np.flatnonzero(found[:, 0])) == [1, 2, 3]
    assert list(np.flatnonzero(found[:, 1])) == list(range(2, len(TS)))
    assert not found[:, 2].any()


def test_nobody_is_a_member_where_nothing_is_known():
    assert not members_at(SILVER_MEMBERSHIP.empty(), TS, NAMES).any()
