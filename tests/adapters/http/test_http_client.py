"""Whatever goes wrong between us and a provider ends in an answer or in an error that says what to do."""

from __future__ import annotations

import gzip
import io
import json
import random
import shutil
import ssl
import subprocess
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.adapters.http import CallLog, HttpClient, Key, Outcome, PassingError, Policy, Secret, deadlines
from finq_predictor.adapters.http.bodies import Body, whole
from finq_predictor.domain.errors import (
    ConfigurationError,
    FinqError,
    SourceAnswerError,
    SourceError,
    SourceRefusedError,
    SourceUnavailableError,
)
from provider_server import (
    Answer,
    ProviderServer,
    chunk_aborted,
    cut_off,
    denied,
    dripping,
    dripping_headers,
    empty,
    failing,
    gzip_bomb,
    gzip_broken,
    gzip_cut_off,
    html,
    json_answer,
    moved,
    packed,
    reset,
    silent,
    skewed,
    text_answer,
    throttled,
)

QUICK = Policy(attempts=3, largest_body=1 << 20, requests_per_minute=10_000)
GOOD = json_answer({"a": 1})
SECRET = Secret("s3cret-k3y", "FINQ_ABC_KEY")


@pytest.fixture
def ask(provider, clock):
    """Make a client of the provider; its calls are in `ask.log`."""

    class Ask:
        def __init__(self) -> None:
            self.log, self.clients = CallLog(), []

        def __call__(self, policy: Policy = QUICK, **options) -> HttpClient:
            url = options.pop("base_url", provider.url)
            hosts = options.pop("hosts", None) or clock.hosts()
            client = HttpClient("abc", url, policy, record=self.log, hosts=hosts, **options)
            self.clients.append(client)
            return client

    made = Ask()
    yield made
    for client in made.clients:
        client.close()


def date_in(seconds: float, clock):
    return clock.start + timedelta(seconds=seconds)


