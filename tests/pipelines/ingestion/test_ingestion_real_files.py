"""Slices of real files of the shapes users bring."""

from __future__ import annotations

import pandas as pd
import pytest

EQUITIES = "equities/sp500_adj_2012-12_2017-12.parquet"
BENCHMARK = "equities/benchmark_sp500_index_2012-09_2018-02.csv.gz"


@pytest.fixture
def slice_of(shared_data, tmp_path):
    """Cut a Parquet file to some rows, keeping its name."""

    def cut(name, rows):
        source = shared_data / name
        if not source.exists():
            pytest.skip(f"the real file {name} is not there")
        target = tmp_path / source.name
        frame = pd.read_parquet(source)
        frame[rows(frame)].to_parquet(target)
        return str(target)

    return cut


def _real(shared_data, name):
    if not (shared_data / name).exists():
        pytest.skip(f"the real file {name} is not there")
    return str(shared_data / name)


def test_sp500_with_benchmark_and_tweets(ingestion, slice_of, shared_data):
    files = {
        "bars": slice_of(EQUITIES, lambda rows: (rows.date >= "2014") & (rows.date < "2014-07") & (rows.symbol < "D")),
        "benchmark": _real(shared_data, BENCHMARK),
        "articles": slice_of("text/stocknet_tweets_2014_2015.parquet", lambda rows: rows.created_at < "2014-02"),
    }
    catalog = ingestion.run("equity", "own", **files)
    bars, articles = catalog.load("equity.silver_bars"), catalog.load("equity.silver_articles")
    assert bars["instrument"].nunique() > 100
    assert bars["ts"].dt.tz_convert("America/New_York").dt.hour.isin([13, 16]).all()
    assert (bars["known_at"] == bars["ts"]).all()
    assert not articles.duplicated(["instrument", "title"]).any()
    assert set(catalog.load("equity.quarantine_articles")["rule"]) == {"duplicate"}
    assert catalog.load("equity.provenance").source_id.startswith("sp500_adj_2012-12_2017-12.parquet#")


def test_sp500_known_dirt(ingestion, slice_of, shared_data):
    files = {
        "bars": slice_of(EQUITIES, lambda rows: (rows.date >= "2017-09") & (rows.symbol < "M")),
        "benchmark": _real(shared_data, BENCHMARK),
    }
    aside = ingestion.run("equity", "own", **files).load("equity.quarantine_bars")
    assert {("COH", "superseded"), ("LVLT", "duplicate")} <= set(zip(aside["symbol"], aside["rule"], strict=True))
    snapshot = aside[aside["rule"] == "impossible_prices"]
    assert snapshot["date"].str.startswith("2017-12-06").all()


def test_file_without_adjusted_close_says_so(ingestion, slice_of, shared_data):
    files = {
        "bars": slice_of(
            "equities/sp500_5yr_unadj_2013-02_2018-02.parquet",
            lambda rows: (rows.date < "2013-04") & (rows.symbol < "C"),
        ),
        "benchmark": _real(shared_data, BENCHMARK),
    }
    catalog = ingestion.run("equity", "own", **files)
    bars = catalog.load("equity.silver_bars")
    assert (bars["adj_close"] == bars["close"]).all()
    assert "no adjusted close" in catalog.load("equity.ingestion_checks").notes["bars"][0]


def test_oanda_hours(ingestion, slice_of):
    quotes = slice_of("fx/EUR_USD_H1_mid_bid_ask_2016-01_2021-12.parquet", lambda rows: rows.time < "2016-03")
    bars = ingestion.run("fx", "own", quotes=quotes).load("fx.silver_bars")
    assert set(bars["instrument"]) == {"EUR_USD"}
    assert bars["ts"].iloc[0] == pd.Timestamp("2016-01-07 01:00", tz="UTC")
    assert bars["close"].iloc[0] == 1.07778
    assert (bars["ask_close"] > bars["bid_close"]).all()


def test_candles_one_object_a_line(ingestion, shared_data):
    quotes = _real(shared_data, "fx/USD_SGD_H1_mid_bid_ask_2025-01_2025-06.ndjson.gz")
    bars = ingestion.run("fx", "own", quotes=quotes).load("fx.silver_bars")
    assert len(bars) == 3075
    assert bars["close"].iloc[0] == 1.36576
    assert bars["ts"].iloc[0] == pd.Timestamp("2025-01-01 23:00", tz="UTC")


def test_seconds_and_columns_in_unusual_order(ingestion, shared_data):
    quotes = _real(shared_data, "fx/EUR_USD_H1_2000-05_2015-12.tsv.gz")
    catalog = ingestion.run("fx", "own", quotes=quotes)
    bars = catalog.load("fx.silver_bars")
    first = bars.iloc[0]
    assert (first["open"], first["close"], first["high"], first["low"]) == (0.9302, 0.9297, 0.9305, 0.9297)
    assert bars["bid_close"].isna().all()
    aside = catalog.load("fx.quarantine_bars")
    assert aside["rule"].value_counts().to_dict() == {"no_session": 218, "wild_wick": 1}


def test_headlines_with_broken_rows(shared_data):
    from finq_predictor.adapters.sources.own_file import OwnFileSource
    from finq_predictor.domain.ingestion.records import clean_articles
    from finq_predictor.domain.ingestion.rules import Rules
    from finq_predictor.domain.market.markets import get_market

    raw = OwnFileSource(_real(shared_data, "text/benzinga_headlines_A-ACAT_2009_2018-02.csv.gz"), "articles").read()
    cleaned = clean_articles(raw, Rules(get_market("equity")))
    assert cleaned.tally.rules == {"bad_time": 4, "duplicate": 310}
    assert len(cleaned.silver) + len(cleaned.quarantine) == len(raw)


def test_ticker_that_was_another_company_is_left_out_from_when_it_shows(shared_data):
    from finq_predictor.domain.ingestion.bars import clean_bars
    from finq_predictor.domain.ingestion.rules import Rules
    from finq_predictor.domain.market.markets import get_market

    raw = pd.read_parquet(_real(shared_data, EQUITIES), filters=[("symbol", "in", ["BHF", "BK"])])
    cleaned = clean_bars(raw, Rules(get_market("equity")))
    last = cleaned.silver.groupby("instrument")["ts"].max().dt.strftime("%Y-%m-%d").to_dict()
    # The other company's prices end in 2015; what follows are fragments until the ticker is listed again.
    assert last == {"BHF": "2015-12-29", "BK": "2017-12-06"}
    assert "BHF has no price from 2015-12-29 to 2017-07-05 and comes back at 11.92 after 0.001: perhaps" in "".join(
        cleaned.quarantine["reason"]
    )
