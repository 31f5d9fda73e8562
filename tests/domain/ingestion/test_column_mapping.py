from __future__ import annotations

import pandas as pd
import pytest

from finq_predictor.domain.errors import MappingError
from finq_predictor.domain.ingestion.column_mapping import file_name, map_columns, normalise
from finq_predictor.domain.market.instruments import InstrumentKind


def table(*names, rows=1, **values):
    return pd.DataFrame({name: [1.0] * rows for name in names} | values)


@pytest.mark.parametrize(
    "names",
    [
        ["symbol", "date", "open", "high", "low", "close", "adj_close", "volume"],
        ["Ticker", "Datetime", "Open", "High", "Low", "Close", "Adj Close", "Volume"],
        ["INSTRUMENT", "TIMESTAMP", "O", "H", "L", "C", "AdjClose", "VOL"],
        ["Name", "time", "1. open", "2. high", "3. low", "4. close", "5. adjusted close", "6. volume"],
        ["<TICKER>", "<DATE>", "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<adj-close>", "<VOL>"],
    ],
)
def test_usual_names_of_bars(names):
    mapped = map_columns(table(*names), "bars")
    assert list(mapped.columns.values()) == names
    assert list(mapped.frame) == ["instrument", "time", "open", "high", "low", "close", "adj_close", "volume"]


@pytest.mark.parametrize(
    "pattern", ["{side}_{part}", "{side}.{part}", "{part}_{side}", "{side}{part}", "{side}_{letter}", "{side} {part}"]
)
def test_usual_names_of_quotes(pattern):
    names = [
        pattern.format(side=side, part=part, letter=part[0])
        for side in ("mid", "bid", "ask")
        for part in ("open", "high", "low", "close")
    ]
    if "{letter}" not in pattern:
        names = [name.title() for name in names]
    mapped = map_columns(table("pair", "time", *names), "bars")
    assert mapped.columns["close"] == names[3]
    assert (mapped.columns["bid_high"], mapped.columns["ask_low"]) == (names[5], names[10])


def test_bare_prices_beside_quotes_are_mids():
    quotes = [f"{side}_{part}" for side in ("bid", "ask") for part in ("open", "high", "low", "close")]
    mapped = map_columns(table("pair", "time", "open", "high", "low", "close", *quotes), "bars")
    assert mapped.columns["close"] == "close"
    assert not mapped.notes


def test_mids_of_bid_and_ask_alone():
    bid = {f"bid_{part}": [1.0] for part in ("o", "h", "l", "c")}
    ask = {f"ask_{part}": [2.0] for part in ("o", "h", "l", "c")}
    mapped = map_columns(table("pair", "time", **bid, **ask), "bars")
    assert mapped.frame["close"].tolist() == [1.5]
    assert "average" in mapped.notes[0]


def test_date_and_time_of_day_are_joined():
    raw = table("open", "high", "low", "close", symbol=["A"], **{"<DATE>": ["2024.01.02"], "<TIME>": ["13:00"]})
    mapped = map_columns(raw, "bars")
    assert mapped.frame["time"].tolist() == ["2024.01.02 13:00"]
    assert "joined" in mapped.notes[0]


@pytest.mark.parametrize(
    ("name", "pair"),
    [
        ("own:EUR_USD_H1_mid_bid_ask_2016-01_2021-12.parquet#1234abcd", "EUR_USD"),
        ("own:eurusd.csv#1234abcd", "EUR_USD"),
        ("own:h1-usd-sgd-2025.ndjson.gz#1234abcd", "USD_SGD"),
        ("/data/EURUSD/prices.csv", None),
        ("own:the_old_file.csv", None),
        ("own:USDUSD.csv", None),
    ],
)
def test_pair_in_a_files_name(name, pair):
    assert InstrumentKind.PAIR.named_in(file_name(name)) == pair


def test_instrument_from_parameter_or_name():
    raw = table("time", "open", "high", "low", "close", _source=["own:GBP_USD.csv#1"])
    named_in = InstrumentKind.PAIR.named_in
    assert map_columns(raw, "bars", named_in=named_in).frame["instrument"].tolist() == ["GBP_USD"]
    assert map_columns(raw, "bars", instrument="XAU", named_in=named_in).frame["instrument"].tolist() == ["XAU"]


def test_only_currencies_are_read_from_a_files_name():
    raw = table("time", "open", "high", "low", "close", _source=["own:GBP_USD.csv#1"])
    with pytest.raises(MappingError, match="set `instrument`"):
        map_columns(raw, "bars", named_in=InstrumentKind.STOCK.named_in)


def test_own_names_by_parameter():
    raw = table("RIC", "d", "PX_OPEN", "PX_HIGH", "PX_LOW", "PX_LAST")
    names = {"time": "d", "open": "PX_OPEN", "high": "PX_HIGH", "low": "PX_LOW", "close": "PX_LAST"}
    mapped = map_columns(raw, "bars", names)
    assert mapped.columns == {**names, "instrument": "RIC"}


def test_complaint_lists_found_missing_and_near():
    raw = table("symbol", "date", "open", "high", "low", "closee", _source=["own:x.csv#1"])
    with pytest.raises(MappingError) as error:
        map_columns(raw, "bars")
    message = str(error.value)
    for part in (
        "own:x.csv",
        "Missing: close.",
        "'closee'",
        "instrument <- 'symbol'",
        "Did you mean 'closee'",
        "THEIR_NAME",
    ):
        assert part in message


def test_wrong_parameters_are_refused():
    raw = table("symbol", "date", "open", "high", "low", "close")
    with pytest.raises(MappingError, match=r"maps 'clos', which bars do not have\. Did you mean 'close'"):
        map_columns(raw, "bars", {"clos": "close"})
    with pytest.raises(MappingError, match=r"names the column 'Close_', which was not delivered.*'close'"):
        map_columns(raw, "bars", {"close": "Close_"})


def test_macro_without_release_is_refused():
    with pytest.raises(MappingError, match="needs the time of each release"):
        map_columns(table("series", "date", "value"), "macro")


def test_articles_of_several_shapes():
    tweets = map_columns(table("symbol", "file_date", "created_at", "tweet_id", "text", "tokens", "lang"), "articles")
    assert tweets.columns == {
        "article_id": "tweet_id",
        "instrument": "symbol",
        "published_at": "created_at",
        "title": "text",
    }
    reddit = map_columns(table("id", "subreddit", "ticker", "title", "selftext", "created_utc", "score"), "articles")
    assert reddit.columns == {
        "article_id": "id",
        "instrument": "ticker",
        "published_at": "created_utc",
        "title": "title",
        "body": "selftext",
    }
    headlines = map_columns(table("title", "date", "stock"), "articles")
    assert headlines.columns == {"instrument": "stock", "published_at": "date", "title": "title"}


def test_input_is_not_changed():
    raw = table("pair", "time", "mid_o", "mid_h", "mid_l", "mid_c")
    before = raw.copy()
    map_columns(raw, "bars")
    pd.testing.assert_frame_equal(raw, before)


def test_names_are_folded():
    assert normalise(" Adj Close* ") == normalise("adj_close") == normalise("5. adjClose") == "adjclose"