# fault -> answers, error (None for an answer), words of its message, requests, outcomes, waits
MATRIX = {
    "good": ([GOOD], None, (), ["ok"], []),
    "packed": ([packed(GOOD)], None, (), ["ok"], []),
    "429 in seconds": ([throttled(7), GOOD], None, (), ["throttled", "ok"], [7]),
    "429 without": ([throttled(), throttled(), GOOD], None, (), ["throttled", "throttled", "ok"], [1, 2]),
    "429 nonsense": ([throttled("soon"), GOOD], None, (), ["throttled", "ok"], [1]),
    "429 endless digits": (
        [throttled("9" * 5000)],
        SourceUnavailableError,
        ("429", "too many requests", "Come back in 31,536,000 s, at 2025-03-01"),
        ["throttled"],
        [],
    ),
    "429 too long": (
        [throttled(3600)],
        SourceUnavailableError,
        ("429", "Come back in 3,600 s, at 2024-03-01 01:00:00 UTC", "another source"),
        ["throttled"],
        [],
    ),
    "429 for ever": (
        [throttled(1)] * 3,
        SourceUnavailableError,
        ("in 3 attempts", "429"),
        ["throttled"] * 3,
        [1, 2],
    ),
    "500 once": ([failing(500), GOOD], None, (), ["failed", "ok"], [1]),
    "500 twice": ([failing(500), failing(502), GOOD], None, (), ["failed", "failed", "ok"], [1, 2]),
    "503 for ever": (
        [failing(503, "back at nine")] * 3,
        SourceUnavailableError,
        ("in 3 attempts", "HTTP status 503, back at nine", "another source"),
        ["failed"] * 3,
        [1, 2],
    ),
    "503 in an unknown packing": (
        [Answer(503, b"x", {"Content-Encoding": "br"}), GOOD],
        None,
        (),
        ["failed", "ok"],
        [1],
    ),
    "500 larger than allowed": ([Answer(500, b"x" * (3 << 20)), GOOD], None, (), ["failed", "ok"], [1]),
    "500 cut off": (
        [replace(cut_off(b"oh"), status=500)] * 3,
        SourceUnavailableError,
        ("500, oh",),
        ["failed"] * 3,
        [1, 2],
    ),
    "503 come back": ([failing(503, retry_after=5), GOOD], None, (), ["failed", "ok"], [5]),
    "408": ([failing(408), GOOD], None, (), ["timed out", "ok"], [1]),
    "reset once": ([reset(), GOOD], None, (), ["unreachable", "ok"], [1]),
    "reset for ever": (
        [reset()] * 3,
        SourceUnavailableError,
        ("abc did not answer GET http", "in 3 attempts", "no answer"),
        ["unreachable"] * 3,
        [1, 2],
    ),
    "cut off once": ([cut_off(), GOOD], None, (), ["cut off", "ok"], [1]),
    "cut off for ever": (
        [cut_off()] * 3,
        SourceAnswerError,
        ("cut off", "received 8 bytes, expected 1000", "in 3 attempts", "Nothing of it was used"),
        ["cut off"] * 3,
        [1, 2],
    ),
    "chunk aborted": ([chunk_aborted(), GOOD], None, (), ["cut off", "ok"], [1]),
    "gzip cut off": ([gzip_cut_off(), GOOD], None, (), ["cut off", "ok"], [1]),
    "gzip broken": ([gzip_broken()] * 3, SourceAnswerError, ("cannot be unpacked",), ["cut off"] * 3, [1, 2]),
    "gzip bomb": (
        [gzip_bomb()],
        SourceAnswerError,
        ("more than 1,048,576 bytes came out of it", "shorter time"),
        ["unreadable"],
        [],
    ),
    "unknown packing": (
        [Answer(body=b"x", headers={"Content-Encoding": "br"})],
        SourceAnswerError,
        ("packed as 'br'",),
        ["unreadable"],
        [],
    ),
    "page": ([html()], SourceAnswerError, ("page", "Sign in", "open the address in a browser"), ["unreadable"], []),
    "page that says JSON": (
        [Answer(body=b" <!doctype html>", headers={"Content-Type": "application/json"})],
        SourceAnswerError,
        ("page",),
        ["unreadable"],
        [],
    ),
    "empty": ([empty()], SourceAnswerError, ("is empty", "cannot be used"), ["unreadable"], []),
    "204": ([Answer(204, headers={"Content-Length": None})], SourceAnswerError, ("is empty",), ["unreadable"], []),
    "no JSON": ([text_answer("{'a': 1}")], SourceAnswerError, ("no JSON", "{'a': 1}"), ["unreadable"], []),
    "JSON in another charset": (
        [Answer(body='{"a": "é"}'.encode("latin-1"), headers={"Content-Type": "application/json; charset=latin-1"})],
        SourceAnswerError,
        ("no JSON", "UnicodeDecodeError"),
        ["unreadable"],
        [],
    ),
    "long nonsense": ([text_answer("no " * 9000)], SourceAnswerError, ("no JSON", " ..."), ["unreadable"], []),
    "deep JSON": ([text_answer("[" * 200_000)], SourceAnswerError, ("no JSON",), ["unreadable"], []),
    "401": (
        [denied()],
        SourceRefusedError,
        ("401", "invalid key", "FINQ_ABC_KEY", "credentials.yml"),
        ["refused"],
        [],
    ),
    "403": ([denied(403, "not in your plan")], SourceRefusedError, ("403", "not in your plan"), ["refused"], []),
    "404": (
        [json_answer({"error": {"message": "no such symbol"}}, 404)],
        SourceError,
        ("404, no such symbol", "Look at the symbol"),
        ["refused"],
        [],
    ),
    "422": ([text_answer("x" * 5000, 422)], SourceError, ("422, " + "x" * 300 + " ...",), ["refused"], []),
    "404 without a word": ([Answer(404)], SourceError, ("404, without a word",), ["refused"], []),
    "304": ([Answer(304, headers={"Content-Length": None})], SourceAnswerError, ("304",), ["unreadable"], []),
    "nowhere": ([Answer(302)], SourceAnswerError, ("redirect to nowhere",), ["unreadable"], []),
    "downgrade": (
        [moved("http://example.com/x")],
        SourceAnswerError,
        ("redirect to http://example.com/x", "read along"),
        ["unreadable"],
        [],
    ),
    "moved here": ([moved("/prices?b=2"), GOOD], None, (), ["moved", "ok"], []),
    "circle": ([moved("/prices")] * 6, SourceAnswerError, ("from one address to the next",), ["moved"] * 6, []),
}


