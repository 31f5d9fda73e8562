"""Articles of NewsAPI: day by day, none missed and none twice while the result grows, known when they came."""

from __future__ import annotations

from functools import partial

import pandas as pd
import pytest

from catching_up_runs import FAST, kept
from finq_predictor.adapters.bronze.asked import question_of
from finq_predictor.adapters.bronze.coverage import Coverage
from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.adapters.sources.catching_up import Plan, catch_up
from finq_predictor.adapters.sources.newsapi import NewsApiSource
from finq_predictor.adapters.sources.protocol import WindowSource
from finq_predictor.domain.errors import (
    ConfigurationError,
    SourceAnswerError,
    SourceError,
    SourceRefusedError,
    SourceUnavailableError,
)
from finq_predictor.domain.ingestion.records import clean_articles
from finq_predictor.domain.ingestion.rules import Rules
from finq_predictor.domain.market.markets import get_market
from provider_replays import NewsApiReplay
from provider_server import cut_off, empty, failing, html, json_answer, throttled

KEY = "key-of-a-test"
PATH = "/v2/everything"
START = pd.Timestamp("2025-01-06", tz="UTC")
QUERIES = {"AAPL": "Apple Inc", "EUR_USD": '"EUR/USD"'}


def hour(number: float) -> pd.Timestamp:
    return START + pd.Timedelta(hours=number)


def articles(count: int = 72, every: str = "1h", instrument: str = "AAPL") -> pd.DataFrame:
    times = pd.date_range(START, periods=count, freq=every)
    rows = [[QUERIES[instrument], f"https://example.com/{instrument}/{n}", time] for n, time in enumerate(times)]
    table = pd.DataFrame(rows, columns=["q", "url", "publishedAt"])
    return table.assign(
        title=[f"{instrument} {number}" for number in range(count)], description="Text", author="Someone"
    )


@pytest.fixture
def provider():
    with NewsApiReplay(pd.concat([articles(), articles(instrument="EUR_USD")], ignore_index=True)) as server:
        yield server


def source(provider: NewsApiReplay, *instruments: str, **changes) -> NewsApiSource:
    options = {"base_url": f"{provider.url}/v2", "credentials": {"key": KEY}, "policy": FAST, **changes}
    return NewsApiSource({name: QUERIES[name] for name in instruments or QUERIES}, **options)


keep = partial(kept, since=START)


def urls(store: BronzeStore) -> list[str]:
    return store.all()["url"].tolist()


def test_a_history_comes_day_by_day_the_oldest_first_and_each_article_once(provider, tmp_path):
    store, news = BronzeStore(tmp_path), source(provider)
    assert isinstance(news, WindowSource)
    assert keep(store, news, hour(60)) == 2 * 60
    assert sorted(urls(store)) == sorted(set(urls(store)))
    aapl = [asked.query for asked in provider.requests if asked.query["q"] == "Apple Inc"]
    assert [query["from"] for query in aapl] == ["2025-01-06T00:00:00", "2025-01-07T00:00:00", "2025-01-08T00:00:00"]
    assert [query["to"] for query in aapl] == ["2025-01-06T23:59:59", "2025-01-07T23:59:59", "2025-01-08T11:59:59"]
    assert {(query["language"], query["sortBy"], query["pageSize"]) for query in aapl} == {("en", "publishedAt", "100")}
    row = store.all().iloc[0]
    assert (row["instrument"], row["source"], row["author"], row["description"]) == ("AAPL", "Wire", "Someone", "Text")


def test_the_next_run_asks_for_the_new_hours_only(provider, tmp_path):
    store = BronzeStore(tmp_path)
    keep(store, source(provider, "AAPL"), hour(30))
    provider.requests.clear()
    assert keep(store, source(provider, "AAPL"), hour(30)) == 0
    assert provider.requests == []
    assert keep(store, source(provider, "AAPL"), hour(32)) == 2
    assert [asked.query["from"] for asked in provider.requests] == ["2025-01-07T06:00:00"]


def test_an_article_that_is_found_late_comes_when_its_days_are_asked_for_again(provider, tmp_path):
    store = BronzeStore(tmp_path)
    late = {"q": "Apple Inc", "url": "https://example.com/late", "title": "Late", "publishedAt": hour(20.5)}
    keep(store, source(provider, "AAPL"), hour(30))
    provider.articles = pd.concat([provider.articles, pd.DataFrame([late])], ignore_index=True)
    assert keep(store, source(provider, "AAPL"), hour(31), again="12h") == 2
    assert keep(store, source(provider, "AAPL"), hour(32), again="12h") == 1


def test_a_longer_history_is_filled_in_front(provider, tmp_path):
    store = BronzeStore(tmp_path)
    keep(store, source(provider, "AAPL"), hour(30), since=hour(10))
    provider.requests.clear()
    assert keep(store, source(provider, "AAPL"), hour(30)) == 10
    assert [asked.query["to"] for asked in provider.requests] == ["2025-01-06T09:59:59"]
    assert len(set(urls(store))) == len(urls(store)) == 30


