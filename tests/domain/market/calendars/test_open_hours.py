"""Hours in which a market is open: no night, week-end, holiday or early close counts."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.market.calendars import get_calendar

START = pd.Timestamp("2024-01-05T21:00Z")


def hours(code: str, start: str, end: str) -> float:
    return get_calendar(code).open_hours_between(pd.Timestamp(start), pd.Timestamp(end))


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2024-01-05T21:00Z", "2024-01-08T14:30Z", 0),  # Friday's close to Monday's open
        ("2024-01-05T21:00Z", "2024-01-08T21:00Z", 6.5),
        ("2024-01-08T15:00Z", "2024-01-08T15:30Z", 0.5),
        ("2024-01-08T15:30Z", "2024-01-08T15:00Z", -0.5),
        ("2024-03-28T20:00Z", "2024-04-01T13:30Z", 0),  # Good Friday, and summer time since March
        ("2024-11-27T21:00Z", "2024-11-29T14:30Z", 0),  # Thanksgiving
        ("2024-11-29T14:30Z", "2024-11-29T21:00Z", 3.5),  # the early close after it
        ("2024-12-24T18:00Z", "2024-12-26T14:30Z", 0),  # Christmas, from the early close before it
        ("2023-12-29T21:00Z", "2024-01-02T21:00Z", 6.5),  # New Year's Day
        ("2024-01-02T00:00-05:00", "2024-01-03T00:00-05:00", 6.5),  # in any zone
        ("2024-01-01T00:00Z", "2024-12-31T23:59Z", 252 * 6.5 - 3 * 3),
    ],
)
def test_new_york(start, end, expected):
    assert hours("XNYS", start, end) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2024-01-05T21:00Z", "2024-01-07T23:00Z", 2),  # winter: closes Friday 22:00, opens Sunday 22:00 UTC
        ("2024-07-05T20:00Z", "2024-07-05T23:00Z", 1),  # summer: closes Friday 21:00
        ("2024-07-07T20:00Z", "2024-07-07T23:00Z", 2),  # and opens Sunday 21:00
        ("2024-07-05T21:00Z", "2024-07-07T21:00Z", 0),
        ("2024-03-08T21:00Z", "2024-03-10T22:00Z", 2),  # summer time begins within this week-end: an hour shorter
        ("2024-11-01T20:00Z", "2024-11-03T23:00Z", 2),  # and ends within this one: an hour longer
        ("2024-01-03T01:00Z", "2024-01-03T05:00Z", 4),
        ("2024-01-03T05:00Z", "2024-01-03T01:00Z", -4),
        ("2024-12-24T21:00Z", "2024-12-25T23:00Z", 2),  # Christmas ends and begins at 17:00 New York, too
        ("2024-01-08T00:00Z", "2024-01-22T00:00Z", 2 * 120),
    ],
)
def test_foreign_exchange(start, end, expected):
    assert hours("24/5", start, end) == expected


def test_pauses_within_a_session_do_not_count():
    assert hours("XTKS", "2024-01-04T00:00Z", "2024-01-04T06:00Z") == 5.0
    assert hours("XTKS", "2024-01-04T02:30Z", "2024-01-04T03:30Z") == 0.0


def test_a_session_that_opens_on_the_evening_before():
    assert hours("CMES", "2024-01-07T23:00Z", "2024-01-08T00:00Z") == 1.0


def test_round_the_clock():
    assert hours("24/7", "2024-12-24T12:30Z", "2025-01-02T13:00Z") == 9 * 24 + 0.5


def test_what_is_not_known_to_be_closed_counts():
    assert hours("inferred", "2024-01-05T21:00Z", "2024-01-08T21:00Z") == 72


@settings(deadline=None)
@given(st.integers(0, 20_000), st.integers(0, 20_000), st.sampled_from(["XNYS", "24/5", "24/7", "XTKS", "inferred"]))
def test_open_hours_add_up(first, second, code):
    calendar = get_calendar(code)
    middle, end = START + pd.Timedelta(hours=first), START + pd.Timedelta(hours=first + second)
    total = calendar.open_hours_between(START, middle) + calendar.open_hours_between(middle, end)
    assert calendar.open_hours_between(START, end) == pytest.approx(total)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 8_000), st.sampled_from(["XNYS", "24/5", "24/7"]))
def test_open_hours_are_those_in_which_a_bar_is_expected(hour, code):
    """Each hour is as long open as the minutes of it that overlap a session."""
    calendar = get_calendar(code)
    start = START + pd.Timedelta(hours=hour)
    minutes = pd.Series(pd.date_range(start, periods=60, freq="min")).dt.as_unit("us")
    week = start - pd.Timedelta(days=7), start + pd.Timedelta(days=7)
    spans = zip(calendar.opens(*week), calendar.closes(*week), strict=True)
    inside = sum(((minutes >= opens) & (minutes < closes)).sum() for opens, closes in spans)
    assert calendar.open_hours_between(start, start + pd.Timedelta(hours=1)) == pytest.approx(inside / 60)


@settings(max_examples=60, deadline=None)
@given(
    code=st.sampled_from(["XNYS", "XTKS", "24/5", "24/7"]),
    pairs=st.lists(st.tuples(st.integers(0, 86_400 * 90), st.integers(0, 86_400 * 30)), min_size=1, max_size=5),
)
def test_hours_of_many_moments_are_those_of_each(code, pairs):
    starts = [START + pd.Timedelta(seconds=first) for first, _ in pairs]
    ends = [start + pd.Timedelta(seconds=more) for start, (_, more) in zip(starts, pairs, strict=True)]
    time = get_calendar(code).open_time(min(starts), max(ends))
    ticks = [pd.DatetimeIndex(moments).as_unit("us").asi8 for moments in (starts, ends)]
    each = [get_calendar(code).open_hours_between(*pair) for pair in zip(starts, ends, strict=True)]
    assert time.hours(*ticks) == pytest.approx(each, abs=1e-6)
    assert (time.hours(*ticks[::-1]) == 0).all()


@pytest.mark.parametrize(
    ("code", "hours", "longest"),
    [
        ("24/7", 2.0, "2h"),
        ("24/5", 2.0, "50h"),  # over a week-end
        ("XNYS", 13.0, "4 days 0h"),  # two sessions from Friday's close on; the first Monday is a holiday
    ],
)
def test_the_longest_time_of_the_clock(code, hours, longest):
    time = get_calendar(code).open_time(pd.Timestamp("2024-01-08T12:00Z"), pd.Timestamp("2024-01-26T12:00Z"))
    found = time.longest(hours)
    assert found == pd.Timedelta(longest) + (pd.Timedelta("1 days") if code == "XNYS" else pd.Timedelta(0))
