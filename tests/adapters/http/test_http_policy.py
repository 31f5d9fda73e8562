"""The rules under which a host is asked, for any library that asks."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_time import FakeTime
from finq_predictor.adapters.http import CallLog, Guard, HttpClient, Outcome, PassingError, Policy, Reply
from finq_predictor.adapters.http.hosts import BusyError
from finq_predictor.adapters.http.policy import retry_after
from finq_predictor.domain.errors import ConfigurationError, SourceAnswerError, SourceUnavailableError
from provider_server import failing, json_answer, silent, throttled

URL = "https://example.com/x"
GOOD = Reply(200, {}, 3, "yes")
BAD = Reply(500, {}, 0, "no")
ONCE = Policy(attempts=1, requests_per_minute=10_000)


def body(reply):
    return reply.body


def guard_of(clock, policy=ONCE, **options):
    return Guard("abc", policy, hosts=options.pop("hosts", None) or clock.hosts(), **options)


def fail(guard, times, answer=BAD, url=URL):
    for _ in range(times):
        with pytest.raises(SourceUnavailableError):
            guard.run("GET", url, lambda: answer, body)


@pytest.mark.parametrize("option", ["connect_seconds", "attempts", "requests_per_minute", "largest_body"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_a_policy_without_sense_is_refused(option, value):
    with pytest.raises(ConfigurationError, match=f"{option} is .* above 0"):
        Policy(**{option: value})


def test_the_first_wait_is_not_the_longest():
    with pytest.raises(ConfigurationError, match="Make the first one shorter"):
        Policy(first_wait_seconds=31)


NOW = datetime(2024, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "0"}, 0),
        ({"retry-after": " 120 "}, 120),
        ({"RETRY-AFTER": "-5"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": "9" * 400}, 365 * 86400),
        ({"Retry-After": "Fri, 01 Mar 2024 00:02:00 GMT"}, 120),
        ({"Retry-After": "Thu, 29 Feb 2024 00:00:00 GMT"}, 0),
        ({"Retry-After": "Fri, 01 Mar 2024 00:02:00 GMT", "Date": "Fri, 01 Mar 2024 00:01:00 GMT"}, 60),
        ({"Retry-After": "Fri, 01 Mar 2024 00:02:00 -0000", "Date": "whenever"}, 120),
        ({"Retry-After": "Fri, 01 Mar 9999 00:02:00 GMT"}, 365 * 86400),
    ],
)
def test_how_long_a_provider_wants_to_be_left_alone(headers, seconds):
    assert retry_after(headers, NOW) == seconds


@given(st.text(), st.text())
def test_whatever_a_header_says_is_a_wait_or_none(asked, date):
    wait = retry_after({"Retry-After": asked, "Date": date}, NOW)
    assert wait is None or 0 <= wait <= 365 * 86400


def test_waits_grow_and_are_drawn_from_nothing_to_there():
    policy = Policy(attempts=8, first_wait_seconds=1, longest_wait_seconds=20, failures_to_open=99)
    for chance in (1.0, 0.25, 0.0):
        clock = FakeTime(chance)
        fail(guard_of(clock, policy), 1)
        assert clock.slept == [chance * wait for wait in (1, 2, 4, 8, 16, 20, 20)]


def test_five_failures_open_the_breaker_and_a_minute_later_one_request_goes_through(clock):
    log = CallLog()
    guard = guard_of(clock, record=log)
    sent = []

    def send():
        sent.append(1)
        return BAD

    for _ in range(5):
        with pytest.raises(SourceUnavailableError):
            guard.run("GET", URL, send, body)
    for _ in range(3):
        with pytest.raises(SourceUnavailableError, match=r"was not asked .*failed 5 times.* Come back in 60 s"):
            guard.run("GET", URL, send, body)
    assert len(sent) == 5
    clock.seconds += 59.9
    fail(guard, 1)
    clock.seconds += 0.1
    with pytest.raises(SourceUnavailableError, match=r"HTTP status 500; example.com failed 5 times in a row"):
        guard.run("GET", URL, send, body)
    assert len(sent) == 6, "the trial failed, and the breaker is open for another minute"
    fail(guard, 1)
    assert len(sent) == 6
    clock.seconds += 60
    assert guard.run("GET", URL, lambda: GOOD, body) == "yes"
    fail(guard, 4)
    assert guard.run("GET", URL, lambda: GOOD, body) == "yes", "four failures after a success do not open it"
    assert [call.outcome for call in log.calls].count(Outcome.NOT_SENT) == 5


def test_the_breaker_ends_the_retries_of_a_request(clock, provider):
    provider.always("/", failing())
    policy = Policy(attempts=9, requests_per_minute=1000)
    with (
        HttpClient("abc", provider.url, policy, hosts=clock.hosts()) as client,
        pytest.raises(SourceUnavailableError, match=r"in 5 attempts.*left alone now.*Come back in 60 s"),
    ):
        client.get_json()
    assert provider.count() == 5
    assert clock.slept == [1, 2, 4, 8], "nobody waits for what will not be sent"


def test_one_trial_goes_through_under_eight_threads(clock):
    guard = guard_of(clock)
    fail(guard, 5)
    clock.seconds += 60
    running, all_here, sent = threading.Event(), threading.Barrier(8), []

    def trial():
        sent.append(1)
        assert running.wait(5)
        return GOOD

    def ask(_):
        all_here.wait(5)
        try:
            return guard.run("GET", URL, trial, body)
        except SourceUnavailableError as error:
            refused.append(str(error))
            if len(refused) == 7:
                running.set()
            return None

    refused: list[str] = []
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert len(sent) == 1
    assert sorted(map(str, answers)) == ["None"] * 7 + ["yes"]
    assert all("was not asked" in text for text in refused)
    assert guard.run("GET", URL, lambda: GOOD, body) == "yes"


def test_requests_to_one_host_do_not_wait_for_each_other(clock):
    """The library's own `call` holds a lock while a request is on its way."""
    guard, together = guard_of(clock), threading.Barrier(4)

    def send():
        together.wait(5)
        return GOOD

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: guard.run("GET", URL, send, body), range(4))) == ["yes"] * 4


