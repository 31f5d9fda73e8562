"""Limits of several processes: together while Redis answers, each for itself while it does not."""

from __future__ import annotations

import pytest

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.serving.errors import TooManyError
from finq_predictor.serving.limits_of_callers import Rates
from finq_predictor.serving.rates import Rate
from finq_predictor.serving.shared_rates import SharedRates, share
from redis_server import free_port, running_redis


def taken(rate: Rate, times: int, name: str = "desk") -> int:
    """How many of some requests are let in."""
    count = 0
    for _ in range(times):
        try:
            rate.take(name)
            count += 1
        except TooManyError:
            pass
    return count


def two(url: str) -> list[tuple[Rate, SharedRates]]:
    made = []
    for _ in range(2):
        rate = Rate(10, 3600, "requests")
        made.append((rate, SharedRates(url, {"caller": rate})))
    return made


def test_two_processes_keep_one_limit(tmp_path):
    with running_redis(tmp_path) as url:
        (one, mine), (other, theirs) = two(url)
        assert taken(one, 6) == 6
        mine.exchange()
        assert taken(other, 1) == 1
        theirs.exchange()
        assert taken(other, 10) == 3, "six and four are ten"
        theirs.exchange()
        assert taken(one, 1) == 1, "not told yet"
        mine.exchange()
        assert taken(one, 5) == 0
        assert taken(one, 1, "another") == 1
        mine.exchange()
        assert taken(one, 5) == 0, "what was refused is not counted, and asked for again"


def test_without_redis_each_counts_for_itself_and_says_so(tmp_path, caplog):
    port = free_port()
    (one, mine), (other, theirs) = two(f"redis://:hidden-word@127.0.0.1:{port}/0")
    for rate, shared in ((one, mine), (other, theirs)):
        assert taken(rate, 20) == 10
        shared.exchange()
        shared.exchange()
        assert shared.away
        assert taken(rate, 20) == 0, "it goes on to count"
    assert caplog.text.count("each process counts requests for itself") == 2
    assert "hidden-word" not in caplog.text
    assert str(port) not in caplog.text
    with running_redis(tmp_path, port, "hidden-word"):
        taken(one, 1)
        mine.exchange()
        assert not mine.away
        assert "Redis answers again" in caplog.text


def test_the_address_is_a_secret_and_may_be_absent(monkeypatch):
    monkeypatch.delenv("FINQ_REDIS_URL", raising=False)
    assert share({"caller": Rate(1, 60, "requests")}) is None
    monkeypatch.setenv("FINQ_REDIS_URL", "nothing://user:hidden@host")
    assert share({}) is None, "nothing is limited"
    with pytest.raises(ConfigurationError, match="The address in FINQ_REDIS_URL is none") as refused:
        share({"caller": Rate(1, 60, "requests")})
    assert "hidden" not in str(refused.value)
    monkeypatch.setenv("FINQ_REDIS_URL", f"redis://127.0.0.1:{free_port()}")
    rates = Rates(5, 0)
    rates.start()
    assert rates.take("desk").left == 4
    rates.stop()
