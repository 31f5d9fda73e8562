from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from finq_predictor.domain.columns import ON_RECEIPT
from finq_predictor.domain.errors import FinqError
from finq_predictor.domain.ingestion.known_time import known_times_of
from finq_predictor.domain.ingestion.records import clean_articles, clean_macro
from finq_predictor.domain.ingestion.rules import ReadingRules, Rules
from finq_predictor.domain.market.markets import get_market

RULES = Rules(get_market("equity"))


def article(title="A wins", symbol="$aapl", published="2024-01-02T10:00:00Z", seen=None, **more):
    return {"symbol": symbol, "published_at": published, "first_seen_at": seen, "title": title, **more}


def release(value=1.0, released="2024-02-01", period="2024-01-01", series="cpi"):
    return {"series": series, "period": period, "value": value, "released_at": released}


def test_an_article_counts_from_when_it_was_seen_and_never_before():
    rows = [article(seen="2024-01-02T11:00:00Z"), article("B", seen="2024-01-02T09:00:00Z"), article("C")]
    silver = clean_articles(pd.DataFrame(rows), RULES).silver.set_index("title")
    assert silver["known_at"].dt.hour.to_dict() == {"A wins": 11, "B": 10, "C": 10}
    assert set(silver["instrument"]) == {"AAPL"}
    assert silver["article_id"].str.len().eq(16).all()


def test_repeated_articles_leave_the_first_known():
    rows = [
        article("RT @you: A  wins https://t.co/1", published="2024-01-02T12:00:00Z"),
        article("a wins", published="2024-01-02T11:00:00Z"),
        article("A wins", symbol="MSFT"),
    ]
    cleaned = clean_articles(pd.DataFrame(rows), RULES)
    assert sorted(cleaned.silver["title"]) == ["A wins", "a wins"]
    assert cleaned.quarantine["title"].tolist() == ["RT @you: A  wins https://t.co/1"]


def test_bad_articles_are_named():
    rows = [article(published="soon"), article("", published="2024-01-03"), article("x", symbol=None), article("y")]
    cleaned = clean_articles(pd.DataFrame(rows), replace(RULES, as_of=pd.Timestamp("2024-01-01", tz="UTC")))
    assert cleaned.quarantine["rule"].tolist() == ["bad_time", "no_text", "no_instrument", "future"]
    assert cleaned.silver.empty


def test_no_articles_and_no_macro_are_fine():
    nothing = pd.DataFrame({"_source": pd.Series([], dtype="str")})
    for clean in (clean_articles, clean_macro):
        cleaned = clean(nothing, RULES)
        assert cleaned.silver.empty
        assert str(cleaned.silver["known_at"].dtype) == "datetime64[us, UTC]"
        assert cleaned.tally.notes == ("nothing was delivered",)


def test_revisions_stay_each_from_its_release():
    rows = [release(1.0), release(1.1, "2024-03-01"), release(1.0), release("n/a"), release(2.0, "2023-12-01")]
    cleaned = clean_macro(pd.DataFrame(rows), RULES)
    assert cleaned.silver["value"].tolist() == [1.0, 1.1]
    assert sorted(cleaned.quarantine["rule"]) == ["duplicate", "known_too_early", "missing_value"]
    assert cleaned.silver["period"].dtype == "datetime64[us]"


def test_cleaning_again_changes_nothing():
    articles = clean_articles(pd.DataFrame([article(seen="2024-01-02T11:00:00Z"), article("B")]), RULES).silver
    again = clean_articles(articles, RULES)
    pd.testing.assert_frame_equal(again.silver, articles)
    macro = clean_macro(pd.DataFrame([release(), release(1.1, "2024-03-01")]), RULES).silver
    pd.testing.assert_frame_equal(clean_macro(macro, RULES).silver, macro)


def test_exports_of_reddit_are_read():
    raw = pd.DataFrame(
        {
            "id": ["t3_a", "t3_b"],
            "ticker": ["$aapl", "MSFT"],
            "title": ["Apple beats", "Microsoft misses"],
            "selftext": ["by a lot", ""],
            "created_utc": [1_704_207_600, 1_704_211_200.0],
        }
    )
    silver = clean_articles(raw, RULES).silver
    assert silver["instrument"].tolist() == ["AAPL", "MSFT"]
    assert silver["published_at"].tolist() == [
        pd.Timestamp("2024-01-02 15:00", tz="UTC"),
        pd.Timestamp("2024-01-02 16:00", tz="UTC"),
    ]
    assert silver["body"].tolist() == ["by a lot", ""]


def test_what_carries_a_date_only_is_known_when_the_day_ends():
    rows = [article(published="2024-01-02"), article("B", published="2024-01-02", seen="2024-01-02T09:00:00Z")]
    cleaned = clean_articles(pd.DataFrame(rows), RULES)
    silver = cleaned.silver.set_index("title")
    assert silver["known_at"].dt.strftime("%d %H:%M:%S").to_dict() == {"A wins": "02 23:59:59", "B": "02 09:00:00"}
    assert silver["published_at"].dt.hour.tolist() == [0, 0]
    assert cleaned.tally.notes == (
        "1 of 2 rows have a date without a time of day; each counts as known at the end of that day (UTC)",
    )
    macro = clean_macro(pd.DataFrame([release(), release(2.0, "2024-03-01T08:30:00Z")]), RULES)
    assert macro.silver["known_at"].dt.hour.tolist() == [23, 8]


def test_what_was_first_seen_on_a_day_is_known_when_that_day_ends():
    rows = [article(seen=day) for day in ("2024-01-02", "2024-01-05")]
    silver = clean_articles(pd.DataFrame(rows).assign(title=["A wins", "B"]), RULES).silver
    assert silver["known_at"].dt.strftime("%d %H:%M:%S").tolist() == ["02 23:59:59", "05 23:59:59"]


