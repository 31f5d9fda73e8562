"""Entries of feeds: each once and again only when its text changes, known when they came, about what they name."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial

import pandas as pd
import pytest

from catching_up_runs import FAST, kept
from finq_predictor.adapters.bronze.asked import question_of
from finq_predictor.adapters.bronze.coverage import Coverage
from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.adapters.sources.catching_up import Plan, catch_up
from finq_predictor.adapters.sources.protocol import WindowSource
from finq_predictor.adapters.sources.rss import FEEDS, RssSource
from finq_predictor.domain.errors import (
    ConfigurationError,
    SourceAnswerError,
    SourceError,
    SourceUnavailableError,
    UnknownNameError,
)
from finq_predictor.domain.ingestion.known_time import known_times_of
from finq_predictor.domain.ingestion.records import clean_articles
from finq_predictor.domain.ingestion.rules import Rules
from finq_predictor.domain.market.markets import get_market
from provider_replays import FeedReplay, feed_answer, rss2
from provider_server import cut_off, empty, failing, html, throttled

START = pd.Timestamp("2025-01-01", tz="UTC")
NEWS = "/news.xml"


@pytest.fixture
def site():
    with FeedReplay() as server:
        yield server


def source(site: FeedReplay, *paths: str, **options) -> RssSource:
    feeds = {path.strip("/").split(".")[0]: f"{site.url}{path}" for path in paths or (NEWS,)}
    return RssSource(feeds, policy={**FAST, **options.pop("policy", {})}, **options)


def entry(number: int = 1, title: str = "EUR/USD rises", **more: str) -> dict[str, str]:
    link, published = f"https://example.com/{number}", f"Mon, 06 Jan 2025 12:0{number}:00 GMT"
    return {"title": title, "link": link, "guid": f"id-{number}", "pubDate": published, **more}


def day(number: float) -> pd.Timestamp:
    return START + pd.Timedelta(days=number)


keep = partial(kept, since=START)


def fetched(site: FeedReplay, *paths: str, **options) -> pd.DataFrame:
    rss = source(site, *paths, **options)
    return pd.concat([part.frame for part in rss.fetch(rss.keys, day(0), day(9), day(9))], ignore_index=True)


def told(site: FeedReplay, text: str, encoding: str = "utf-8") -> pd.DataFrame:
    site.queue(NEWS, feed_answer(text, encoding))
    return fetched(site, names={"Euro": "EUR_USD"})


def test_an_entry_that_stays_in_its_feed_is_kept_once_however_long_it_stays(site, tmp_path):
    store, rss = BronzeStore(tmp_path), source(site)
    assert isinstance(rss, WindowSource)
    site.entries[NEWS] = [entry(2), entry(1)]
    assert keep(store, rss, day(1)) == 2
    for number in range(2, 8):
        assert keep(store, source(site), day(number)) == 0
    site.entries[NEWS].insert(0, entry(3))
    assert keep(store, source(site), day(30)) == 1
    assert store.all()["id"].tolist() == ["id-2", "id-1", "id-3"]
    assert site.count(NEWS) == 8
    # Nothing is asked while nothing is wanted, and never for the past, of which a feed has none.
    assert keep(store, source(site), day(30)) == 0
    assert keep(store, source(site), day(30), since=day(-300)) == 0
    assert site.count(NEWS) == 8


def test_another_title_is_a_revision_and_another_date_too(site, tmp_path):
    store = BronzeStore(tmp_path)
    site.entries[NEWS] = [entry(1)]
    keep(store, source(site), day(1))
    site.entries[NEWS] = [entry(1, "EUR/USD falls")]
    assert keep(store, source(site), day(9)) == 1
    assert store.all()["title"].tolist() == ["EUR/USD rises", "EUR/USD falls"]
    assert keep(store, source(site), day(10)) == 0
    site.entries[NEWS] = [entry(1, "EUR/USD falls", pubDate="Tue, 07 Jan 2025 12:00:00 GMT")]
    assert keep(store, source(site), day(11)) == 1


def test_an_article_is_known_when_it_was_received_never_at_its_claimed_publication(site, tmp_path):
    """The law for every live source of articles, through bronze to silver."""
    store, rules = BronzeStore(tmp_path), Rules(get_market("fx"))
    claims = {"pubDate": "Fri, 01 Jan 2100 00:00:00 GMT"}, {"pubDate": "Wed, 01 Jan 2020 00:00:00 GMT"}
    undated = {name: text for name, text in entry(4, "Undated about EUR/USD").items() if name != "pubDate"}
    site.entries[NEWS] = [entry(1, "EUR/USD one", **claims[0]), entry(2, "EUR/USD two", **claims[1]), undated]
    keep(store, source(site), day(1))
    first = store.all()["_received_at"].iloc[0]
    site.entries[NEWS][1] = entry(2, "EUR/USD two, rewritten", **claims[1])
    keep(store, source(site), day(2))
    raw = store.all()
    second = raw["_received_at"].iloc[-1]
    assert first < second
    cleaned = clean_articles(raw, rules)
    assert cleaned.quarantine.empty
    known = cleaned.silver.set_index("title")["known_at"]
    assert known.drop("EUR/USD two, rewritten").eq(first).all()
    assert known["EUR/USD two, rewritten"] == second
    assert (cleaned.silver["published_at"] <= cleaned.silver["known_at"]).all()
    assert cleaned.silver["source"].eq("news").all()
    assert known_times_of(raw, "articles", rules).tolist() == [first, first, first, second]
    # A run of the past does not know what came since, whatever it says of its age.
    assert clean_articles(raw, replace(rules, as_of=day(1))).silver.empty


def test_an_entry_about_several_instruments_is_several_rows_and_one_about_none_is_counted(site, caplog):
    caplog.set_level(logging.INFO)
    site.entries[NEWS] = [
        entry(1, "$AAPL up, EURUSD down", description="Also <b>Tesla</b>"),
        entry(2, "The weather", description="It rains"),
    ]
    rows = fetched(site, names={"Tesla": "TSLA"})
    assert rows["instrument"].tolist() == ["AAPL", "EUR_USD", "TSLA"]
    assert rows["id"].eq("id-1").all()
    assert "news: 1 of 2 entries are about no instrument" in caplog.text


def test_a_feed_of_one_instrument_is_about_it_whatever_it_names(site):
    site.entries[NEWS] = [entry(1, "EUR/USD"), entry(2, "The weather")]
    assert fetched(site, instruments={"news": "AAPL"})["instrument"].tolist() == ["AAPL", "AAPL"]


def test_texts_are_plain(site):
    site.entries[NEWS] = [entry(1, "P&amp;G and EUR/USD", description="<p>A&nbsp;<script>alert(1)</script>B</p>")]
    row = fetched(site).iloc[0]
    assert (row["title"], row["summary"]) == ("P&G and EUR/USD", "A B")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            '<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title><entry><id>urn:1</id><title>Euro</title>'
            '<updated>2025-01-06T12:00:00-05:00</updated><link href="https://example.com/1"/></entry></feed>',
            ("urn:1", "https://example.com/1", "2025-01-06T17:00:00Z"),
            id="atom",
        ),
        pytest.param(
            '<rss version="0.91"><channel><title>T</title><item><title>Euro</title><link>https://example.com/1</link>'
            "</item></channel></rss>",
            ("https://example.com/1", "https://example.com/1", None),
            id="rss 0.91, neither guid nor date",
        ),
        pytest.param(
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" '
            'xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>T</title></channel>'
            '<item rdf:about="https://example.com/1"><title>Euro</title><link>https://example.com/1</link>'
            "<dc:date>2025-01-06T12:00:00Z</dc:date></item></rdf:RDF>",
            ("https://example.com/1", "https://example.com/1", "2025-01-06T12:00:00Z"),
            id="rss 1.0",
        ),
        pytest.param(
            rss2({"title": "Euro", "guid": "g", "pubDate": "Mon, 06 Jan 2025 12:00:00 +0530"}),
            ("g", "g", "2025-01-06T06:30:00Z"),
            id="rss 2.0 with a zone",
        ),
        pytest.param(
            rss2({"title": "Euro", "guid": "g", "pubDate": "Mon, 06 Jan 2025 12:00:00 XYZ"}),
            ("g", "g", "2025-01-06T12:00:00Z"),
            id="a zone that does not exist",
        ),
        pytest.param(
            rss2({"title": "Euro", "guid": "g", "pubDate": "gestern"}), ("g", "g", "gestern"), id="a date that is none"
        ),
        pytest.param(
            rss2({"title": "Euro", "guid": "g", "pubDate": "Fri, 01 Jan 2100 00:00:00 GMT"}),
            ("g", "g", "2100-01-01T00:00:00Z"),
            id="a date of the future",
        ),
        pytest.param(rss2({"title": "Euro"}), ("Euro", None, None), id="nothing but a title"),
    ],
)
def test_feeds_of_every_kind_are_read(site, text, expected):
    row = told(site, text).iloc[0]
    assert row["title"] == "Euro"
    assert tuple(None if pd.isna(row[name]) else row[name] for name in ("id", "link", "published")) == expected


def test_a_feed_tells_its_own_charset(site):
    text = '<?xml version="1.0" encoding="iso-8859-1"?><rss version="2.0"><channel><item><title>Börse: EUR/USD</title>'
    assert told(site, f"{text}</item></channel></rss>", "latin-1")["title"].tolist() == ["Börse: EUR/USD"]


def test_duplicates_are_one_row_and_an_empty_feed_is_an_answer(site):
    assert len(told(site, rss2(entry(1), entry(1), entry(2)))) == 2
    assert told(site, rss2()).empty


def test_what_a_feed_defines_is_neither_unfolded_nor_fetched(site, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("a secret of this machine")
    tenfold = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
    entities = (
        f'<!ENTITY e0 "EUR/USD">{tenfold}<!ENTITY file SYSTEM "{secret.as_uri()}"><!ENTITY far SYSTEM "{site.url}/far">'
    )
    text = rss2({"title": "EUR/USD KEPT", "guid": "1"}).replace("KEPT", "&e9; &file; &far;")
    rows = told(site, text.replace("<rss", f"<!DOCTYPE rss [{entities}]><rss", 1))
    assert rows["title"].str.len().max() < 1000
    assert not rows["title"].str.contains("secret of this").any()
    assert site.count() == 1


def test_what_can_be_read_of_a_feed_with_a_wrong_character_is_kept(site, caplog):
    text = rss2(entry(1), entry(2)).replace("rises", "rises &nbsp; again", 1)
    assert told(site, text)["id"].tolist() == ["id-1", "id-2"]
    assert "news: the feed is not well-formed" in caplog.text


@pytest.mark.parametrize(
    ("answers", "error", "words", "requests"),
    [
        ([failing(500), failing(500)], SourceError, "rss did not answer", 2),
        ([throttled(), throttled()], SourceError, "429", 2),
        ([throttled(3600)], SourceError, "Come back in 3,600 s", 1),
        ([cut_off(b"<rss>"), cut_off(b"<rss>")], SourceAnswerError, "cut off", 2),
        ([html("<html><title>Are you a robot?</title></html>")], SourceAnswerError, "no feed but 'Are you a robot", 1),
        ([html('{"error": "gone"}')], SourceAnswerError, "no feed", 1),
        ([empty()], SourceAnswerError, "it is empty", 1),
        # All bytes came that were announced, and the last title is half of one.
        ([feed_answer(rss2(entry(1), entry(2))[:-60])], SourceAnswerError, "ends in the middle", 1),
        ([failing(404, "gone")], SourceError, "gone", 1),
    ],
)
def test_what_is_no_feed_is_named_and_nothing_of_it_is_kept(site, answers, error, words, requests):
    site.queue(NEWS, *answers)
    with pytest.raises(error, match=rf"(?s)1 of 1 could not be had\. news: .*{words}"):
        fetched(site)
    assert site.count(NEWS) == requests


def test_what_passes_is_waited_for(site):
    site.entries[NEWS] = [entry(1)]
    for fault in (failing(503), throttled(), throttled(0), cut_off()):
        site.queue(NEWS, fault)
        assert len(fetched(site)) == 1


def test_a_feed_that_is_down_holds_up_no_other(site, tmp_path, caplog):
    store = BronzeStore(tmp_path)
    site.queue("/down.xml", failing(503), failing(503))
    site.entries |= {NEWS: [entry(1)], "/down.xml": [entry(2)]}
    assert keep(store, source(site, "/down.xml", NEWS), day(1)) == 1
    assert "1 of 2 could not be had. down: rss did not answer" in caplog.text
    site.requests.clear()
    # The next run asks the one that was down, and the other one only when there is a new window.
    assert keep(store, source(site, "/down.xml", NEWS), day(1)) == 1
    assert [asked.path for asked in site.requests] == ["/down.xml"]


def test_an_interrupted_run_goes_on_with_the_next_feed(site, tmp_path):
    store, paths = BronzeStore(tmp_path), ("/a.xml", "/b.xml")
    site.entries = {path: [entry(1)] for path in paths}
    frames = catch_up(source(site, *paths), Coverage(), Plan(START, day(1), pd.Timedelta(0)))
    first = next(frames)
    store.keep_part(first, question_of(first))
    frames.close()
    assert keep(store, source(site, *paths), day(1)) == 1
    assert [asked.path for asked in site.requests] == ["/a.xml", "/b.xml"]


def test_options_that_cannot_be_are_refused():
    assert RssSource().keys == tuple(FEEDS)
    with pytest.raises(ConfigurationError, match="no feed to ask"):
        RssSource({})
    with pytest.raises(UnknownNameError, match="Did you mean 'fxstreet'"):
        RssSource(instruments={"fxstret": "EUR_USD"})
    with pytest.raises(ConfigurationError, match="belongs to no catalog") as caught:
        RssSource({"mine": "https://example.com/feed?api_key=secret-of-mine"})
    assert "secret-of-mine" not in str(caught.value)


def test_every_default_feed_is_asked_over_tls():
    assert len(FEEDS) == 4
    assert all(address.startswith("https://") for address in FEEDS.values())


def test_real_headlines_go_through_as_they_are(shared_data, site, tmp_path):
    real = pd.read_csv(shared_data / "text/fx_headlines_2025-01_2025-06.csv.gz")
    columns = ["title", "link", "published"]
    site.entries[NEWS] = [
        {"title": title, "link": link, "guid": link, "pubDate": published}
        for title, link, published in real[columns].itertuples(index=False)
    ]
    store = BronzeStore(tmp_path)
    rss = source(site, names={"forex": "EUR_USD", "dollar": "EUR_USD", "currencies": "EUR_USD"})
    assert keep(store, rss, day(1)) > 10
    rows = store.all()
    assert set(rows["title"]) <= {" ".join(title.split()) for title in real["title"]}
    claimed = pd.to_datetime(rows["published"], utc=True)
    expected = real.set_index("link")["published_utc"].pipe(pd.to_datetime, utc=True)
    assert (claimed.to_numpy() == expected.reindex(rows["link"]).to_numpy()).all()
    cleaned = clean_articles(rows, Rules(get_market("fx")))
    assert len(cleaned.silver)
    assert cleaned.silver["known_at"].eq(rows["_received_at"].iloc[0]).all()


def test_one_feed_after_the_other_is_raised_as_what_they_have_in_common(site):
    site.queue("/a.xml", failing(503), failing(503))
    site.queue("/b.xml", failing(503), failing(503))
    with pytest.raises(SourceUnavailableError, match="2 of 2 could not be had"):
        fetched(site, "/a.xml", "/b.xml")
    assert len(site.requests) == 4