def test_an_interrupted_run_goes_on_with_the_next_day(provider, tmp_path):
    store = BronzeStore(tmp_path)
    frames = catch_up(source(provider, "AAPL"), Coverage(), Plan(START, hour(60), pd.Timedelta(0)))
    first = next(frames)
    store.keep_part(first, question_of(first))
    frames.close()
    provider.requests.clear()
    keep(store, source(provider, "AAPL"), hour(60))
    assert provider.requests[0].query["from"] == "2025-01-07T00:00:00"
    assert len(set(urls(store))) == len(urls(store)) == 60


def test_a_day_with_more_than_the_plan_gives_is_asked_for_in_halves(provider, tmp_path):
    provider.articles = articles(250, "5min")
    store = BronzeStore(tmp_path)
    assert keep(store, source(provider, "AAPL"), hour(24)) == 250
    assert len(set(urls(store))) == 250
    # The first answer tells how many there are, so that no page is asked for that the plan does not give.
    assert {asked.query["page"] for asked in provider.requests} == {"1"}
    # Whoever has no such plan and says that he had is told so by the provider, and the same is done.
    store = BronzeStore(tmp_path / "other")
    assert keep(store, source(provider, "AAPL", most_results=1000), hour(24)) == 250
    # With such a plan there are pages.
    provider.most = 1000
    provider.requests.clear()
    store = BronzeStore(tmp_path / "third")
    assert keep(store, source(provider, "AAPL", most_results=1000), hour(24)) == 250
    assert [asked.query["page"] for asked in provider.requests] == ["1", "2", "3"]


def test_a_second_with_more_than_the_plan_gives_is_named(provider, tmp_path, caplog):
    provider.articles = articles(101).assign(publishedAt=hour(1.5))
    keep(BronzeStore(tmp_path), source(provider, "AAPL"), hour(3))
    assert "too many articles on 'Apple Inc' from 2025-01-06T01:30:00 to 2025-01-06T01:30:00" in caplog.text
    assert Coverage.read(tmp_path).of("AAPL") == [(hour(0), hour(1.5))]
    assert len(provider.requests) < 60


def test_none_is_missed_and_none_doubled_while_the_result_grows(provider, tmp_path):
    provider.articles, provider.most = articles(150, "1min"), 1000
    arriving = [
        {"q": "Apple Inc", "url": f"https://example.com/new/{n}", "title": "New", "publishedAt": hour(3 + n)}
        for n in range(2)
    ]
    provider.arriving = list(arriving)
    store = BronzeStore(tmp_path)
    # The first new article pushes the last one of page 1 to page 2, and lies itself on a page that was read already.
    assert keep(store, source(provider, "AAPL", most_results=1000), hour(6)) == 152
    assert len(set(urls(store))) == len(urls(store)) == 152
    assert {article["url"] for article in arriving} <= set(urls(store))


def test_a_result_that_never_stops_growing_is_left_to_the_next_run(provider, caplog):
    caplog.set_level("INFO")
    provider.articles, provider.most = articles(150, "1min"), 1000
    provider.arriving = [
        {"q": "Apple Inc", "url": f"https://example.com/new/{n}", "title": "New", "publishedAt": hour(3)}
        for n in range(20)
    ]
    list(source(provider, "AAPL", most_results=1000).fetch(["AAPL"], hour(0), hour(6), hour(6)))
    assert len(provider.requests) == 6
    assert "grows while it is read" in caplog.text


@pytest.mark.parametrize("as_published", [False, True])
def test_an_article_is_known_when_it_was_received_unless_somebody_says_otherwise(provider, tmp_path, as_published):
    store = BronzeStore(tmp_path)
    keep(store, source(provider, "AAPL", as_published=as_published), hour(10))
    provider.articles.loc[provider.articles["url"] == "https://example.com/AAPL/3", "title"] = "AAPL 3, corrected"
    assert keep(store, source(provider, "AAPL", as_published=as_published), hour(10.5), again="10h") == 2
    raw = store.all()
    cleaned = clean_articles(raw, Rules(get_market("equity")))
    assert cleaned.quarantine.empty
    silver = cleaned.silver.set_index("title")
    received = sorted(raw["_received_at"].unique())
    assert silver.loc["AAPL 3", "known_at"] == (hour(3) if as_published else received[0])
    assert silver.loc["AAPL 3, corrected", "known_at"] == received[1]
    assert silver["published_at"].min() == hour(0)
    assert silver.loc["AAPL 1", ["article_id", "body", "source"]].tolist() == [
        "https://example.com/AAPL/1",
        "Text",
        "Wire",
    ]


def said(*rows: dict, **changes) -> dict:
    return {"status": "ok", "totalResults": len(rows), "articles": list(rows), **changes}


def article(number: int = 1, at: str = "02:00", **changes) -> dict:
    return {
        "source": {"id": None, "name": "Wire"},
        "author": None,
        "title": f"Title {number}",
        "description": None,
        "url": f"https://example.com/{number}",
        "publishedAt": f"2025-01-06T{at}:00Z",
        **changes,
    }