@pytest.mark.parametrize("table", ["articles", "macro"])
def test_a_live_run_knows_what_had_been_seen_and_not_what_had_been_published(table):
    if table == "articles":
        raw, clean = pd.DataFrame([article(seen="2024-01-02T11:00:00Z")]), clean_articles
    else:
        raw, clean = pd.DataFrame([release(released="2024-01-02T11:00:00Z")]), clean_macro
    seen = pd.Timestamp("2024-01-02 11:00", tz="UTC")
    for moment, kept in ((seen - pd.Timedelta(microseconds=1), 0), (seen, 1)):
        cleaned = clean(raw, replace(RULES, as_of=moment))
        assert len(cleaned.silver) == kept
        assert cleaned.quarantine["rule"].tolist() == ["future"] * (1 - kept)
    # Nor can a row be known after the moment at which it was received.
    early = clean(raw.assign(_received_at=seen - pd.Timedelta(microseconds=1)), RULES)
    assert early.quarantine["rule"].tolist() == ["future"]


def test_the_time_of_release_may_be_told():
    reading = ReadingRules(timezone="America/New_York", release_times={"macro": "08:30", "articles": "12:00"})
    rules = replace(RULES, reading=reading)
    macro = clean_macro(pd.DataFrame([release(released="2024-02-13"), release(released="2024-07-11")]), rules)
    assert macro.silver["known_at"].dt.strftime("%H:%M").tolist() == ["13:30", "12:30"]
    assert "at 08:30 of that day (America/New_York)" in macro.tally.notes[0]
    assert (
        clean_articles(pd.DataFrame([article(published="2024-01-02")]), rules).silver["known_at"].dt.hour.item() == 17
    )


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ({"macro": "8.30"}, "release_times.macro is '8.30'; expected a time of day such as '08:30'"),
        ({"bar": "08:30"}, "Unknown table"),
    ],
)
def test_a_time_of_release_that_makes_no_sense(times, said):
    with pytest.raises(FinqError, match=said):
        ReadingRules(release_times=times)


def test_what_is_said_differently_later_is_known_when_it_is_received():
    first, second = (pd.Timestamp(day, tz="UTC") for day in ("2024-03-05", "2024-04-02"))
    releases = pd.DataFrame([release(1.0, "2024-02-01T08:30Z"), release(1.4, "2024-02-01T08:30Z")])
    macro = clean_macro(releases.assign(_received_at=[first, second]), RULES).silver
    assert macro["value"].tolist() == [1.0, 1.4]
    assert macro["known_at"].tolist() == [pd.Timestamp("2024-02-01 08:30", tz="UTC"), second]
    same = clean_macro(releases.assign(value=1.0, _received_at=[first, second]), RULES)
    assert same.silver["known_at"].tolist() == [pd.Timestamp("2024-02-01 08:30", tz="UTC")]
    told = pd.DataFrame([article("A wins", id="1"), article("A loses", id="1")])
    articles = clean_articles(told.assign(_received_at=[first, second]), RULES).silver
    assert articles["title"].tolist() == ["A wins", "A loses"]
    assert articles["known_at"].tolist() == [pd.Timestamp("2024-01-02 10:00", tz="UTC"), second]


RECEIVED = pd.to_datetime(["2024-01-03T09:00:00Z", "2024-01-05T09:00:00Z"])


def test_an_article_of_a_live_source_is_known_when_it_was_received_and_never_at_its_claimed_publication():
    claims = ["2024-01-02T10:00:00Z", "2024-01-02", "2031-01-01T00:00:00Z", None, "yesterday"]
    rows = [article(f"Text {number}", published=claim, seen=ON_RECEIPT) for number, claim in enumerate(claims)]
    raw = pd.DataFrame(rows).assign(_received_at=RECEIVED[0])
    cleaned = clean_articles(raw, RULES)
    silver = cleaned.silver.set_index("title").sort_index()
    assert silver["known_at"].eq(RECEIVED[0]).all()
    assert len(silver) == len(claims)
    # What it claims counts as far as it lies before.
    assert silver["published_at"].dt.strftime("%d %H").tolist() == ["02 10", "02 00", "03 09", "03 09", "03 09"]
    assert known_times_of(raw, "articles", RULES).eq(RECEIVED[0]).all()
    # Not even the half of a table that says when its rows were seen is touched.
    mixed = pd.DataFrame([article("A", seen="2024-01-02T11:00:00Z"), article("B", seen=ON_RECEIPT), article("C")])
    known = clean_articles(mixed.assign(_received_at=RECEIVED[1]), RULES).silver.set_index("title")["known_at"]
    assert known.dt.strftime("%d %H").to_dict() == {"C": "02 10", "A": "02 11", "B": "05 09"}


def test_without_a_receipt_nothing_is_known_on_receipt():
    cleaned = clean_articles(pd.DataFrame([article(seen=ON_RECEIPT)]), RULES)
    assert cleaned.quarantine["rule"].tolist() == ["bad_time"]
    cleaned = clean_macro(pd.DataFrame([release(released=ON_RECEIPT)]), RULES)
    assert cleaned.quarantine["rule"].tolist() == ["bad_time"]


def test_a_release_of_which_only_the_receipt_is_known_counts_from_there_and_so_does_its_revision():
    raw = pd.DataFrame([release(1.0, ON_RECEIPT), release(1.1, ON_RECEIPT)]).assign(_received_at=RECEIVED)
    silver = clean_macro(raw, RULES).silver
    assert silver["known_at"].tolist() == list(RECEIVED)
    assert silver["value"].tolist() == [1.0, 1.1]
    assert known_times_of(raw, "macro", RULES).tolist() == list(RECEIVED)
