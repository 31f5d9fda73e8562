"""A tiny question to each real provider: are they still as the sources take them to be? `make test-live`."""

from __future__ import annotations

import os
import socket
from urllib.parse import urlsplit

import pandas as pd
import pytest

from finq_predictor.adapters.sources import alpha_vantage, fred, newsapi, oanda
from finq_predictor.adapters.sources.alpha_vantage import AlphaVantageSource
from finq_predictor.adapters.sources.fred import FredSource
from finq_predictor.adapters.sources.newsapi import NewsApiSource
from finq_predictor.adapters.sources.oanda import OandaSource
from finq_predictor.adapters.sources.protocol import WindowSource, lineage
from finq_predictor.adapters.sources.rss import FEEDS, RssSource
from finq_predictor.adapters.sources.yahoo import YahooSource
from finq_predictor.domain.columns import RECEIVED_AT, SOURCE
from finq_predictor.domain.errors import SourceError
from finq_predictor.domain.ingestion.bars import clean_bars
from finq_predictor.domain.ingestion.records import clean_articles, clean_macro
from finq_predictor.domain.ingestion.rules import ReadingRules, Rules
from finq_predictor.domain.market.markets import MARKETS

pytestmark = pytest.mark.live

EQUITY = Rules(MARKETS["equity"], ReadingRules(prices="split_adjusted"))
FX = Rules(MARKETS["fx"])


def reachable(host: str) -> None:
    try:
        socket.create_connection((host, 443), timeout=5).close()
    except OSError as error:
        pytest.skip(f"no network: {host} cannot be reached ({error})")


def keyed(name: str, address: str) -> None:
    if not os.environ.get(name):
        pytest.skip(f"no key: set {name} in the environment")
    reachable(str(urlsplit(address).hostname))


def asked(source: WindowSource, days: float) -> pd.DataFrame:
    """What a source has of the last days, as it would lie in bronze."""
    now = pd.Timestamp.now("UTC").as_unit("us")
    parts = [
        part.frame.assign(**{SOURCE: lineage(source, part.source)})
        for part in source.fetch(source.keys, now - pd.Timedelta(days=days), now, now)
    ]
    filled = [part for part in parts if len(part)]
    assert filled, f"{source.source_id} has nothing of the last {days:g} days"
    rows = pd.concat(filled, ignore_index=True)
    assert not rows.duplicated(list(source.identity)).any()
    return rows.assign(**{RECEIVED_AT: pd.Timestamp.now("UTC").as_unit("us")})


def test_yahoo_has_days_of_a_share():
    reachable("query2.finance.yahoo.com")
    rows = asked(YahooSource(["AAPL"], currency="USD"), 10)
    assert {"instrument", "date", "open", "high", "low", "close", "volume", "dividend", "split"} <= set(rows)
    cleaned = clean_bars(rows, EQUITY)
    assert cleaned.quarantine.empty
    assert len(cleaned.silver) >= 4


def test_yahoo_has_hours_of_a_pair_and_the_total_return_of_the_index():
    reachable("query2.finance.yahoo.com")
    rows = asked(YahooSource({"EUR_USD": "EURUSD=X"}, bar_minutes=60), 5)
    assert 0.5 < clean_bars(rows, FX).silver["close"].iloc[-1] < 2
    assert asked(YahooSource({"SPX": "^SP500TR"}), 10)["close"].iloc[-1] > 5_000


@pytest.mark.parametrize("feed", sorted(FEEDS))
def test_feeds_are_there(feed):
    reachable(str(urlsplit(FEEDS[feed]).hostname))
    source = RssSource({feed: FEEDS[feed]}, instruments={feed: "EUR_USD"})
    rows = asked(source, 30)
    assert (rows["title"].str.len() > 0).all()
    assert len(clean_articles(rows, FX).silver)


def test_oanda_has_candles_with_both_sides():
    keyed("FINQ_OANDA_TOKEN", oanda.ADDRESSES["practice"])
    cleaned = clean_bars(asked(OandaSource(["EUR_USD"]), 5), FX)
    assert cleaned.quarantine.empty
    assert (cleaned.silver["ask_close"] > cleaned.silver["bid_close"]).all()


def test_fred_has_releases_with_their_day():
    keyed("FINQ_FRED_KEY", fred.ADDRESS)
    assert len(clean_macro(asked(FredSource(["DGS10"]), 14), EQUITY).silver)


def test_newsapi_has_articles():
    keyed("FINQ_NEWSAPI_KEY", newsapi.ADDRESS)
    assert len(clean_articles(asked(NewsApiSource({"AAPL": "Apple"}), 2), EQUITY).silver)


def test_alpha_vantage_has_days_of_a_share():
    keyed("FINQ_ALPHA_VANTAGE_KEY", alpha_vantage.ADDRESS)
    try:
        rows = asked(AlphaVantageSource(["IBM"], adjusted=False), 10)
    except SourceError as error:
        if "per day" in str(error):
            pytest.skip(f"the key has been used up for today: {error}")
        raise
    assert len(clean_bars(rows, EQUITY).silver) >= 4
