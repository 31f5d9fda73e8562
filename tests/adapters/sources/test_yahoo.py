"""Yahoo through yfinance: complete sessions only, each once, and a clear word where Yahoo is not itself."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pandas as pd
import pytest

from catching_up_runs import FAST, kept
from finq_predictor.adapters.bronze.coverage import Coverage
from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.adapters.sources.protocol import WindowSource
from finq_predictor.adapters.sources.yahoo import YahooSource
from finq_predictor.domain.errors import (
    ConfigurationError,
    SourceAnswerError,
    SourceError,
    SourceUnavailableError,
)
from provider_server import Answer, cut_off, failing, html, json_answer, reset, throttled
from yahoo_replay import Listing, YahooReplay, path_of

SESSIONS = pd.bdate_range("2024-01-02", "2024-03-29", tz="America/New_York") + pd.Timedelta(hours=9.5)


def daily(level: float = 100.0, seed: int = 0) -> Listing:
    generator = np.random.default_rng(seed)
    close = level * np.exp(generator.normal(0, 0.01, len(SESSIONS)).cumsum())
    bars = pd.DataFrame(
        {
            "open": close,
            "high": close * 1.01,
            "low": close * 0.99,
            "close": close,
            "adj_close": close * 0.9,
            "volume": 1000,
        },
        index=SESSIONS.tz_convert("UTC"),
    )
    return Listing(bars)


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="America/New_York").tz_convert("UTC")


@pytest.fixture(autouse=True)
def _yfinance_alone(tmp_path, monkeypatch):
    """What yfinance remembers of symbols and answers is that of this test."""
    yfinance = pytest.importorskip("yfinance")
    yfinance.set_tz_cache_location(str(tmp_path / "yfinance"))


@pytest.fixture
def provider():
    with YahooReplay({"AAA": daily(), "BRK-B": daily(300.0, 1)}, at("2024-02-01 12:00")) as server:
        yield server


def source(provider: YahooReplay, *names: str, **changes) -> YahooSource:
    return YahooSource(names or ("AAA", "BRK.B"), **{"base_url": provider.url, "policy": FAST, **changes})


keep = partial(kept, since="2024-01-01", again="2D")


def test_the_running_session_is_left_out_until_it_is_over(provider, tmp_path):
    store = BronzeStore(tmp_path / "bronze")
    assert isinstance(source(provider), WindowSource)
    assert keep(store, source(provider), provider.now) == 2 * 22
    assert store.all()["date"].max() == "2024-01-31"
    provider.now = at("2024-02-01 16:05")
    assert keep(store, source(provider), provider.now) == 0
    provider.now = at("2024-02-01 16:20")
    assert keep(store, source(provider), provider.now) == 2
    provider.now = at("2024-02-05 12:00")
    assert keep(store, source(provider), provider.now) == 2
    rows = store.all()
    assert not rows.duplicated(["instrument", "date"]).any()
    expected = [f"{day:%Y-%m-%d}" for day in SESSIONS if day < pd.Timestamp("2024-02-03", tz="America/New_York")]
    assert rows.loc[rows["instrument"] == "BRK.B", "date"].tolist() == expected
    assert rows["currency"].unique().tolist() == ["USD"]


def test_the_next_session_is_one_request_a_symbol(provider, tmp_path):
    store = BronzeStore(tmp_path / "bronze")
    keep(store, source(provider), provider.now)
    provider.requests.clear()
    provider.now = at("2024-02-02 17:00")
    assert keep(store, source(provider), provider.now) == 4
    assert len(provider.prices_asked()) == 2
    assert {asked.query["period1"] for asked in provider.prices_asked()} != {"1704067200"}


def test_every_session_comes_whatever_the_hours_of_the_runs(provider, tmp_path):
    store, generator = BronzeStore(tmp_path / "bronze"), np.random.default_rng(3)
    moment = at("2024-01-03 03:00")
    while moment < at("2024-03-20"):
        provider.now = moment
        keep(store, source(provider, "AAA"), moment)
        moment += pd.Timedelta(hours=float(generator.uniform(2, 90)))
    held = store.all()["date"].tolist()
    assert held == sorted(set(held))
    ended = [day for day in SESSIONS if day + pd.Timedelta(hours=6.75) <= provider.now]
    assert len(ended) > 50
    assert held == [f"{day:%Y-%m-%d}" for day in ended]


def test_dividends_and_splits_come_with_their_session(provider, tmp_path):
    listing = provider.listings["AAA"]
    listing.dividends = {SESSIONS[5].tz_convert("UTC"): 0.25}
    listing.splits = {SESSIONS[9].tz_convert("UTC"): 4.0}
    store = BronzeStore(tmp_path / "bronze")
    keep(store, source(provider, "AAA"), provider.now)
    rows = store.all().set_index("date")
    assert rows.loc[f"{SESSIONS[5]:%Y-%m-%d}", "dividend"] == 0.25
    assert rows.loc[f"{SESSIONS[9]:%Y-%m-%d}", "split"] == 4.0
    assert (rows["dividend"] != 0).sum() == (rows["split"] != 0).sum() == 1
    np.testing.assert_allclose(rows["provider_adj_close"], rows["close"] * 0.9)


def test_hours_of_a_pair_are_told_by_their_begin_in_utc(tmp_path):
    hours = pd.date_range("2024-01-02", "2024-01-05 12:00", freq="h", tz="UTC")
    price = np.linspace(1.1, 1.2, len(hours))
    bars = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "adj_close"), price), index=hours).assign(
        volume=0
    )
    listing = Listing(bars, kind="CURRENCY", zone="Europe/London")
    with YahooReplay({"EURUSD=X": listing}, pd.Timestamp("2024-01-05 11:20", tz="UTC")) as provider:
        pairs = YahooSource({"EUR_USD": "EURUSD=X"}, bar_minutes=60, base_url=provider.url, policy=FAST)
        store = BronzeStore(tmp_path / "bronze")
        keep(store, pairs, provider.now)
    rows = store.all()
    assert rows["date"].iloc[[0, -1]].tolist() == ["2024-01-02T00:00:00Z", "2024-01-05T10:00:00Z"]
    assert rows["instrument"].unique().tolist() == ["EUR_USD"]
    np.testing.assert_allclose(rows["close"], price[: len(rows)])


def test_older_hours_than_yahoo_has_are_not_asked_for(provider):
    oldest = source(provider, "AAA", bar_minutes=60)
    now = pd.Timestamp("2024-02-01", tz="UTC")
    (part,) = oldest.fetch(["AAA"], now - pd.Timedelta(days=1500), now - pd.Timedelta(days=1000), now)
    assert part.frame.empty
    assert part.keys == ("AAA",)
    assert provider.requests == []


def test_a_window_without_prices_is_an_answer(provider, tmp_path):
    store = BronzeStore(tmp_path / "bronze")
    keep(store, source(provider, "AAA"), at("2024-01-27 10:00"), since="2024-01-27")
    assert len(store.all()) == 0
    # The day goes on, so that it is asked for again; the one before is over.
    assert Coverage.read(store.folder).of("AAA") == [(pd.Timestamp("2024-01-27", tz="UTC"), at("2024-01-27"))]


def test_a_symbol_that_is_not_there_holds_up_no_other(provider, tmp_path, caplog):
    store = BronzeStore(tmp_path / "bronze")
    keep(store, source(provider, "GONE", "AAA"), provider.now)
    assert store.all()["instrument"].unique().tolist() == ["AAA"]
    assert "GONE: Yahoo says 'Not Found: No data found, symbol may be delisted'" in caplog.text


def test_another_currency_or_symbol_is_another_security(provider):
    provider.listings["AAA"].currency = "GBp"
    with pytest.raises(SourceAnswerError, match=r"quotes AAA in 'GBp'; expected USD"):
        fetched(provider, currency="USD")
    provider.listings["AAA"].currency = "USD"
    body = json.dumps(
        {"chart": {"result": [provider._result(asked_of(provider), provider.listings["AAA"])], "error": None}}
    )
    provider.queue(path_of("AAA"), Answer(200, body.replace('"symbol": "AAA"', '"symbol": "BBB"').encode()))
    with pytest.raises(SourceAnswerError, match=r"asked for AAA and answered with 'BBB'"):
        fetched(provider)


def test_a_pair_is_quoted_in_its_second_side(provider):
    provider.listings["EURUSD=X"] = provider.listings["USDSGD=X"] = daily(1.1)
    pairs = {"EUR_USD": "EURUSD=X", "USD_SGD": "USDSGD=X"}
    shares = YahooSource(pairs, currency="quote", base_url=provider.url, policy=FAST)
    parts: list = []
    since = pd.Timestamp("2024-01-02", tz="UTC")
    with pytest.raises(SourceAnswerError, match=r"quotes USDSGD=X in 'USD'; expected SGD"):
        parts.extend(shares.fetch(shares.keys, since, provider.now, provider.now))
    assert [part.keys for part in parts] == [("EUR_USD",)]


def asked_of(provider: YahooReplay):
    fetched(provider)
    return provider.prices_asked()[-1]


def fetched(provider: YahooReplay, **changes) -> pd.DataFrame:
    since = pd.Timestamp("2024-01-02", tz="UTC")
    parts = source(provider, "AAA", **changes).fetch(["AAA"], since, provider.now, provider.now)
    return pd.concat([part.frame for part in parts])


NOT_NOW = {"chart": {"result": None, "error": None}}
NO_TABLE = {"chart": {"result": [{"timestamp": [1], "meta": {}}]}}


@pytest.mark.parametrize(
    ("answers", "error", "words"),
    [
        ([failing(500), failing(500)], SourceUnavailableError, "yahoo did not answer"),
        ([throttled(), throttled()], SourceUnavailableError, "yahoo did not answer"),
        ([throttled(7200)], SourceUnavailableError, "Come back in 7,200 s"),
        ([reset()] * 8, SourceUnavailableError, "yahoo did not answer"),
        ([html(), html()], SourceAnswerError, "it is no table of prices but begins '<html>"),
        ([cut_off(b'{"chart": ', 900)] * 2, SourceUnavailableError, "yahoo did not answer"),
        ([json_answer({"finance": 1})], SourceAnswerError, "no table of prices"),
        ([json_answer(NOT_NOW)], SourceAnswerError, "without prices and without saying why"),
        (
            [json_answer(NO_TABLE)],
            SourceAnswerError,
            "cannot be read by yfinance",
        ),
        ([Answer(200, b"Will be right back")] * 2, SourceUnavailableError, "will be right back"),
        (
            [json_answer({"chart": {"result": None, "error": {"code": "Bad Request", "description": "no"}}}, 400)],
            SourceError,
            "Bad Request: no",
        ),
    ],
)
def test_what_is_no_answer_is_named(provider, answers, error, words):
    provider.queue(path_of("AAA"), *answers)
    with pytest.raises(error, match=words):
        fetched(provider)


def test_a_fault_that_passes_is_not_noticed(provider):
    provider.queue(path_of("AAA"), failing(502))
    assert len(fetched(provider)) == 22


def test_a_recorded_split_of_a_real_share_is_read(shared_data, tmp_path):
    recorded = json.loads(
        (
            shared_data / "fixtures/yahoo_http/historical-via-chart-NVDA-split-2021-02-01-to-2022-01-31.csv.json"
        ).read_text()
    )["response"]["bodyJson"]
    with YahooReplay({"NVDA": daily()}, at("2025-02-22")) as provider:
        provider.queue(path_of("NVDA"), json_answer(recorded))
        shares = YahooSource(["NVDA"], currency="USD", base_url=provider.url, policy=FAST)
        since, until = at("2021-02-01"), at("2022-01-31")
        (part,) = shares.fetch(["NVDA"], since, until, provider.now)
    rows = part.frame.set_index("date")
    assert len(rows) == len(recorded["chart"]["result"][0]["timestamp"])
    assert rows["split"].loc[lambda ratio: ratio != 0].to_dict() == {"2021-07-20": 4.0}
    assert rows["close"].iloc[0] == 13.237000465393066


def test_options_that_cannot_be_are_refused():
    with pytest.raises(ConfigurationError, match="no bars of 5 minutes"):
        YahooSource(["A"], bar_minutes=5)
    assert YahooSource(["BRK.B"]).source_id == "yahoo-1d"