@pytest.mark.parametrize("fault", MATRIX)
def test_a_fault_ends_in_an_answer_or_an_error(fault, ask, provider, clock):
    answers, error, words, outcomes, waits = MATRIX[fault]
    provider.queue("/prices", *answers)
    if error is None:
        assert ask().get_json("prices") == {"a": 1}
    else:
        with pytest.raises(error) as raised:
            ask().get_json("prices")
        assert type(raised.value) is error
        assert not [word for word in words if word not in str(raised.value)], str(raised.value)
        assert raised.value.__context__ is None
        assert len(str(raised.value)) < 900, "a message shows the beginning of what came"
    assert provider.count() == len(outcomes)
    assert [call.outcome for call in ask.log.calls] == outcomes
    assert clock.slept == waits
    assert [call.wait_seconds for call in ask.log.calls if call.wait_seconds is not None] == waits
    assert [call.attempt for call in ask.log.calls] == (
        [1] * len(outcomes) if outcomes[0] == "moved" else list(range(1, len(outcomes) + 1))
    )


@pytest.mark.parametrize("slow", [dripping(b"x" * 1000), dripping_headers(), silent()])
def test_a_server_that_drips_is_cut_off(slow, ask, provider):
    provider.queue("/", slow)
    began = time.monotonic()
    with pytest.raises(SourceUnavailableError, match=r"in 1 attempt: .*time"):
        ask(Policy(total_seconds=0.15, read_seconds=5, attempts=1)).get_json()
    assert 0.1 < time.monotonic() - began < 4.0
    assert ask.log.calls[0].outcome is Outcome.TIMED_OUT