def test_what_a_host_says_about_a_request_does_not_open_the_breaker(clock):
    guard = guard_of(clock)
    fail(guard, 20, Reply(429, {}, 0, ""))
    for _ in range(20):
        assert guard.run("GET", URL, lambda: Reply(404, {}, 0, "none"), body) == "none"

    def unreadable(reply):
        raise SourceAnswerError("no")

    for _ in range(20):
        with pytest.raises(SourceAnswerError):
            guard.run("GET", URL, lambda: GOOD, unreadable)
    assert guard.run("GET", URL, lambda: GOOD, body) == "yes"


def test_a_mistake_of_ours_goes_through_as_it_is_and_is_noted(clock):
    log = CallLog()
    with pytest.raises(ZeroDivisionError):
        guard_of(clock, record=log).run("GET", URL, lambda: 1 / 0, body)
    assert [call.outcome for call in log.calls] == [Outcome.UNREADABLE]


def test_a_host_is_ill_for_all_who_ask_it_and_others_are_not(clock):
    hosts = clock.hosts()
    fail(guard_of(clock, hosts=hosts), 5)
    other = Guard("def", ONCE, hosts=hosts)
    with pytest.raises(SourceUnavailableError, match="def was not asked"):
        other.run("GET", "https://EXAMPLE.com/y", lambda: GOOD, body)
    with pytest.raises(SourceUnavailableError):
        other.run("GET", "https://example.com:443/y", lambda: GOOD, body)
    assert other.run("GET", "https://example.org/", lambda: GOOD, body) == "yes"
    assert other.run("GET", "https://example.com:8443/", lambda: GOOD, body) == "yes"


def test_errors_of_another_library_are_retried(clock):
    """As of a session of curl_cffi, whose errors are `OSError`."""
    log, left = CallLog(), [ConnectionResetError("gone"), TimeoutError("slow")]

    def send():
        if left:
            raise left.pop(0)
        return GOOD

    policy = Policy(attempts=3)
    assert guard_of(clock, policy, record=log).run("POST", URL, send, body) == "yes"
    assert [(call.outcome, call.method) for call in log.calls] == [
        ("unreachable", "POST"),
        ("timed out", "POST"),
        ("ok", "POST"),
    ]


def test_the_errors_of_curl_cffi_are_those_of_the_system():
    exceptions = pytest.importorskip("curl_cffi.requests.exceptions")
    assert issubclass(exceptions.RequestException, OSError)


