"""How often somebody may ask: the same as `limits` says, and never more than is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from finq_predictor.serving import rates
from finq_predictor.serving.errors import TooManyError
from finq_predictor.serving.limits_of_callers import Rates
from finq_predictor.serving.rates import Rate, Taken

STEPS = st.lists(st.floats(0, 45, allow_nan=False).map(lambda step: round(step, 3)), min_size=1, max_size=80)


def allowed(rate: Rate, name: str = "desk") -> bool:
    try:
        rate.take(name)
    except TooManyError:
        return False
    return True


@given(most=st.integers(1, 12), steps=STEPS)
def test_it_lets_in_whom_limits_lets_in(most, steps):
    from unittest.mock import patch

    now = [1_700_000_040.0]
    rate = Rate(most, 60, "requests", clock=lambda: now[0])
    theirs = SlidingWindowCounterRateLimiter(MemoryStorage())
    with patch("time.time", lambda: now[0]):
        for step in steps:
            now[0] = round(now[0] + step, 3)
            assert allowed(rate) == theirs.hit(RateLimitItemPerMinute(most), "desk"), now[0]


@given(most=st.integers(1, 20), steps=STEPS)
def test_whoever_waits_as_told_is_let_in(most, steps):
    now = [0.0]
    rate = Rate(most, 60, "requests", clock=lambda: now[0])
    for step in steps:
        now[0] += step / 20
        try:
            taken = rate.take("desk")
            assert 0 <= taken.left < most
            assert 1 <= taken.reset <= 60
        except TooManyError as refused:
            assert rate.is_full("desk")
            now[0] += int(refused.headers["Retry-After"])
            rate.take("desk")


def test_one_does_not_use_up_what_is_anothers():
    rate = Rate(3, 60, "requests", clock=lambda: 0.0)
    assert [allowed(rate, "a") for _ in range(5)] == [True, True, True, False, False]
    assert allowed(rate, "b")


def test_names_are_forgotten_and_their_number_is_bounded(monkeypatch):
    monkeypatch.setattr(rates, "_MOST_NAMES", 100)
    now = [0.0]
    rate = Rate(1, 60, "requests", clock=lambda: now[0])
    for number in range(1_000):
        rate.take(f"name {number}")
        assert len(rate._counts) <= 100
    now[0] = 600.0
    for number in range(101):
        rate.take(f"later {number}")
    assert all(name.startswith("later") for name in rate._counts)


def test_the_limit_of_all_is_not_used_up_by_one_who_is_refused():
    both = Rates(2, 4, clock=lambda: 0.0)
    for _ in range(2):
        both.take("greedy")
    for _ in range(10):
        with pytest.raises(TooManyError, match="2 requests of one caller in 60 seconds") as refused:
            both.take("greedy")
    assert refused.value.headers["Retry-After"] == "61"
    assert both.take("other") == Taken(2, 1, 60)
    both.take("third")
    with pytest.raises(TooManyError, match="4 requests of all callers"):
        both.take("fourth")


def test_no_limit_is_none():
    assert Rates(0, 0).take("desk") is None
    assert Rates(0, 5).take("desk").most == 5
    assert dict(Taken(5, 4, 60).headers())[b"ratelimit-remaining"] == b"4"


def test_what_was_counted_elsewhere_counts():
    rate = Rate(10, 60, "requests", clock=lambda: 30.0)
    rate.replace("desk", 8)
    assert rate.take("desk").left == 1
    assert allowed(rate)
    assert not allowed(rate)
