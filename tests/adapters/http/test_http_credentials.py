"""No key is shown anywhere, whatever goes wrong."""

from __future__ import annotations

import base64
import copy
import html
import json
import logging
import pickle
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from fake_time import FakeTime
from finq_predictor.adapters.http import (
    CallLog,
    HttpClient,
    Key,
    Outcome,
    Policy,
    Redactor,
    Secret,
    refuse_keys,
    secret_of,
)
from finq_predictor.adapters.http.addresses import proxy_of
from finq_predictor.adapters.secrets import HIDDEN
from finq_predictor.domain.errors import ConfigurationError, FinqError
from provider_server import (
    Answer,
    chunk_aborted,
    cut_off,
    denied,
    failing,
    gzip_broken,
    json_answer,
    moved,
    reset,
    text_answer,
    throttled,
)

PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=4, max_size=30)
VALUES = PRINTABLE.filter(lambda text: len(text.strip()) >= 4 and text.strip() not in HIDDEN).map(str.strip)


def test_a_secret_shows_itself_nowhere():
    secret = Secret("hunter22")
    for shown in (
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>40}",
        "".join(map(str, [secret])),
        repr([secret]),
        repr({1: secret}),
    ):
        assert "hunter22" not in shown
    assert json.dumps({"a": secret}, default=str) == '{"a": "<redacted>"}'
    with pytest.raises(TypeError):
        json.dumps(secret)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="not written anywhere"):
            pickle.dumps(secret, protocol)
    assert copy.deepcopy(secret) is copy.copy(secret) is secret
    assert not hasattr(secret, "__dict__")
    assert secret.reveal() == "hunter22"
    assert secret == Secret(" hunter22\n")
    assert secret != "hunter22"
    assert len({secret, Secret("hunter22"), Secret("hunter23")}) == 2
    assert "hunter22" not in repr(Key.bearer(secret))


@pytest.mark.parametrize("value", ["", "abc", " abc ", "abcd\nefgh", "abcdé", "abc\x00d"])
def test_what_cannot_be_a_key_is_refused_unseen(value):
    with pytest.raises(ConfigurationError, match="The key in FINQ_ABC_KEY") as raised:
        Secret(value, "FINQ_ABC_KEY")
    assert "abcd" not in str(raised.value)


def test_a_key_comes_from_the_environment_or_the_credentials():
    given = {"token": "from-file", "key": 12345}
    assert secret_of("oanda", "token", given, {"FINQ_OANDA_TOKEN": "from-env"}).reveal() == "from-env"
    assert secret_of("oanda", "token", given, {"FINQ_OANDA_TOKEN": ""}).reveal() == "from-file"
    assert secret_of("alpha_vantage", "key", given, {}).reveal() == "12345"
    assert secret_of("alpha-vantage", environment={"FINQ_ALPHA_VANTAGE_KEY": "from-env"}).reveal() == "from-env"


def test_a_key_comes_from_this_process(monkeypatch):
    monkeypatch.setenv("FINQ_OANDA_TOKEN", "from-env")
    assert secret_of("oanda", "token").reveal() == "from-env"


@pytest.mark.parametrize("given", [None, {}, {"key": None}, {"token": "abcd"}])
def test_a_key_that_is_nowhere_is_named(given):
    with pytest.raises(ConfigurationError, match="FINQ_NEWSAPI_KEY or the entry `newsapi: key:` of conf/local/cred"):
        secret_of("newsapi", "key", given, {})


@pytest.mark.parametrize(
    "options",
    [
        {"api_key": "abcd"},
        {"apikey": "abcd"},
        {"request": {"headers": {"Authorization": "abcd"}}},
        {"url": "https://example.com/?token=abcd"},
        {"urls": ["https://me:abcd@example.com/"]},
    ],
)
def test_a_key_in_a_catalog_is_refused_unseen(options):
    with pytest.raises(ConfigurationError, match="FINQ_ABC_KEY") as raised:
        refuse_keys("abc", options)
    assert next(iter(options)) in str(raised.value)
    assert "abcd" not in str(raised.value)


def test_other_options_are_fine():
    refuse_keys("abc", {"url": "https://example.com/?symbol=A", "api_key": None, "symbols": ["A"], "policy": {"a": 1}})


