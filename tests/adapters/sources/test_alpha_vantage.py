"""Daily bars of Alpha Vantage: complete ones only, few requests, and errors under status 200 told apart."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from catching_up_runs import FAST, kept
from finq_predictor.adapters.bronze.asked import question_of
from finq_predictor.adapters.bronze.coverage import Coverage
from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.adapters.sources.alpha_vantage import AlphaVantageSource
from finq_predictor.adapters.sources.catching_up import Plan, catch_up
from finq_predictor.adapters.sources.protocol import WindowSource
from finq_predictor.domain.errors import (
    ConfigurationError,
    SourceAnswerError,
    SourceError,
    SourceRefusedError,
    SourceUnavailableError,
    UnknownNameError,
)
from finq_predictor.domain.ingestion.bars import clean_bars
from finq_predictor.domain.ingestion.rules import Rules
from finq_predictor.domain.market.calendars import get_calendar
from finq_predictor.domain.market.markets import get_market
from provider_replays import AlphaVantageReplay
from provider_server import cut_off, empty, failing, html, json_answer, throttled

KEY = "key-of-a-test"
PATIENT = FAST | {"longest_retry_after_seconds": 5}
PATH = "/query"
START = pd.Timestamp("2024-01-01", tz="UTC")


def at(text: str) -> pd.Timestamp:
    """A moment in New York, UTC."""
    return pd.Timestamp(text, tz="America/New_York").tz_convert("UTC")


def bars(*symbols: str) -> pd.DataFrame:
    days = get_calendar("XNYS").closes(pd.Timestamp("2023-01-01"), pd.Timestamp("2024-12-31")).index
    close = 100 + np.arange(len(days)) / 10
    prices = {"open": close, "high": close + 1, "low": close - 1, "close": close, "volume": 1000}
    return pd.concat([pd.DataFrame({"instrument": symbol, "date": days, **prices}) for symbol in symbols])


@pytest.fixture
def provider():
    with AlphaVantageReplay(bars("AAPL", "MSFT"), at("2024-07-15 20:00")) as server:
        yield server


def source(provider: AlphaVantageReplay, *symbols: str, **changes) -> AlphaVantageSource:
    policy = {**PATIENT, **changes.pop("policy", {})}
    options = {"base_url": provider.url, "credentials": {"key": KEY}, "policy": policy, **changes}
    return AlphaVantageSource(symbols or ("AAPL",), **options)


keep = partial(kept, since=START)


def days(store: BronzeStore) -> list[str]:
    rows = store.all()
    return sorted(rows.loc[rows["instrument"] == "AAPL", "date"])


def test_a_long_history_is_one_full_answer_a_symbol_and_the_next_day_a_compact_one(provider, tmp_path):
    store, daily = BronzeStore(tmp_path), source(provider, "AAPL", "MSFT")
    assert isinstance(daily, WindowSource)
    assert keep(store, daily, provider.now) == 2 * 134
    assert [asked.query["outputsize"] for asked in provider.requests] == ["full", "full"]
    assert {asked.query["function"] for asked in provider.requests} == {"TIME_SERIES_DAILY_ADJUSTED"}
    assert days(store)[0] == "2024-01-02"
    provider.requests.clear()
    assert keep(store, source(provider, "AAPL", "MSFT"), provider.now) == 0
    assert provider.requests == []
    provider.now = at("2024-07-16 20:00")
    assert keep(store, source(provider, "AAPL", "MSFT"), provider.now) == 2
    assert [asked.query["outputsize"] for asked in provider.requests] == ["compact", "compact"]
    assert len(set(days(store))) == len(days(store)) == 135


def test_nothing_is_asked_while_no_session_ends(provider, tmp_path):
    store = BronzeStore(tmp_path)
    provider.now = at("2024-07-12 16:30")
    keep(store, source(provider), provider.now)
    provider.requests.clear()
    for moment in ("2024-07-12 17:00", "2024-07-13 12:00", "2024-07-14 12:00", "2024-07-15 15:59"):
        provider.now = at(moment)
        assert keep(store, source(provider), provider.now) == 0
    assert provider.requests == []
    provider.now = at("2024-07-15 16:01")
    assert keep(store, source(provider), provider.now) == 1
    assert provider.count(PATH) == 1


def test_the_bar_of_a_running_session_is_left_out_and_asked_for_when_it_is_over(provider, tmp_path):
    store = BronzeStore(tmp_path)
    provider.now = at("2024-07-15 12:00")
    keep(store, source(provider), provider.now)
    assert days(store)[-1] == "2024-07-12"
    provider.now = at("2024-07-15 16:05")
    assert keep(store, source(provider), provider.now) == 1
    assert days(store)[-1] == "2024-07-15"


def test_a_session_that_closes_early_is_over_early(provider, tmp_path):
    store = BronzeStore(tmp_path)
    # On the day before Independence Day New York closes at 13:00; the provider says that it answers of the afternoon.
    provider.now = at("2024-07-03 12:59")
    keep(store, source(provider), provider.now)
    provider.now = at("2024-07-03 13:01")
    assert keep(store, source(provider), provider.now) == 1
    assert days(store)[-1] == "2024-07-03"


def test_an_answer_that_was_made_while_the_market_was_open_is_not_final(provider, tmp_path):
    store = BronzeStore(tmp_path)
    provider.now = at("2024-07-15 15:30")
    assert keep(store, source(provider), at("2024-07-15 20:00")) == 133
    assert days(store)[-1] == "2024-07-12"
    provider.now = at("2024-07-15 20:00")
    assert keep(store, source(provider), at("2024-07-15 20:00")) == 1


def test_a_bar_that_is_not_there_yet_is_asked_for_again_over_a_week_end(provider, tmp_path):
    store = BronzeStore(tmp_path)
    provider.lag = pd.Timedelta("12h")
    provider.now = at("2024-07-12 17:00")
    keep(store, source(provider), provider.now)
    assert days(store)[-1] == "2024-07-11"
    provider.now = at("2024-07-16 08:00")
    assert keep(store, source(provider), provider.now) == 2
    assert days(store)[-2:] == ["2024-07-12", "2024-07-15"]


def test_a_symbol_that_is_no_longer_quoted_costs_one_request_a_day(provider, tmp_path):
    provider.bars = provider.bars[provider.bars["date"] < "2024-03-01"]
    store = BronzeStore(tmp_path)
    assert keep(store, source(provider), provider.now) == 41
    for day in ("2024-07-16", "2024-07-17", "2024-08-16"):
        provider.requests.clear()
        provider.now = at(f"{day} 20:00")
        assert keep(store, source(provider), provider.now) == 0
        assert provider.count(PATH) == 1


def test_a_past_in_which_a_symbol_was_not_quoted_is_asked_for_once(provider, tmp_path):
    provider.bars = provider.bars[provider.bars["date"] >= "2024-06-15"]
    store = BronzeStore(tmp_path)
    keep(store, source(provider), provider.now, since=at("2024-06-20"))
    assert keep(store, source(provider), provider.now) == 2
    assert provider.count(PATH) == 2
    assert keep(store, source(provider), provider.now) == 0
    assert provider.count(PATH) == 2


def test_a_longer_history_is_filled_in_front(provider, tmp_path):
    store = BronzeStore(tmp_path)
    keep(store, source(provider), provider.now, since=at("2024-06-01"))
    assert keep(store, source(provider), provider.now) == 105
    assert [asked.query["outputsize"] for asked in provider.requests] == ["compact", "full"]
    assert len(set(days(store))) == len(days(store)) == 134


def test_an_interrupted_run_goes_on_with_the_next_symbol(provider, tmp_path):
    store = BronzeStore(tmp_path)
    frames = catch_up(source(provider, "AAPL", "MSFT"), Coverage(), Plan(START, provider.now, pd.Timedelta(0)))
    first = next(frames)
    store.keep_part(first, question_of(first))
    frames.close()
    provider.requests.clear()
    assert keep(store, source(provider, "AAPL", "MSFT"), provider.now) == 134
    assert [asked.query["symbol"] for asked in provider.requests] == ["MSFT"]


def test_a_revision_of_the_last_days_is_kept_beside_the_old_value(provider, tmp_path):
    store = BronzeStore(tmp_path)
    keep(store, source(provider), provider.now)
    provider.bars.loc[provider.bars["date"] == "2024-07-15", "close"] = 99.0
    provider.now = at("2024-07-16 20:00")
    assert keep(store, source(provider), provider.now, again="3D") == 2
    assert days(store)[-3:] == ["2024-07-15", "2024-07-15", "2024-07-16"]


@pytest.mark.parametrize("adjusted", [True, False])
def test_the_columns_are_the_providers_own_and_silver_knows_them(provider, tmp_path, adjusted):
    store, daily = BronzeStore(tmp_path), source(provider, adjusted=adjusted)
    assert daily.source_id == ("alpha_vantage-adjusted" if adjusted else "alpha_vantage-plain")
    keep(store, daily, provider.now)
    raw = store.all()
    assert ("5. adjusted close" in raw) == adjusted
    cleaned = clean_bars(raw, Rules(get_market("equity")))
    assert cleaned.quarantine.empty
    assert cleaned.tally.columns["volume"] == ("6. volume" if adjusted else "5. volume")
    assert cleaned.silver["ts"].iloc[-1] == at("2024-07-15 16:00")
    assert cleaned.silver["close"].tolist() == raw.sort_values("date")["4. close"].tolist()


def test_one_symbol_that_does_not_exist_holds_up_no_other(provider, tmp_path, caplog):
    store = BronzeStore(tmp_path)
    assert keep(store, source(provider, "NONE", "AAPL"), provider.now) == 134
    assert "1 of 2 could not be had. NONE: alpha_vantage says no: Invalid API call" in caplog.text


def test_a_key_that_is_not_accepted_is_said_once_and_never_shown(provider):
    refused = source(provider, "AAPL", "MSFT", credentials={"key": "an-old-key"})
    with pytest.raises(SourceRefusedError, match=r"apikey is invalid.*FINQ_ALPHA_VANTAGE_KEY") as caught:
        list(refused.fetch(refused.keys, START, provider.now, provider.now))
    assert "an-old-key" not in str(caught.value)
    assert "an-old-key" not in str(refused.calls.frame().to_dict())
    assert len(provider.requests) == 1


def test_what_wants_a_paid_plan_is_said_at_once(provider):
    provider.paid = False
    with pytest.raises(SourceRefusedError, match="premium endpoint"):
        list(source(provider, "AAPL", "MSFT").fetch(["AAPL", "MSFT"], START, provider.now, provider.now))
    assert len(provider.requests) == 1
    assert list(source(provider, adjusted=False).fetch(["AAPL"], START, provider.now, provider.now))


BAR = {
    "1. open": "1.0",
    "2. high": "2.0",
    "3. low": "0.5",
    "4. close": "1.5",
    "5. adjusted close": "1.4",
    "6. volume": "10",
    "7. dividend amount": "0",
    "8. split coefficient": "1",
}


def said(series: dict | None = None, **changes) -> dict:
    about = {"2. Symbol": "AAPL", "3. Last Refreshed": "2024-07-12", "5. Time Zone": "US/Eastern", **changes}
    return {"Meta Data": about, "Time Series (Daily)": {"2024-07-12": BAR} if series is None else series}


def fetched(provider) -> pd.DataFrame:
    window = at("2024-07-12 00:00"), at("2024-07-13 00:00"), at("2024-07-13 00:00")
    parts = [part.frame for part in source(provider).fetch(["AAPL"], *window)]
    return pd.concat(parts) if parts else pd.DataFrame({"date": []})


MINUTE = (
    "Thank you for using Alpha Vantage! Our standard API call frequency is 5 calls per minute and 500 calls per day. "
    "Please visit https://www.alphavantage.co/premium/ if you would like to target a higher API call frequency."
)
DAY = (
    f"We have detected your API key as {KEY} and our standard API rate limit is 25 requests per day. Please subscribe "
    "to any of the premium plans at https://www.alphavantage.co/premium/ to instantly remove all daily rate limits."
)
SECOND = (
    "Please consider spreading out your free API requests more sparingly (1 request per second). You may subscribe to "
    "any of the premium plans to lift the free key rate limit (25 requests per day)."
)
DEMO = "The **demo** API key is for demo purposes only. Please claim your free API key at our site."
FULL = "The outputsize=full parameter value is a premium feature for the TIME_SERIES_DAILY endpoint."


@pytest.mark.parametrize(
    ("answers", "error", "words", "requests"),
    [
        ([failing(500), failing(500)], SourceUnavailableError, "alpha_vantage", 2),
        ([throttled(), throttled()], SourceUnavailableError, "429", 2),
        ([throttled(3600)], SourceUnavailableError, "Come back in 3,600 s", 1),
        ([json_answer({"Note": MINUTE})], SourceUnavailableError, "5 calls per minute.*Come back in 60 s", 1),
        ([json_answer({"Information": DAY})], SourceUnavailableError, "25 requests per day.*Come back in 3,600", 1),
        ([json_answer({"Information": DEMO})], SourceRefusedError, "demo.*FINQ_ALPHA_VANTAGE_KEY", 1),
        ([json_answer({"Information": FULL})], SourceRefusedError, "premium feature", 1),
        ([json_answer({"Information": f"Hello {KEY}"})], SourceError, "alpha_vantage says no: Hello", 1),
        ([json_answer({"Error Message": "Invalid API call."})], SourceError, "Invalid API call", 1),
        ([html()], SourceAnswerError, "page", 1),
        ([empty()], SourceAnswerError, "empty", 1),
        ([cut_off(), cut_off()], SourceAnswerError, "cut off", 2),
        ([json_answer({})], SourceAnswerError, "another form.*'Meta Data'", 1),
        ([json_answer([])], SourceAnswerError, "another form", 1),
        ([json_answer(said({"2024-07-12": {"open": "1"}}))], SourceAnswerError, "another form.*'1. open'", 1),
        ([json_answer(said({"2024-07-12": {**BAR, "4. close": "n/a"}}))], SourceAnswerError, "another form.*n/a", 1),
        ([json_answer(said({"Friday": BAR}))], SourceAnswerError, "another form", 1),
        ([json_answer(said(**{"2. Symbol": "MSFT"}))], SourceAnswerError, "answered with MSFT", 1),
        ([json_answer(said(**{"5. Time Zone": "UTC"}))], SourceAnswerError, "in UTC", 1),
    ],
)
def test_what_is_no_answer_is_named_and_nothing_of_it_is_kept(provider, answers, error, words, requests):
    provider.queue(PATH, *answers)
    with pytest.raises(error, match=rf"(?s){words}") as caught:
        fetched(provider)
    assert provider.count(PATH) == requests
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("answers", "dates"),
    [
        ([failing(503), json_answer(said())], ["2024-07-12"]),
        ([throttled(0), json_answer(said())], ["2024-07-12"]),
        ([cut_off(), json_answer(said())], ["2024-07-12"]),
        ([json_answer({"Information": SECOND}), json_answer(said())], ["2024-07-12"]),
        # What was not asked for is not taken, in whatever order it comes.
        ([json_answer(said({"2024-07-11": BAR, "2024-07-15": BAR, "2024-07-12": BAR}))], ["2024-07-12"]),
        # A day on which New York was closed is over when the day is.
        ([json_answer(said({"2024-07-13": BAR, "2024-07-12": BAR}))], ["2024-07-12"]),
        ([json_answer(said({"2024-07-12": {**BAR, "9. weather": "fine"}}))], ["2024-07-12"]),
        ([json_answer(said(**{"3. Last Refreshed": "2024-07-12 15:00:00"}))], []),
        ([json_answer(said(**{"3. Last Refreshed": "2024-07-12 16:00:00"}))], ["2024-07-12"]),
        ([json_answer(said({}))], []),
    ],
)
def test_what_is_an_answer_after_all_is_kept_as_it_came(provider, answers, dates):
    provider.queue(PATH, *answers)
    assert fetched(provider)["date"].tolist() == dates


def test_options_that_cannot_be_are_refused(monkeypatch):
    monkeypatch.delenv("FINQ_ALPHA_VANTAGE_KEY", raising=False)
    with pytest.raises(ConfigurationError, match=r"There is no key for alpha_vantage.*FINQ_ALPHA_VANTAGE_KEY"):
        AlphaVantageSource(["AAPL"])
    monkeypatch.setenv("FINQ_ALPHA_VANTAGE_KEY", KEY)
    assert AlphaVantageSource(["AAPL"]).keys == ("AAPL",)
    with pytest.raises(UnknownNameError, match="XNYZ"):
        AlphaVantageSource(["AAPL"], calendar="XNYZ")
    with pytest.raises(ConfigurationError, match="belongs to no catalog"):
        AlphaVantageSource(["AAPL"], base_url="https://user:password@example.com")


def test_real_bars_go_through_as_they_are(shared_data, tmp_path):
    real = pd.read_parquet(shared_data / "equities/sp500_5yr_unadj_2013-02_2018-02.parquet")
    real = real[real["symbol"].isin(["AAPL", "AAL", "XOM"])].rename(columns={"symbol": "instrument"})
    with AlphaVantageReplay(real, at("2018-03-01 20:00")) as provider:
        daily = source(provider, "AAPL", "AAL", "XOM", adjusted=False)
        store = BronzeStore(tmp_path)
        keep(store, daily, provider.now, since=at("2013-01-01"))
    names = ["instrument", "date"]
    kept = store.all().set_index(names)["4. close"].sort_index()
    known = real.assign(date=real["date"].dt.strftime("%Y-%m-%d")).set_index(names)["close"].sort_index()
    pd.testing.assert_series_equal(kept, known, check_names=False)