def test_a_session_of_curl_cffi_keeps_the_same_rules(clock, provider):
    """As yfinance brings one."""
    requests = pytest.importorskip("curl_cffi.requests")
    provider.queue("/x", failing(503), throttled(9), silent(), json_answer([1]))
    provider.queue("/x", json_answer("none", 404))
    log, policy = CallLog(), Policy(attempts=5)
    guard, url = guard_of(clock, policy, record=log), f"{provider.url}/x"
    # It is silent once.
    seconds = iter([10, 10, 0.2, 10, 10])
    with requests.Session() as session:

        def send():
            answer = session.request("GET", url, timeout=next(seconds))
            return Reply(answer.status_code, answer.headers, len(answer.content), answer)

        assert guard.run("GET", url, send, body).json() == [1]
        assert guard.run("GET", url, send, body).status_code == 404
    assert [call.outcome for call in log.calls][:3] == ["failed", "throttled", "timed out"]
    assert [call.status for call in log.calls] == [503, 429, None, 200, 404]
    assert clock.slept == [1, 9, 4]


def test_a_minute_sees_no_more_requests_than_allowed(clock):
    guard = guard_of(clock, Policy(attempts=1, requests_per_minute=5))
    times = []
    for _ in range(12):
        guard.run("GET", URL, lambda: times.append(clock.seconds) or GOOD, body)
    assert times[4] == times[0]
    for first, sixth in zip(times, times[5:], strict=False):
        assert 60 <= sixth - first < 60.1


def test_the_stricter_of_two_policies_counts(clock):
    hosts = clock.hosts()
    loose = guard_of(clock, Policy(attempts=1, requests_per_minute=100, failures_to_open=9), hosts=hosts)
    strict = guard_of(clock, Policy(attempts=1, requests_per_minute=2, failures_to_open=2), hosts=hosts)
    for guard in (loose, strict, loose):
        guard.run("GET", URL, lambda: GOOD, body)
    assert sum(clock.slept) >= 60
    fail(loose, 2)
    with pytest.raises(SourceUnavailableError, match="failed 2 times in a row"):
        loose.run("GET", URL, lambda: GOOD, body)


def test_a_turn_that_is_too_far_away_is_an_error(clock):
    log = CallLog()
    guard = guard_of(clock, Policy(requests_per_minute=1, longest_retry_after_seconds=10), record=log)
    guard.run("GET", URL, lambda: GOOD, body)
    with pytest.raises(SourceUnavailableError, match=r"1 times a minute.*Come back in 60 s") as raised:
        guard.run("GET", URL, lambda: GOOD, body)
    assert raised.value.come_back is not None
    assert [call.outcome for call in log.calls] == ["ok", "not sent"]
    assert clock.slept == []


def test_a_turn_that_others_take_again_and_again_is_given_up(clock):
    sleep = clock.sleep
    clock.sleep = lambda seconds: (sleep(seconds), host.hold_off(60))
    host = clock.hosts().of(URL, Policy())
    host.hold_off(60)
    with pytest.raises(BusyError, match="left alone"):
        host.wait_for_turn(120)
    assert clock.slept == [60, 60]


def test_the_limit_holds_under_eight_threads(clock):
    guard = guard_of(clock, Policy(attempts=1, requests_per_minute=10, longest_retry_after_seconds=1))

    def ask(_):
        try:
            return guard.run("GET", URL, lambda: GOOD, body)
        except SourceUnavailableError:
            return "busy"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(80)))
    assert answers.count("yes") == 10


def test_a_wish_of_the_reader_is_followed(clock):
    left = [PassingError(Outcome.THROTTLED, "too many", retry_after=4)]

    def read(reply):
        if left:
            raise left.pop()
        return reply.body

    assert guard_of(clock, Policy()).run("GET", URL, lambda: GOOD, read) == "yes"
    assert clock.slept == [4]


def test_a_retry_is_in_the_log(clock, caplog):
    with caplog.at_level(logging.WARNING):
        fail(guard_of(clock, Policy(attempts=2)), 1)
    assert caplog.messages == ["abc: attempt 1 of GET https://example.com/x: HTTP status 500; the next one is in 1.0 s"]


def test_hosts_are_those_of_the_process_unless_others_are_given(provider):
    provider.always("/", json_answer(1))
    one, other = HttpClient("abc", provider.url), HttpClient("def", provider.url)
    with one, other:
        assert one.get_json() == other.get_json() == 1
        assert one._guard.hosts is other._guard.hosts
