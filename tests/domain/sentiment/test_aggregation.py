"""A tone counts at the first bar that could know it, and nothing later changes it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.errors import DataError
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.sentiment.aggregation import aggregate_tone, cover, scored_frame

EQUITY, FX = get_market("equity"), get_market("fx")
START = pd.Timestamp("2024-01-05T21:00Z")  # a Friday
COLUMNS = ["ts", "instrument", "tone_sum", "article_count"]


def bars(times, instruments):
    index = pd.MultiIndex.from_product([pd.to_datetime(times, utc=True), instruments], names=["ts", "instrument"])
    return index.to_frame(index=False).astype({"ts": "datetime64[us, UTC]", "instrument": "str"})


def articles(rows):
    frame = pd.DataFrame(rows, columns=["article_id", "instrument", "known_at", "tone", "confidence"])
    return frame.assign(known_at=pd.to_datetime(frame["known_at"], utc=True).astype("datetime64[us, UTC]"))


DAYS = [START, START + pd.Timedelta(days=3), START + pd.Timedelta(days=4)]


def test_an_article_counts_at_the_first_bar_not_before_it_was_known():
    scored = articles(
        [
            ("a", "AAA", START, 1.0, 0.5),  # at the very close: known
            ("b", "AAA", START + pd.Timedelta(microseconds=1), 1.0, 1.0),  # over the week-end, to Monday
            ("c", "AAA", START + pd.Timedelta(days=2), -0.5, 1.0),
            ("d", "AAA", START + pd.Timedelta(days=9), 1.0, 1.0),  # after the last bar
            ("e", "ZZZ", START, 1.0, 1.0),  # no bars
        ]
    )
    table = aggregate_tone(scored, bars(DAYS, ["AAA", "BBB"]), EQUITY)
    assert table.columns.tolist() == COLUMNS
    assert table["ts"].tolist() == DAYS[:2]
    assert table["tone_sum"].tolist() == [0.5, 0.5]
    assert table["article_count"].tolist() == [1, 2]


def test_an_article_that_waits_too_long_is_stale():
    scored = articles([("a", "AAA", START - pd.Timedelta(days=300), 1.0, 1.0), ("b", "AAA", START, 1.0, 1.0)])
    assert aggregate_tone(scored, bars(DAYS, ["AAA"]), EQUITY)["article_count"].tolist() == [2]
    table = aggregate_tone(scored, bars(DAYS, ["AAA"]), EQUITY, max_wait=pd.Timedelta(days=5))
    assert table["article_count"].tolist() == [1]


def test_how_long_an_article_may_wait_is_exact():
    wait = pd.Timedelta(days=5)
    known = [DAYS[0] - wait - pd.Timedelta(microseconds=1), DAYS[0] - wait]
    for moment, counted in zip(known, (0, 1), strict=True):
        scored = articles([("a", "AAA", moment, 1.0, 1.0)])
        assert len(aggregate_tone(scored, bars(DAYS, ["AAA"]), EQUITY, max_wait=wait)) == counted


def test_a_halted_instrument_waits_for_its_own_bar():
    index = bars(DAYS, ["AAA"]).iloc[[0, 2]]
    table = aggregate_tone(articles([("a", "AAA", DAYS[1], 1.0, 1.0)]), index, EQUITY)
    assert table["ts"].tolist() == [DAYS[2]]


def test_a_currency_counts_for_its_pairs_with_its_sign():
    scored = articles(
        [("a", "USD", START, 0.5, 1.0), ("b", "EUR", START, 0.25, 1.0), ("c", "GBP/USD", START, 1.0, 1.0)]
    )
    table = aggregate_tone(scored, bars([START], ["EUR_USD", "GBP_USD", "USD_JPY", "AUD_NZD"]), FX)
    assert dict(zip(table["instrument"], table["tone_sum"], strict=True)) == {
        "EUR_USD": -0.25,
        "GBP_USD": 0.5,
        "USD_JPY": 0.5,
    }
    assert table["article_count"].tolist() == [2, 2, 1]


@pytest.mark.parametrize("market", [EQUITY, FX])
def test_nothing_to_add_up_keeps_columns_and_types(market):
    empty = articles([])
    for scored, index in (
        (empty, bars(DAYS, ["AAA"])),
        (empty, bars([], [])),
        (articles([("a", "AAA", START, 1.0, 1.0)]), bars([], [])),
    ):
        table = aggregate_tone(scored, index, market)
        assert table.dtypes.astype("str").to_dict() == {
            "ts": "datetime64[us, UTC]",
            "instrument": "str",
            "tone_sum": "float64",
            "article_count": "int64",
        }
        assert table.empty


def test_missing_scores_are_left_out():
    scored = articles([("a", "AAA", START, np.nan, 1.0), ("b", "AAA", None, 1.0, 1.0)])
    assert aggregate_tone(scored, bars(DAYS, ["AAA"]), EQUITY).empty


def test_one_score_for_each_article():
    scores = pd.DataFrame({"tone": [0.1], "confidence": [1.0], "scorer": ["lexicon"]})
    with pytest.raises(DataError, match="1 scores for 0 articles"):
        scored_frame(articles([]), scores)


@st.composite
def news(draw):
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["EUR", "USD", "JPY", "EUR_USD"]),
                st.integers(-30, 120),
                st.floats(-1, 1),
                st.floats(0, 1),
            ),
            max_size=12,
        )
    )
    return articles(
        [(str(i), name, START + pd.Timedelta(hours=hour), t, c) for i, (name, hour, t, c) in enumerate(rows)]
    )


HOURS = [START + pd.Timedelta(hours=hour) for hour in [0, 1, 2, 3, 52, 53, 54, 60, 100]]
HOURLY = bars(HOURS, ["EUR_USD", "USD_JPY"])


@settings(max_examples=25, deadline=None)
@given(news(), st.integers(0, len(HOURS) - 1), st.randoms(use_true_random=False))
def test_the_future_never_changes_the_past(scored, cut, random):
    whole = aggregate_tone(scored, HOURLY, FX)
    now = HOURS[cut]
    order = list(range(len(scored)))
    random.shuffle(order)
    known = scored.iloc[order].loc[lambda frame: frame["known_at"] <= now]
    then = aggregate_tone(known, HOURLY[HOURLY["ts"] <= now], FX)
    pd.testing.assert_frame_equal(whole[whole["ts"] <= now].reset_index(drop=True), then, check_exact=True)


@settings(max_examples=25, deadline=None)
@given(news())
def test_every_article_counts_once_per_pair(scored):
    table = aggregate_tone(scored, HOURLY, FX)
    in_time = scored[scored["known_at"] <= HOURS[-1]]
    expected = sum(
        abs(FX.instruments.exposure(name, pair)) for name in in_time["instrument"] for pair in ("EUR_USD", "USD_JPY")
    )
    assert table["article_count"].sum() == expected


CLOSES = pd.date_range("2024-01-01 10:00", periods=8, freq="h", tz="UTC").as_unit("us")


def known(*moments: str) -> pd.DataFrame:
    times = pd.to_datetime([f"2024-01-01 {moment}" for moment in moments], utc=True).as_unit("us")
    return scored_frame(
        pd.DataFrame({"article_id": "a", "instrument": "AAA", "known_at": times}),
        pd.DataFrame({"tone": 0.5, "confidence": 1.0, "scorer": "lexicon"}, index=range(len(moments))),
    )


def covered(*moments: str, closes: pd.DatetimeIndex = CLOSES) -> dict[int, bool]:
    bars = pd.DataFrame({"ts": closes.repeat(2), "instrument": ["AAA", "BBB"] * len(closes)}).iloc[::-1]
    table = cover(known(*moments), bars, pd.Timedelta(hours=2))
    assert table["ts"].is_monotonic_increasing
    return dict(zip(table["ts"].dt.hour, table["complete"], strict=True))


def test_before_the_first_article_and_after_a_long_silence_it_is_not_known_what_was_written():
    found = covered("11:00", "11:30", "16:30")
    assert found == {10: False, 11: True, 12: True, 13: True, 14: False, 15: False, 16: False, 17: True}


def test_a_bar_for_which_nothing_was_counted_has_no_row():
    assert 17 not in covered("16:30", closes=CLOSES[:-1])
    assert covered() == {}
    assert cover(known(), pd.DataFrame({"ts": CLOSES}), pd.Timedelta(hours=2)).dtypes.astype("str").to_dict() == {
        "ts": "datetime64[us, UTC]",
        "newest": "datetime64[us, UTC]",
        "complete": "bool",
    }


@given(st.lists(st.integers(0, 7 * 60), max_size=20), st.integers(0, 7))
def test_what_comes_later_does_not_change_what_is_known_at_a_bar(minutes, last):
    moments = [str((CLOSES[0] + pd.Timedelta(minutes=minute)).time()) for minute in minutes]
    past = [moment for moment in moments if moment <= str(CLOSES[last].time())]
    then = {hour: complete for hour, complete in covered(*past, closes=CLOSES[: last + 1]).items() if complete}
    whole = covered(*moments)
    assert then == {hour: complete for hour, complete in whole.items() if complete and hour <= CLOSES[last].hour}
