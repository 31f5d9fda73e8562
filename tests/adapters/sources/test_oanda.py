"""OANDA's candles: complete ones only, in pages, each once; and what happens when the provider is not itself."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pandas as pd
import pytest

from catching_up_runs import FAST, kept
from finq_predictor.adapters.bronze.asked import question_of
from finq_predictor.adapters.bronze.coverage import Coverage
from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.adapters.sources.catching_up import Plan, catch_up
from finq_predictor.adapters.sources.oanda import OandaSource
from finq_predictor.adapters.sources.protocol import WindowSource
from finq_predictor.domain.errors import (
    ConfigurationError,
    SourceAnswerError,
    SourceError,
    SourceRefusedError,
    SourceUnavailableError,
    UnknownNameError,
)
from provider_replays import OandaReplay
from provider_server import cut_off, failing, html, json_answer

START = pd.Timestamp("2024-01-01", tz="UTC")
TOKEN = "token-of-a-test"


def candles(hours: int = 12_000, pairs: tuple[str, ...] = ("EUR_USD", "USD_SGD")) -> pd.DataFrame:
    generator = np.random.default_rng(1)
    parts = []
    for pair in pairs:
        mid = 1.1 + generator.normal(0, 0.001, hours).cumsum() / 10
        shifts = {"bid": -1e-4, "mid": 0.0, "ask": 1e-4}
        prices = {f"{side}_{price}": mid + shift for side, shift in shifts.items() for price in "ohlc"}
        times = START + pd.to_timedelta(np.arange(hours), unit="h")
        parts.append(pd.DataFrame({"instrument": pair, "time": times, "volume": np.arange(hours), **prices}))
    return pd.concat(parts, ignore_index=True)


def hour(number: float) -> pd.Timestamp:
    return START + pd.Timedelta(hours=number)


@pytest.fixture
def provider():
    with OandaReplay(candles(), hour(11_999.5)) as server:
        yield server


def source(provider: OandaReplay, *pairs: str, **changes) -> OandaSource:
    options = {"base_url": f"{provider.url}/v3", "credentials": {"token": TOKEN}, "policy": FAST, **changes}
    return OandaSource(pairs or ("EUR_USD", "USD_SGD"), **options)


keep = partial(kept, since=START)


def test_a_long_history_comes_in_pages_and_the_running_candle_is_left_out(provider, tmp_path):
    store, oanda = BronzeStore(tmp_path), source(provider)
    assert isinstance(oanda, WindowSource)
    assert keep(store, oanda, provider.now) == 2 * 11_999
    assert provider.count("/v3/instruments/EUR_USD/candles") == 3
    rows = store.all()
    assert rows["complete"].all()
    assert not rows.duplicated(["instrument", "time"]).any()
    expected = [provider.candles[pair]["mid_c"].to_numpy()[:-1] for pair in ("EUR_USD", "USD_SGD")]
    np.testing.assert_allclose(rows["mid_c"], np.concatenate(expected), atol=6e-6)
    assert len(oanda.calls) == 6


def test_the_next_hour_is_one_small_request_a_pair(provider, tmp_path):
    store = BronzeStore(tmp_path)
    provider.now = hour(100.2)
    assert keep(store, source(provider), provider.now) == 200
    provider.requests.clear()
    assert keep(store, source(provider), hour(100.2)) == 0
    assert provider.requests == []
    # Half an hour later nothing is complete, and the provider is not asked.
    provider.now = hour(100.7)
    assert keep(store, source(provider), provider.now) == 0
    assert provider.requests == []
    provider.now = hour(101.1)
    assert keep(store, source(provider), provider.now) == 2
    assert [asked.query["from"] for asked in provider.requests] == ["2024-01-05T04:00:00Z"] * 2
    assert all(asked.query["price"] == "BMA" for asked in provider.requests)


def test_a_revision_within_the_last_hours_is_kept_beside_the_old_value(provider, tmp_path):
    store = BronzeStore(tmp_path)
    provider.now = hour(50)
    keep(store, source(provider, "EUR_USD"), provider.now)
    provider.candles["EUR_USD"].loc[lambda rows: rows["time"] == hour(48), "mid_c"] = 1.5
    provider.now = hour(51)
    assert keep(store, source(provider, "EUR_USD"), hour(51), again="6h") == 2
    rows = store.all()
    assert rows.loc[rows["time"].str.startswith("2024-01-03T00"), "mid_c"].tolist()[-1] == 1.5
    assert rows["time"].str.startswith("2024-01-03T00").sum() == 2


def test_one_pair_that_does_not_exist_holds_up_no_other(provider, tmp_path, caplog):
    store = BronzeStore(tmp_path)
    provider.now = hour(10)
    assert keep(store, source(provider, "EUR_USD", "EUR_XXX", "USD_SGD"), provider.now) == 20
    assert "1 of 3 could not be had. EUR_XXX" in caplog.text
    assert "Invalid value specified for 'instrument'" in caplog.text
    provider.requests.clear()
    keep(store, source(provider, "EUR_USD", "EUR_XXX", "USD_SGD"), provider.now)
    assert [asked.path for asked in provider.requests] == ["/v3/instruments/EUR_XXX/candles"]


def test_a_wrong_token_is_said_with_the_place_where_it_belongs(provider):
    refused = source(provider, credentials={"token": "an-old-token"})
    with pytest.raises(SourceRefusedError, match=r"FINQ_OANDA_TOKEN.*credentials\.yml") as caught:
        list(refused.fetch(["EUR_USD"], hour(0), hour(5), hour(5)))
    assert "an-old-token" not in str(caught.value)
    assert len(provider.requests) == 1


PATH = "/v3/instruments/EUR_USD/candles"
GOOD = {"bid": dict.fromkeys("ohlc", "1.1"), "mid": dict.fromkeys("ohlc", "1.1"), "ask": dict.fromkeys("ohlc", "1.1")}


def candle(at: str, complete: bool = True, **changes) -> dict:
    return {"complete": complete, "volume": 1, "time": f"2024-01-01T{at}:00:00.000000000Z", **GOOD, **changes}


def said(*rows: dict, instrument: str = "EUR_USD", granularity: str = "H1") -> dict:
    return {"instrument": instrument, "granularity": granularity, "candles": list(rows)}


def fetched(provider) -> pd.DataFrame:
    return pd.concat([part.frame for part in source(provider).fetch(["EUR_USD"], hour(0), hour(5), hour(5.5))])


@pytest.mark.parametrize(
    ("answers", "error", "words", "requests"),
    [
        ([failing(500), failing(500)], SourceUnavailableError, "oanda", 2),
        ([html(), html()], SourceAnswerError, "page", 1),
        ([cut_off(), cut_off()], SourceAnswerError, "cut off", 2),
        ([json_answer({"errorMessage": "nope"})], SourceAnswerError, "another form.*'instrument'", 1),
        ([json_answer(said({**candle("01"), "mid": {"open": 1}}))], SourceAnswerError, "another form.*'o'", 1),
        ([json_answer(said(candle("01"), instrument="GBP_USD"))], SourceAnswerError, "answered with GBP_USD H1", 1),
        ([json_answer(said(candle("01"), granularity="D"))], SourceAnswerError, "answered with EUR_USD D", 1),
        ([json_answer([])], SourceAnswerError, "another form", 1),
        ([json_answer({"errorMessage": "Invalid value"}, 400)], SourceError, "Invalid value", 1),
    ],
)
def test_what_is_no_answer_is_named_and_nothing_of_it_is_kept(provider, answers, error, words, requests):
    provider.queue(PATH, *answers)
    with pytest.raises(error, match=rf"(?s){words}"):
        fetched(provider)
    assert provider.count(PATH) == requests


@pytest.mark.parametrize(
    ("answers", "times"),
    [
        ([failing(503), json_answer(said(candle("01")))], ["01"]),
        ([cut_off(), json_answer(said(candle("01")))], ["01"]),
        ([json_answer(said(candle("02"), candle("01"), candle("02")))], ["02", "01", "02"]),
        ([json_answer(said(candle("01"), candle("02", complete=False)))], ["01"]),
        # What was not asked for is not taken, even if it is delivered.
        ([json_answer(said(candle("04"), candle("05"), candle("09")))], ["04"]),
        ([json_answer(said())], []),
        ([json_answer({**said(candle("01", weather="fine")), "news": 1})], ["01"]),
    ],
)
def test_what_is_an_answer_after_all_is_kept_as_it_came(provider, answers, times):
    provider.queue(PATH, *answers)
    assert [time[11:13] for time in fetched(provider)["time"]] == times


def test_the_recorded_answer_of_the_provider_is_read(shared_data, provider):
    recorded = json.loads((shared_data / "fixtures/oanda_v20_mab05k/instrument__candles.json").read_text())
    provider.queue("/v3/instruments/GBP_USD/candles", json_answer(recorded))
    # It was asked for asks only, of days.
    with pytest.raises(SourceAnswerError, match="another form than they had: KeyError"):
        list(source(provider, "GBP_USD").fetch(["GBP_USD"], hour(0), hour(5), hour(5)))


def test_real_candles_go_through_as_they_are(shared_data, tmp_path):
    real = pd.read_json(shared_data / "fx/USD_SGD_H1_mid_bid_ask_2025-01_2025-06.ndjson.gz", lines=True)
    names = {"open": "o", "high": "h", "low": "l", "close": "c"}
    times = pd.to_datetime(real["time"], utc=True)
    table = pd.DataFrame({"instrument": "USD_SGD", "time": times, "volume": real["volume"]})
    for side in ("bid_", "ask_", ""):
        for word, letter in names.items():
            table[f"{side or 'mid_'}{letter}"] = real[f"{side}{word}"]
    with OandaReplay(table, table["time"].max() + pd.Timedelta(hours=2)) as provider:
        oanda = OandaSource(["USD_SGD"], base_url=f"{provider.url}/v3", credentials={"token": TOKEN}, policy=FAST)
        store = BronzeStore(tmp_path)
        plan = Plan(pd.Timestamp("2025-01-01", tz="UTC"), provider.now, pd.Timedelta(0))
        for frame in catch_up(oanda, Coverage(), plan):
            store.keep_part(frame, question_of(frame))
    kept = store.all()
    assert len(kept) == len(real) == 3075
    np.testing.assert_allclose(kept["ask_c"], real["ask_close"], atol=1e-9)


def test_options_that_cannot_be_are_refused(monkeypatch):
    monkeypatch.delenv("FINQ_OANDA_TOKEN", raising=False)
    with pytest.raises(ConfigurationError, match=r"There is no token for oanda.*FINQ_OANDA_TOKEN"):
        OandaSource(["EUR_USD"])
    monkeypatch.setenv("FINQ_OANDA_TOKEN", TOKEN)
    assert OandaSource(["EUR_USD"]).source_id == "oanda-H1"
    with pytest.raises(UnknownNameError, match=r"practise.*'practice'"):
        OandaSource(["EUR_USD"], environment="practise")
    with pytest.raises(ConfigurationError, match="no bars of 7 minutes"):
        OandaSource(["EUR_USD"], bar_minutes=7)
    with pytest.raises(ConfigurationError, match="belongs to no catalog"):
        OandaSource(["EUR_USD"], base_url="https://user:password@example.com")