def no(code: str, message: str, status: int = 200):
    return json_answer({"status": "error", "code": code, "message": message}, status)


def fetched(provider) -> pd.DataFrame:
    parts = source(provider, "AAPL").fetch(["AAPL"], hour(0), hour(5), hour(5))
    return pd.concat([part.frame for part in parts], ignore_index=True)


@pytest.mark.parametrize(
    ("answers", "error", "words", "requests"),
    [
        ([failing(500), failing(500)], SourceUnavailableError, "newsapi", 2),
        ([throttled(), throttled()], SourceUnavailableError, "429", 2),
        ([throttled(3600)], SourceUnavailableError, "Come back in 3,600 s", 1),
        ([no("rateLimited", "Slowly", 429)] * 2, SourceUnavailableError, "429, Slowly", 2),
        ([no("rateLimited", "Slowly")] * 2, SourceUnavailableError, "rateLimited, Slowly", 2),
        ([no("apiKeyInvalid", f"No such key {KEY}")], SourceRefusedError, "apiKeyInvalid.*FINQ_NEWSAPI_KEY", 1),
        ([no("apiKeyDisabled", "No", 401)], SourceRefusedError, "FINQ_NEWSAPI_KEY", 1),
        ([no("parameterInvalid", f"Too far in the past for {KEY}")], SourceError, "parameterInvalid, Too far", 1),
        ([no("parameterInvalid", "Too far in the past", 426)], SourceError, "Too far in the past", 1),
        ([html()], SourceAnswerError, "page", 1),
        ([empty()], SourceAnswerError, "empty", 1),
        ([cut_off(), cut_off()], SourceAnswerError, "cut off", 2),
        ([json_answer([])], SourceAnswerError, "another form", 1),
        ([json_answer({"status": "ok"})], SourceAnswerError, "another form.*'articles'", 1),
        ([json_answer(said({"title": "No address"}))], SourceAnswerError, "another form.*'url'", 1),
        ([json_answer(said(article(source="Wire")))], SourceAnswerError, "another form", 1),
        ([json_answer(said("article"))], SourceAnswerError, "another form", 1),
    ],
)
def test_what_is_no_answer_is_named_and_nothing_of_it_is_kept(provider, answers, error, words, requests):
    provider.queue(PATH, *answers)
    with pytest.raises(error, match=rf"(?s){words}") as caught:
        fetched(provider)
    assert provider.count(PATH) == requests
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("answers", "numbers"),
    [
        ([failing(503), json_answer(said(article()))], [1]),
        ([no("rateLimited", "Slowly"), json_answer(said(article()))], [1]),
        ([throttled(0), json_answer(said(article()))], [1]),
        ([cut_off(), json_answer(said(article()))], [1]),
        # Out of order, twice, outside of the window, and with what nobody knows yet.
        ([json_answer(said(article(2), article(1, "01:00"), article(2), article(3, "05:00")))], [2, 1]),
        ([json_answer(said(article(mood="good"), news=1))], [1]),
        ([json_answer(said(article(2, title="[Removed]"), article(1), article(3, url=None)))], [1]),
        ([json_answer(said(article(1, source=None)))], [1]),
        ([json_answer(said(totalResults=50)), json_answer(said(totalResults=50))], []),
        ([json_answer(said())], []),
    ],
)
def test_what_is_an_answer_after_all_is_kept_as_it_came(provider, answers, numbers):
    provider.queue(PATH, *answers)
    assert fetched(provider)["title"].tolist() == [f"Title {number}" for number in numbers]


def test_a_key_that_is_not_accepted_is_said_once(provider):
    refused = source(provider, credentials={"key": "an-old-key"})
    with pytest.raises(SourceRefusedError, match=r"FINQ_NEWSAPI_KEY.*credentials\.yml") as caught:
        list(refused.fetch(refused.keys, hour(0), hour(50), hour(50)))
    assert "an-old-key" not in str(caught.value)
    assert "an-old-key" not in str(refused.calls.frame().to_dict())
    assert len(provider.requests) == 1


def test_options_that_cannot_be_are_refused(monkeypatch):
    monkeypatch.delenv("FINQ_NEWSAPI_KEY", raising=False)
    with pytest.raises(ConfigurationError, match=r"There is no key for newsapi.*FINQ_NEWSAPI_KEY"):
        NewsApiSource(QUERIES)
    monkeypatch.setenv("FINQ_NEWSAPI_KEY", KEY)
    assert NewsApiSource(QUERIES).keys == ("AAPL", "EUR_USD")
    with pytest.raises(ConfigurationError, match="has 501 characters"):
        NewsApiSource({"AAPL": "x" * 501})
    with pytest.raises(ConfigurationError, match="`most_results` is 0"):
        NewsApiSource(QUERIES, most_results=0)
    with pytest.raises(ConfigurationError, match="belongs to no catalog"):
        NewsApiSource(QUERIES, base_url="https://user:password@example.com")