@pytest.fixture
def tls(tmp_path, monkeypatch):
    """A certificate for this machine, which the client trusts."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("openssl is not here; install it with: apt-get install -y openssl")
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "2"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key", "-out", tmp_path / "certificate"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate"))
    deadlines._tls.cache_clear()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
    yield context
    deadlines._tls.cache_clear()


def test_over_tls_it_is_the_same(tls, ask, provider):
    with ProviderServer(tls) as safe:
        safe.queue("/", GOOD, moved(f"{provider.url}/x"), dripping(b"x" * 1000))
        client = ask(base_url=safe.url)
        assert client.get_json() == {"a": 1}
        with pytest.raises(SourceAnswerError, match="where others can read along"):
            client.get_json()
        assert provider.count() == 0
        with pytest.raises(SourceUnavailableError, match="in time"):
            ask(Policy(total_seconds=0.2, attempts=1), base_url=safe.url).get_json()


def test_a_server_whose_certificate_nobody_signed_is_not_talked_to(tls, ask, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    deadlines._tls.cache_clear()
    with (
        ProviderServer(tls) as unknown,
        pytest.raises(SourceUnavailableError, match="certificate verify failed"),
    ):
        ask(base_url=unknown.url).get_json()
    assert unknown.count() == 0


def test_nobody_there(ask):
    with ProviderServer() as gone:
        url = gone.url
    with pytest.raises(SourceUnavailableError, match="in 3 attempts: no answer"):
        ask(base_url=url).get_json()
    assert [call.status for call in ask.log.calls] == [None] * 3


@pytest.mark.parametrize("skew", [-86_400, 0, 86_400])
def test_a_date_is_measured_by_the_clock_of_the_server(skew, ask, provider, clock):
    then = clock.start + timedelta(seconds=skew)
    stamp = then.strftime("%a, %d %b %Y %H:%M:%S GMT")
    provider.queue("/", throttled(then + timedelta(seconds=9)).with_headers(Date=stamp), GOOD)
    assert ask().get_json() == {"a": 1}
    assert clock.slept == [9]


def test_without_the_time_of_the_server_ours_has_to_do(ask, provider, clock):
    provider.queue("/", throttled(date_in(9, clock)).with_headers(Date=None), GOOD, throttled(date_in(-9, clock)), GOOD)
    client = ask()
    client.get_json()
    assert clock.slept == [9]
    assert client.get_json() == {"a": 1}


def test_a_skewed_clock_alone_does_no_harm(ask, provider):
    provider.queue("/", skewed(GOOD, timedelta(days=-400)))
    assert ask().get_json() == {"a": 1}


def test_nobody_else_asks_a_host_that_wants_to_be_left_alone(ask, provider, clock):
    hosts = clock.hosts()
    provider.queue("/", throttled(3600))
    with pytest.raises(SourceUnavailableError):
        ask(hosts=hosts).get_json()
    with pytest.raises(
        SourceUnavailableError, match=r"was not asked.*wants to be left alone.*Come back in 3,600 s"
    ) as raised:
        ask(hosts=hosts).get_json("other")
    assert raised.value.come_back == clock.start + timedelta(hours=1)
    assert provider.count() == 1
    assert ask.log.calls[-1].outcome is Outcome.NOT_SENT
    clock.seconds += 3600
    provider.queue("/", GOOD)
    assert ask(hosts=hosts).get_json() == {"a": 1}


def test_a_key_goes_to_its_own_host_only(ask, provider):
    with ProviderServer() as other:
        provider.queue("/", moved(f"{other.url}/x"))
        with pytest.raises(SourceAnswerError, match=f"redirect to another host, {other.host}.*not to see the key"):
            ask(keys=[Key.bearer(SECRET)]).get_json()
        assert other.count() == 0
        provider.queue("/", moved(f"{other.url}/x"))
        other.queue("/x", GOOD)
        assert ask().get_json() == {"a": 1}
        assert "authorization" not in other.requests[0].headers


def test_a_redirect_brings_no_user_along(ask, provider):
    provider.queue("/", moved(f"http://me:pass@{provider.host}/x"))
    provider.queue("/x", GOOD)
    assert ask().get_json() == {"a": 1}
    assert "authorization" not in provider.requests[1].headers
    assert [call.url for call in ask.log.calls] == [f"{provider.url}/", f"{provider.url}/x"]


@pytest.mark.parametrize(
    ("key", "header", "query"),
    [
        (Key.bearer(SECRET), {"authorization": "Bearer s3cret-k3y"}, {}),
        (Key.basic("me", SECRET), {"authorization": "Basic bWU6czNjcmV0LWszeQ=="}, {}),
        (Key.in_header(SECRET, "X-Api-Key"), {"x-api-key": "s3cret-k3y"}, {}),
        (Key.in_query(SECRET, "apikey"), {}, {"apikey": "s3cret-k3y"}),
    ],
)
def test_a_key_is_shown_to_the_provider_as_it_wants(key, header, query, ask, provider):
    provider.queue("/v3/prices", moved("/v3/other"))
    provider.queue("/v3/other", GOOD)
    ask(base_url=f"{provider.url}/v3", keys=[key]).get_json("prices", {"a": "b c", "none": None})
    for asked, own in zip(provider.requests, ({"a": "b c"}, {}), strict=True):
        assert asked.query == {**own, **query}
        assert header.items() <= asked.headers.items()
    assert "s3cret" not in repr(ask.log.calls)


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com",
        "ftp://example.com",
        "example.com",
        "",
        "https://",
        "http://127.0.0.1.example.com",
        "https://host:port",
    ],
)
def test_an_address_is_safe(address):
    with pytest.raises(ConfigurationError, match="expected https"):
        HttpClient("abc", address)


@pytest.mark.parametrize("address", ["https://me:s3cret@example.com", "https://example.com/?apikey=s3cret"])
def test_an_address_holds_no_key(address):
    with pytest.raises(ConfigurationError, match="FINQ_ABC_KEY") as raised:
        HttpClient("abc", address)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("path", ["//evil.example/x", "../x", "x?y=1", "http://evil.example/", "@evil.example", "x#y"])
def test_a_path_stays_at_its_host(path, ask, provider):
    with pytest.raises(SourceError, match="404"):
        ask(base_url=f"{provider.url}/v3").get_json(path)
    assert provider.count() == 1


def test_a_symbol_in_a_path_is_quoted(ask, provider):
    provider.queue("/v3/%5EGSPC%20a/EURUSD=X", GOOD)
    assert ask(base_url=f"{provider.url}/v3/").get_json("^GSPC a/EURUSD=X") == {"a": 1}


def test_an_address_that_is_too_long_is_not_asked(ask, provider):
    with pytest.raises(SourceError, match="Ask for fewer symbols at a time"):
        ask().get_json(query={"symbols": "AAPL," * 20_000})
    assert provider.count() == 0


def test_without_its_libraries_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("finq_predictor.adapters.http.live.find_spec", lambda name: None if name == "httpx" else name)
    with pytest.raises(ConfigurationError, match=r"needs httpx, which .*\[live\]"):
        HttpClient("abc", "https://example.com")


def test_an_address_keeps_its_own_query(ask, provider):
    provider.queue("/feed", text_answer("<rss/>"))
    assert ask(base_url=f"{provider.url}/feed?s=AAPL").get_text(query={"n": 1}) == "<rss/>"
    assert provider.requests[0].query == {"s": "AAPL", "n": "1"}


@pytest.mark.parametrize(
    ("body", "charset", "text"),
    [
        ("é".encode(), "utf-8", "é"),
        ("é".encode("latin-1"), "latin-1", "é"),
        (b"\xef\xbb\xbfa", "utf-8", "a"),
        ("é".encode("latin-1"), "utf-8", None),
        (b"a", "klingon", None),
    ],
)
def test_a_text_is_in_the_charset_it_says(body, charset, text, ask, provider):
    provider.queue("/", Answer(body=body, headers={"Content-Type": f'text/plain; Charset="{charset}"'}))
    if text is not None:
        assert ask().get_text() == text
        return
    with pytest.raises(SourceAnswerError, match=f"not in '{charset}' as it says"):
        ask().get_text()


def test_bytes_are_as_they_came(ask, provider):
    provider.queue("/", packed(Answer(body=b"\x00\xff")), empty())
    assert ask().get_bytes() == b"\x00\xff"
    with pytest.raises(SourceAnswerError, match="empty"):
        ask().get_bytes()


def test_gzip_in_several_parts_is_one_body(ask, provider):
    first, second = packed(Answer(body=b'{"a"')), packed(Answer(body=b": 1}"))
    provider.queue("/", Answer(body=first.body + second.body, headers=first.headers))
    assert ask().get_json() == {"a": 1}


@settings(deadline=None, max_examples=50)
@given(
    sizes=st.lists(st.integers(0, 300_000), min_size=1, max_size=3),
    piece=st.integers(1, 70_000),
    level=st.integers(0, 9),
    seed=st.integers(0, 3),
)
def test_what_is_packed_comes_out_as_it_was(sizes, piece, level, seed):
    parts = [random.Random(seed).randbytes(size) if seed else b"a" * size for size in sizes]
    content, kept = b"".join(gzip.compress(part, level) for part in parts), io.BytesIO()
    body = Body("gzip", Policy(), kept.write)
    whole((content[start : start + piece] for start in range(0, len(content), piece)), body)
    assert kept.getvalue() == b"".join(parts)
    assert (body.size, body.unpacked) == (len(content), sum(sizes))


def test_a_download_is_bounded_before_it_is_unpacked(ask, provider):
    provider.queue("/", Answer(body=b"1" * 5000))
    with pytest.raises(SourceAnswerError, match="more than 1,000 bytes came"):
        ask(Policy(largest_download=1000)).get_json()


def test_a_provider_may_say_too_many_with_status_200(ask, provider, clock):
    provider.queue("/", json_answer({"Note": "slow down"}), GOOD)

    def check(value):
        if "Note" in value:
            raise PassingError(Outcome.THROTTLED, value["Note"])

    assert ask().get_json(check=check) == {"a": 1}
    assert [(call.outcome, call.status) for call in ask.log.calls] == [("throttled", 200), ("ok", 200)]
    assert clock.slept == [1]


def test_a_refusal_with_status_200_names_where_the_key_belongs(ask):
    assert "FINQ_ABC_KEY" in str(ask(keys=[Key.bearer(SECRET)]).refusal("invalid API key"))
    assert "FINQ_ABC_KEY or the entry" in str(ask().refusal("register first"))


def test_a_denial_with_status_200_shows_no_key(ask):
    said = str(ask(keys=[Key.bearer(SECRET)]).denial(f"no such symbol for {SECRET.reveal()}"))
    assert "abc says no: no such symbol" in said
    assert SECRET.reveal() not in said


def test_lines_of_a_large_answer_stay_out_of_memory(ask, provider):
    line = json.dumps({"text": "x" * 990})
    content = packed(Answer(body="\n".join([line] * 40_000).encode()))
    begun = cut_off(content.body[:1000], announced=len(content.body)).with_headers(Content_Encoding="gzip")
    provider.queue("/", begun, content)
    client = ask(Policy(total_seconds=20, requests_per_minute=1000))
    tracemalloc.start()
    try:
        assert sum(len(one) == len(line) for one in client.stream_lines()) == 40_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 << 20, "40 MB of lines are not kept"
    assert [call.outcome for call in ask.log.calls] == ["cut off", "ok"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (html(), "page"),
        (empty(), "empty"),
        (Answer(body=b"x" * (2 << 20)), "longer than 1,048,576"),
        (Answer(body=b"a\n\xff\n"), "not in 'utf-8'"),
        (Answer(body=b"a", headers={"Content-Type": "text/csv; charset=klingon"}), "not in 'klingon'"),
    ],
)
def test_lines_that_cannot_be_read(answer, words, ask, provider):
    provider.queue("/", answer)
    with pytest.raises(SourceAnswerError, match=words):
        list(ask(Policy()).stream_lines())


def test_lines_of_an_attempt_that_was_cut_off_do_not_stay(ask, provider):
    provider.queue("/", cut_off(b"x\n" * 100), text_answer("a\n\nb"))
    assert list(ask().stream_lines()) == ["a", "", "b"]


def test_lines_that_nobody_takes_leave_nothing_open(ask, provider):
    provider.queue("/", text_answer("a\r\nb\n"))
    lines = ask().stream_lines()
    assert next(lines) == "a"
    lines.close()


def test_a_connection_is_used_again(ask, provider):
    provider.always("/", GOOD)
    client = ask()
    for _ in range(3):
        assert client.get_json() == {"a": 1}
    assert [call.status for call in ask.log.calls] == [200] * 3
    assert ask.log.calls[0].size == len(GOOD.body)


def test_eight_threads_share_a_client(ask, provider):
    provider.always("/", GOOD)
    client = ask()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: client.get_json(), range(80))) == [{"a": 1}] * 80
    assert ask.log.counts() == {("abc", "ok", "200"): 80}
    assert provider.count() == 80


def test_every_error_is_one_of_a_source():
    for error in (SourceUnavailableError, SourceRefusedError, SourceAnswerError):
        assert issubclass(error, SourceError)
        assert issubclass(error, FinqError)


def test_a_transport_can_be_given(clock):
    import httpx

    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={"host": request.url.host}))
    client = HttpClient("abc", "https://example.com", transport=transport, hosts=clock.hosts())
    assert client.get_json() == {"host": "example.com"}


def test_a_host_that_is_forgotten_is_taken_up_anew(clock):
    hosts, policy = clock.hosts(), Policy(requests_per_minute=10)
    host = hosts.of("http://127.0.0.1:8080/a", policy)
    host.hold_off(100.0)
    hosts.forget("127.0.0.1:8080")
    hosts.forget("127.0.0.1:8081")
    assert hosts.of("http://127.0.0.1:8080/b", policy) is not host
