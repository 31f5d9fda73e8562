"""The quality of an article is the product of its reasons, and looks at nothing that came later."""

from __future__ import annotations

import pandas as pd
import pytest

from finq_predictor.domain.ingestion.article_quality import note_on_quality, quality_of
from finq_predictor.domain.ingestion.records import clean_articles
from finq_predictor.domain.ingestion.rules import Rules
from finq_predictor.domain.market.instruments import InstrumentKind
from finq_predictor.domain.market.markets import get_market

MONDAY = pd.Timestamp("2024-01-08T14:00Z")
GOOD = "Agilent raises its outlook for the year after strong orders"


def news(*rows):
    frame = pd.DataFrame([{"title": GOOD, **row} for row in rows])
    usual = {"instrument": "A", "body": "", "source": "wire", "duplicate_of": "", "published_at": MONDAY}
    for name, value in usual.items():
        frame[name] = frame[name].fillna(value) if name in frame else value
    return frame.assign(known_at=frame["known_at"].fillna(MONDAY) if "known_at" in frame else MONDAY)


def factors(kind=InstrumentKind.STOCK, **row):
    return quality_of(news(row), kind).iloc[0]


def test_nothing_is_held_against_plain_news():
    assert factors().tolist() == [1.0] * 8
    assert factors(InstrumentKind.PAIR, instrument="USD", title="EUR/USD falls as the Fed stays hawkish").prod() == 1.0


@pytest.mark.parametrize(
    ("reason", "value", "row"),
    [
        ("short", 0.4, {"title": "Agilent up"}),
        ("about_others", 0.5, {"title": "Why we like $PFE more than the rest of them"}),
        ("shared", 0.5, {"title": "Today we look at $A $PFE $ABBV $MRK and their drugs"}),
        ("roundup", 0.3, {"title": "14 Stocks To Watch For November 21, 2017"}),
        ("roundup", 0.3, {"title": "Mid-Afternoon Market Update: Agilent Rises On Strong Orders"}),
        ("loud", 0.5, {"title": "Our penny stock newsletter gained again: Agilent is next"}),
        ("loud", 0.5, {"title": "AGILENT IS THE NEXT BIG THING IN LIFE SCIENCE"}),
        ("foreign", 0.2, {"title": "La empresa anuncia los resultados del año con una pérdida para el grupo"}),
        ("foreign", 0.2, {"title": "низкая волатильность и близкий стоп для акций"}),
        ("late", 0.5, {"known_at": MONDAY + pd.Timedelta(days=4)}),
        ("late", 1.0, {"known_at": MONDAY + pd.Timedelta(hours=24)}),
        ("source", 0.8, {"source": ""}),
    ],
)
def test_each_reason_is_held_alone(reason, value, row):
    found = factors(**row)
    assert found[reason] == pytest.approx(value)
    assert found.drop(reason).tolist() == [1.0] * 7


def test_a_source_that_repeats_loses_trust_from_then_on():
    rows = [{"source": "parrot", "duplicate_of": first} for first in ("", "x", "x", "")] + [{"source": "other"}]
    assert quality_of(news(*rows), InstrumentKind.STOCK)["source"].tolist() == pytest.approx(
        [1.0, 1.0, 1 - 1 / 12, 1 - 2 / 13, 1.0]
    )


def test_a_title_is_shared_by_those_that_have_had_it_by_then():
    later = MONDAY + pd.Timedelta(minutes=5)
    rows = [
        {"instrument": name, "known_at": when} for name, when in zip("ABCDD", [MONDAY] * 3 + [later] * 2, strict=True)
    ]
    shared = quality_of(news(*rows), InstrumentKind.STOCK)["shared"]
    assert shared.tolist() == pytest.approx([2 / 3] * 3 + [0.5] * 2)


def test_a_delivery_says_what_weighs_most_against_its_articles():
    rows = [{"title": f"{number} Stocks To Watch on this day", "source": ""} for number in range(11, 22)]
    assert note_on_quality(quality_of(news(*rows), InstrumentKind.STOCK)) == (
        "11 of 11 articles are of a quality below 0.5, most of all for: roundup 11",
    )
    assert note_on_quality(quality_of(news(*rows[:9]), InstrumentKind.STOCK)) == ()
    raw = news(*rows).drop(columns=["known_at", "duplicate_of"])
    assert "roundup 11" in clean_articles(raw, Rules(get_market("equity"))).tally.notes[-1]


def test_texts_of_real_feeds(shared_data):
    """Languages as Twitter told them: whom we take for foreign is foreign; headlines of a wire are not."""
    tweets = pd.read_parquet(shared_data / "text" / "stocknet_tweets_2014_2015.parquet", columns=["text", "lang"])
    tweets = tweets.drop_duplicates("text").iloc[::20]
    foreign = quality_of(news(*({"title": text} for text in tweets["text"])), InstrumentKind.STOCK)["foreign"] < 1
    assert (tweets["lang"].to_numpy()[foreign] != "en").mean() > 0.9
    assert foreign.sum() > 50
    wire = pd.read_csv(shared_data / "text" / "benzinga_headlines_A-ACAT_2009_2018-02.csv.gz").iloc[::5]
    assert (
        quality_of(news(*({"title": text} for text in wire["title"])), InstrumentKind.STOCK)["foreign"] == 1
    ).mean() > 0.99
