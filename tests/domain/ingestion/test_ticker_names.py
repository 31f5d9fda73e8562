"""An instrument keeps its identity when its ticker changes, and a ticker that is taken up again is another one."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.ingestion.bars import clean_bars, clean_bars_and_actions
from finq_predictor.domain.ingestion.records import clean_articles
from finq_predictor.domain.ingestion.rules import ReadingRules, Rules
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.pipelines.ingestion.params import IngestionParams

EQUITY = MARKETS["equity"]
# Facebook became Meta on 2022-06-09; until January of that year META was a fund, which is METV now.
NAMES = [
    {"ticker": "FB", "instrument": "META", "until": "2022-06-08"},
    {"ticker": "META", "instrument": "METV", "until": "2022-01-28"},
    {"ticker": "META", "instrument": "META", "since": "2022-06-09"},
]


def rules(names: list[dict[str, str]], **reading: str) -> Rules:
    params = IngestionParams.model_validate({"reading": {"names": names, **reading}})
    return params.rules(EQUITY)


def bars(ticker: str, first: str, last: str, close: float = 100.0, **more: object) -> pd.DataFrame:
    dates = pd.bdate_range(first, last)
    dates = dates[~dates.isin(pd.to_datetime(["2022-01-17", "2022-02-21", "2022-04-15", "2022-05-30", "2022-06-20"]))]
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    return pd.DataFrame({"symbol": ticker, "date": dates.strftime("%Y-%m-%d"), **prices, "volume": 1.0, **more})


def spans(silver: pd.DataFrame) -> dict[str, tuple[str, str]]:
    by_name = silver.groupby("instrument")["ts"]
    return {str(name): (f"{times.min():%m-%d}", f"{times.max():%m-%d}") for name, times in by_name}


def test_a_new_ticker_is_the_same_instrument_and_an_old_one_another():
    raw = pd.concat(
        [
            bars("FB", "2022-01-03", "2022-06-08"),
            bars("META", "2022-01-03", "2022-01-28"),
            bars("META", "2022-06-09", "2022-06-30"),
        ],
        ignore_index=True,
    )
    assert spans(clean_bars(raw, rules(NAMES)).silver) == {"META": ("01-03", "06-30"), "METV": ("01-03", "01-28")}
    assert set(spans(clean_bars(raw, rules([])).silver)) == {"FB", "META"}


def test_a_ticker_that_nobody_names_on_a_date_is_its_own_instrument():
    raw = bars("FB", "2022-06-06", "2022-06-10")
    assert spans(clean_bars(raw, rules(NAMES)).silver) == {"FB": ("06-09", "06-10"), "META": ("06-06", "06-08")}


def test_splits_and_articles_follow_the_names_of_their_dates():
    raw = bars("FB", "2022-06-06", "2022-06-08", dividend=[0.0, 0.5, 0.0])
    actions = clean_bars_and_actions(raw, rules(NAMES)).actions.silver
    assert actions[["instrument", "value"]].to_numpy().tolist() == [["META", 0.5]]
    times = ["2022-06-08T15:00:00Z", "2022-06-09T03:00:00Z", "2022-06-09T15:00:00Z"]
    articles = pd.DataFrame({"ticker": "FB", "published_at": times, "title": ["a", "b", "c"]})
    # The second one is of the evening before, on the clock of the exchange.
    assert clean_articles(articles, rules(NAMES)).silver["instrument"].tolist() == ["META", "META", "FB"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [NAMES[0], {"ticker": "fb", "instrument": "X", "since": "2022-06-08"}],
            r"'FB = META until 2022-06-08' and 'fb = X since 2022-06-08' hold on the same .* the ticker FB",
        ),
        (
            [NAMES[2], {"ticker": "FB", "instrument": "META"}],
            r"'META = META since 2022-06-09' and 'FB = META' hold .* the instrument META",
        ),
        (
            [{"ticker": "A", "instrument": "B", "since": "2022-02-01", "until": "2022-01-01"}],
            r"'A = B since 2022-02-01 until 2022-01-01' ends before it begins",
        ),
        ([{"ticker": " ", "instrument": "B"}], "expected a ticker and an instrument"),
    ],
)  # fmt: skip
def test_names_that_contradict_each_other_are_refused_and_both_named(rows, said):
    with pytest.raises(ConfigurationError, match=said):
        rules(rows)


def test_one_session_under_two_tickers_contradicts_the_names():
    raw = pd.concat([bars("FB", "2022-06-06", "2022-06-08"), bars("META", "2022-06-08", "2022-06-10", 50.0)])
    names = [{"ticker": "FB", "instrument": "META", "until": "2022-06-08"}]
    cleaned = clean_bars(raw.reset_index(drop=True), rules(names))
    assert cleaned.quarantine["rule"].tolist() == ["two_tickers"] * 2
    assert "delivered as FB and under another ticker too, both for META" in cleaned.quarantine["reason"][0]
    assert len(cleaned.silver) == 4


def returned(close: float, first: str = "2022-04-01") -> pd.DataFrame:
    return pd.concat(
        [bars("XYZ", "2022-01-03", "2022-01-31"), bars("XYZ", first, "2022-04-29", close)], ignore_index=True
    )


def test_a_ticker_that_comes_back_at_another_price_altogether_is_held_back_until_someone_says_who_it_is():
    cleaned = clean_bars(returned(3.0), rules([]))
    assert spans(cleaned.silver) == {"XYZ": ("01-03", "01-31")}
    assert set(cleaned.quarantine["rule"]) == {"suspected_reuse"}
    reason = cleaned.quarantine["reason"][0]
    assert "XYZ has no price from 2022-01-31 to 2022-04-01 and comes back at 3 after 100" in reason
    told = [
        {"ticker": "XYZ", "instrument": "XYZ-OLD", "until": "2022-01-31"},
        {"ticker": "XYZ", "instrument": "XYZ-NEW", "since": "2022-04-01"},
    ]
    assert set(spans(clean_bars(returned(3.0), rules(told)).silver)) == {"XYZ-OLD", "XYZ-NEW"}
    # Someone says that it is the same company.
    assert clean_bars(returned(3.0), rules([{"ticker": "XYZ", "instrument": "XYZ"}])).quarantine.empty


@pytest.mark.parametrize(("close", "first"), [(90.0, "2022-04-01"), (3.0, "2022-02-15")])
def test_a_pause_that_fits_or_is_short_is_no_reuse(close, first):
    assert clean_bars(returned(close, first), rules([])).quarantine.empty


def test_names_of_a_market_whose_instruments_do_not_end_are_not_suspected():
    assert EQUITY.reuses_names
    assert not MARKETS["fx"].reuses_names


@given(st.integers(2, 40), st.lists(st.sampled_from([1.0, 3.0, 100.0]), min_size=4, max_size=4), st.integers(0, 3))
@settings(deadline=None, max_examples=6)
def test_what_is_delivered_later_changes_no_earlier_row(gap, prices, named):
    days = pd.DatetimeIndex(
        np.concatenate([pd.bdate_range("2022-01-18", periods=3) + pd.Timedelta(weeks=gap * n) for n in range(4)])
    )
    frame = pd.DataFrame({"symbol": "FB", "date": days.strftime("%Y-%m-%d"), "volume": 1.0})
    for name in ("open", "high", "low", "close"):
        frame[name] = np.repeat(prices, 3)
    judged = replace(rules(NAMES[:named]), reading=ReadingRules(names=rules(NAMES[:named]).reading.names))
    parts = [clean_bars(frame.iloc[:rows], judged).silver for rows in (3, 6, 9, 12)]
    for before, after in pairwise(parts):
        now = after[after["ts"] <= before["ts"].max()].reset_index(drop=True)
        pd.testing.assert_frame_equal(now, before)