FORMS = {
    "plain": str,
    "quoted": lambda value: quote(value, safe=""),
    "quoted in part": quote,
    "quoted plus": quote_plus,
    "quoted twice": lambda value: quote(quote(value, safe=""), safe=""),
    "lower": lambda value: "".join(f"%{ord(letter):02x}" for letter in value),
    "json": lambda value: json.dumps(value)[1:-1],
    "repr": lambda value: repr(value)[1:-1],
    "html": html.escape,
    "basic": lambda value: base64.b64encode(f"user:{value}".encode()).decode(),
    "basic, longer": lambda value: base64.b64encode(f"a user:{value}".encode()).decode(),
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64 within": lambda value: base64.urlsafe_b64encode(f"xy{value}, and so on".encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=50, deadline=None)
@given(value=VALUES, before=st.text(max_size=5), after=st.text(max_size=5))
@example(value="a b/c+d%20&=\"'\\<>", before="", after="")
def test_a_secret_is_found_in_each_form(form, value, before, after):
    shown = Redactor([value])(f"{before} {FORMS[form](value)} {after}")
    assert value not in shown
    assert FORMS[form](value) not in shown


def test_what_is_not_secret_stays():
    redact = Redactor(["hunter22", "abc"])
    text = "GET https://example.com/abc?symbol=A&from=2024: HTTP status 500"
    assert redact(text) == text
    assert redact("hunter22 and https://h/?token=x&a=1") == "<redacted> and https://h/?token=<redacted>&a=1"
    assert "hunter22" not in repr(redact)


def test_no_half_of_a_secret_with_a_blank_stays():
    assert Redactor(["hunter of rabbits"])("https://h/?token=hunter of rabbits.") == "https://h/?token=<redacted>"


def test_a_secret_is_taken_out_before_a_text_is_cut():
    assert "hun" not in Redactor(["hunter22"]).short("x" * 295 + "hunter22")


def test_the_search_stays_quick():
    redact, began = Redactor(["hunter22" * 4]), time.perf_counter()
    redact("aHVudGVyMjJ" * 20_000)
    assert time.perf_counter() - began < 2.0


def test_headers_that_are_secret_by_their_name_are_hidden_whole():
    headers = {"Authorization": "Bearer x", "Set-Cookie": "a=b", "X-Api-Key": "c", "Via": "hunter22", "Date": "today"}
    hidden = dict.fromkeys(headers, HIDDEN) | {"Date": "today"}
    assert Redactor(["hunter22"]).headers(headers) == hidden


KEYS = {
    "bearer": Key.bearer,
    "basic": lambda secret: Key.basic("me", secret),
    "header": lambda secret: Key.in_header(secret, "X-Own"),
    "query": lambda secret: Key.in_query(secret, "who"),
}
FAULTS = {
    "good": lambda value: [json_answer(value)],
    "401": lambda value: [denied(401, f"bad key {value}")],
    "403 page": lambda value: [text_answer(f"<b>{html.escape(value)}</b>", 403, "text/html")],
    "404": lambda value: [json_answer({"detail": {"you sent": value}}, 404)],
    "429": lambda value: [throttled(1).with_headers(X_Echo=value), failing(429, value)],
    "500": lambda value: [failing(500, value), failing(503, quote(value))],
    "moved": lambda value: [moved(f"/?who={quote(value, safe='')}"), moved(f"https://example.com/{quote(value)}")],
    "moved away": lambda value: [moved(f"https://{quote(value, safe='')}.example.com/")],
    "page": lambda value: [text_answer(f"<html>{value}", content_type="text/html")],
    "no json": lambda value: [text_answer(f"x{value * 100}")],
    "cut off": lambda value: [cut_off(value.encode()), chunk_aborted(value.encode())],
    "packed": lambda value: [gzip_broken(), gzip_broken()],
    "unknown": lambda value: [Answer(headers={"Content-Encoding": value})],
    "reset": lambda value: [reset(), reset()],
    "bad heading": lambda value: [Answer(play=lambda handler, _: handler.wfile.write(f"{value}\r\n\r\n".encode()))] * 2,
}


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    def __enter__(self) -> list[str]:
        self.loggers = [logging.getLogger(name) for name in ("httpcore", "httpx", "finq_predictor.adapters.http")]
        self.levels = [logger.level for logger in self.loggers]
        for logger in self.loggers:
            logger.addHandler(self)
            logger.setLevel(logging.DEBUG)
        return self.lines

    def __exit__(self, *about: object) -> None:
        for logger, level in zip(self.loggers, self.levels, strict=True):
            logger.removeHandler(self)
            logger.setLevel(level)


def _chain(error: BaseException | None):
    while error is not None:
        yield from (str(error), repr(error.args))
        error = error.__cause__ or error.__context__


def _shown(server, value, answers, key):
    """All that can be seen of a client that asks, and whether it raised."""
    server.forget()
    server.queue("/", *answers)
    log, hosts = CallLog(), FakeTime().hosts()
    policy, found = Policy(attempts=2), []
    with _Lines() as lines, HttpClient("abc", server.url, policy, keys=[key], record=log, hosts=hosts) as client:
        try:
            client.get_json(query={"symbol": value})
        except FinqError as error:
            found.extend(_chain(error))
        found.append(repr(client))
    assert len(lines) > 5, "httpcore tells what it does"
    calls = [text for call in log.calls for text in (call.source, call.method, call.url, call.outcome)]
    return [*found, *lines, *calls, *log.frame()["url"]], len(found) > 1


@pytest.mark.parametrize("fault", FAULTS)
@settings(max_examples=15, deadline=None)
@given(value=VALUES, kind=st.sampled_from(sorted(KEYS)))
@example(value="a b/c+d%20&=\"'\\<>", kind="basic")
@example(value="s3cret-k3y-0123456789", kind="query")
def test_no_key_is_seen_whatever_goes_wrong(fault, value, kind, server):
    assume(not any(value in word for word in Outcome))
    shown, raised = _shown(server, value, FAULTS[fault](value), KEYS[kind](Secret(value)))
    assert raised == (fault != "good")
    forms = {FORMS[form](value) for form in ("plain", "quoted", "json")}
    if len(value) > 6:
        forms |= {base64.b64encode(f"me:{value}".encode()).decode()}
    leaks = [text for text in shown if any(form in text for form in forms)]
    assert not leaks


def test_a_client_that_is_closed_leaves_log_lines_alone(server):
    _shown(server, "hunter22", [json_answer(1)], Key.bearer(Secret("hunter22")))
    with _Lines() as lines:
        logging.getLogger("httpcore.http11").debug("%s", "hunter22")
    assert lines == ["hunter22"]


def test_a_proxy_is_the_one_of_the_environment(monkeypatch, server):
    import httpx

    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("https_proxy", server.url)
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "example.org")
    assert proxy_of(httpx.URL("https://example.com/")) == server.url
    assert proxy_of(httpx.URL("https://www.example.org/")) is None
    assert proxy_of(httpx.URL("http://127.0.0.1:1/")) is None
    hosts = FakeTime().hosts()
    with (
        HttpClient("abc", "https://example.com", Policy(attempts=1), hosts=hosts) as client,
        pytest.raises(FinqError, match="ProxyError: 501"),
    ):
        client.get_json()
