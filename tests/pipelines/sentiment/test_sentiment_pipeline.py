"""The sentiment pipeline, run node by node from articles to a tone per bar."""

from __future__ import annotations

import pandas as pd
import pytest
from pydantic import ValidationError

from finq_predictor.domain.market.markets import get_market
from finq_predictor.pipelines.sentiment.nodes import article_texts, score_articles
from finq_predictor.pipelines.sentiment.params import SentimentParams
from finq_predictor.pipelines.sentiment.pipeline import create_pipeline

CLOSES = pd.to_datetime(["2024-01-05T21:00Z", "2024-01-08T21:00Z"]).astype("datetime64[us, UTC]")


def articles(rows):
    frame = pd.DataFrame(rows, columns=["article_id", "instrument", "published_at", "title", "body", "source"])
    published = pd.to_datetime(frame["published_at"], utc=True).astype("datetime64[us, UTC]")
    return frame.assign(published_at=published, known_at=published)


def bars(instrument):
    return pd.DataFrame({"instrument": pd.Series([instrument] * 2, dtype="str"), "ts": CLOSES})


NEWS = {
    "equity": articles(
        [
            ("1", "AAA", "2024-01-06T10:00Z", "AAA beats estimates", None, "wire"),
            ("2", "AAA", "2024-01-06T11:00Z", None, "AAA cuts guidance", "wire"),
            ("3", "AAA", "2024-01-09T11:00Z", "AAA soars", "", "wire"),
        ]
    ),
    "fx": articles([("1", "USD", "2024-01-08T10:00Z", "Fed turns hawkish", "", "wire")]),
}


def run(market, news, params=None):
    data = {
        "silver_articles": news,
        "silver_bars": bars("AAA" if market == "equity" else "EUR_USD"),
        "params:sentiment": params or SentimentParams(),
    }
    for node in create_pipeline(get_market(market)).nodes:
        data |= node.run({name: data[name] for name in node.inputs})
    return data["scored_articles"], data["silver_sentiment"], data["silver_coverage"]


def test_equity_articles_become_a_tone_at_the_next_close():
    scored, tone, _ = run("equity", NEWS["equity"])
    assert (scored["tone"].iloc[[0, 2]] > 0).all()
    assert scored["tone"].iloc[1] < 0
    assert scored["scorer"].tolist() == ["lexicon"] * 3
    assert tone["ts"].tolist() == [CLOSES[1]]
    assert tone["article_count"].tolist() == [2]


def test_good_news_for_the_quote_currency_lowers_the_pair():
    _, tone, _ = run("fx", NEWS["fx"])
    assert tone["tone_sum"].iloc[0] < 0


def test_a_story_that_came_three_times_counts_once():
    news = pd.concat([NEWS["equity"].iloc[:1]] * 3, ignore_index=True).assign(duplicate_of=["", "1", "1"], quality=0.5)
    news["known_at"] += pd.to_timedelta([0, 1, 2], unit="h")
    scored, once, coverage = run("equity", news)
    assert scored["weight"].tolist() == [1.0, 0.0, 0.0]
    assert once["article_count"].tolist() == [1]
    _, single, _ = run("equity", news.iloc[:1])
    pd.testing.assert_frame_equal(once, single)
    # That it is repeated still says that articles come in.
    assert coverage["newest"].iloc[-1] == news["known_at"].max()
    _, thrice, _ = run("equity", news, SentimentParams(count_repeats=True))
    assert thrice["article_count"].tolist() == [3]
    assert thrice["tone_sum"].tolist() == pytest.approx((3 * once["tone_sum"]).tolist())


def test_articles_count_by_their_quality_only_where_that_is_asked_for():
    news = NEWS["equity"].assign(duplicate_of="", quality=[0.5, 0.5, 1.0])
    _, usual, _ = run("equity", news)
    _, before, _ = run("equity", NEWS["equity"])
    pd.testing.assert_frame_equal(usual, before)
    scored, weighed, _ = run("equity", news, SentimentParams(weigh_by_quality=True))
    assert scored["weight"].tolist() == [0.5, 0.5, 1.0]
    assert weighed["tone_sum"].tolist() == pytest.approx((usual["tone_sum"] / 2).tolist())
    assert weighed["article_count"].tolist() == usual["article_count"].tolist()


@pytest.mark.parametrize("market", ["equity", "fx"])
def test_no_articles_give_typed_empty_tables(market):
    scored, tone, _ = run(market, NEWS[market].iloc[:0])
    full_scored, full_tone, _ = run(market, NEWS[market])
    assert scored.empty
    assert tone.empty
    assert scored.dtypes.astype("str").to_dict() == full_scored.dtypes.astype("str").to_dict()
    assert tone.dtypes.astype("str").to_dict() == full_tone.dtypes.astype("str").to_dict()


def test_an_absent_scorer_falls_back_says_so_and_leaves_the_input_alone(caplog):
    news = NEWS["equity"].copy(deep=True)
    params = SentimentParams(scorers=("transformer", "lexicon"))
    scored = score_articles(news, params, market=get_market("equity"))
    assert scored["scorer"].unique().tolist() == ["lexicon"]
    assert "passed 3 articles down" in caplog.text
    pd.testing.assert_frame_equal(news, NEWS["equity"])


def test_texts_are_cut_and_missing_parts_are_empty():
    assert article_texts(NEWS["equity"], 10) == ["AAA beats ", ". AAA cuts", "AAA soars."]
    assert article_texts(NEWS["equity"].drop(columns="body"), 50)[0] == "AAA beats estimates."


@pytest.mark.parametrize("wrong", [{"scorers": ()}, {"max_text_length": 0}, {"half_life": 3}])
def test_parameters_are_checked(wrong):
    with pytest.raises(ValidationError):
        SentimentParams(**wrong)


def test_a_source_that_seldom_writes_is_noticed(caplog):
    _, _, coverage = run("equity", NEWS["equity"], SentimentParams(max_silence_hours=1))
    assert coverage["complete"].tolist() == [False, False]
    assert "none for more than 1 h before 2 of 2 bars" in caplog.text
    caplog.clear()
    _, _, coverage = run("equity", NEWS["equity"].iloc[:1].assign(known_at=CLOSES[0]))
    assert coverage["complete"].tolist() == [True, True]
    assert caplog.text == ""
