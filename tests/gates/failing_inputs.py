"""For every gate and every rule of quarantine an input that must fail it, and fails nothing else.

A new gate or rule needs one here: a test asks the code which there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.ingestion.bars import clean_bars
from finq_predictor.domain.ingestion.corporate_actions import clean_actions
from finq_predictor.domain.ingestion.judging import Case
from finq_predictor.domain.ingestion.membership_records import clean_membership
from finq_predictor.domain.ingestion.quarantine import Cleaned
from finq_predictor.domain.ingestion.records import clean_articles, clean_macro
from finq_predictor.domain.ingestion.rules import CleaningRules, GateLimits, ReadingRules, Rules
from finq_predictor.domain.ingestion.tally import Agreement
from finq_predictor.domain.ingestion.ticker_names import TickerName
from finq_predictor.domain.market.markets import get_market
from synthetic_values import make_delivery

EQUITY = Rules(get_market("equity"))
FX = Rules(get_market("fx"), cleaning=CleaningRules(max_jump=1.1, wick_factor=1.1))
SESSIONS = EQUITY.sessions.closes(pd.Timestamp("2024-01-02"), pd.Timestamp("2024-02-29")).reset_index(drop=True)

CASES: dict[str, Callable[[], Case]] = {}
"""By gate, a case at which it closes and no other."""
DELIVERIES: dict[tuple[str, str], Callable[[], Cleaned]] = {}
"""By module and rule of quarantine, a delivery of which rows break it and no other."""


def closes(gate: str) -> Callable[[Callable[[], Case]], Callable[[], Case]]:
    def keep(make: Callable[[], Case]) -> Callable[[], Case]:
        CASES[gate] = make
        return make

    return keep


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


# Gates ------------------------------------------------------------------------------------------------------------


def stays(*untils: str | None) -> pd.DataFrame:
    """Members A, B, C ... since long ago, each up to a time."""
    names = [chr(65 + number) for number in range(len(untils))]
    begin = utc("2020-01-01")
    table = pd.DataFrame({"instrument": names, "since": begin, "known_at": begin})
    return table.assign(until=pd.to_datetime(pd.Series(untils), utc=True))


def good_case(**changes: Any) -> Case:
    """Three instruments on every session, with a benchmark, an article and a release."""
    bars = pd.DataFrame({"ts": SESSIONS.repeat(3).to_numpy(), "instrument": ["A", "B", "C"] * len(SESSIONS)})
    bars["ts"] = SESSIONS.repeat(3).array
    last = SESSIONS.iloc[-1]
    case = Case(
        bars=bars,
        benchmark=pd.DataFrame({"ts": SESSIONS, "close": 1.0}),
        deliveries={
            "bars": make_delivery(null_shares={"close": 0.05}, agreement=Agreement(compared=100, differing=5)),
            "benchmark": make_delivery("benchmark"),
            "articles": make_delivery("articles", newest=last),
            "macro": make_delivery("macro", newest=last),
        },
        rules=EQUITY,
        limits=GateLimits(min_instruments=3, max_clock_age=2),
        membership=stays(None, None, None),
        clock=last,
    )
    return replace(case, **changes)


def delivered(table: str, source: str = "own:a", **changes: Any) -> Case:
    case = good_case()
    return replace(case, deliveries={**case.deliveries, table: make_delivery(table, source, **changes)})


@closes("max_null_share")
def _() -> Case:
    return delivered("bars", null_shares={"close": 0.2})


@closes("max_quarantine_share")
def _() -> Case:
    return delivered("bars", rules={"missing_price": 6}, examples={"missing_price": ("row 1: no number in close",)})


@closes("max_revised_share")
def _() -> Case:
    """A week later a provider divides everything by four."""
    return delivered("bars", rewrites=clean_bars(rewritten(0.25), EQUITY).tally.rewrites)


@closes("max_provider_difference_share")
def _() -> Case:
    return delivered("bars", agreement=Agreement(100, 20, ("A 2024-01-05: 10 of own:a, 1000 of own:b",)))


@closes("max_misread_weeks")
def _() -> Case:
    return delivered("bars", misread={"EUR_USD: times look like New York local time read as UTC": 26}, misread_fit=0.96)


@closes("one_origin")
def _() -> Case:
    return delivered("macro", "simulated:b")


@closes("not_empty")
def _() -> Case:
    return replace(delivered("benchmark", kept=0), benchmark=good_case().benchmark.iloc[:0])


@closes("min_instruments")
def _() -> Case:
    return good_case(limits=GateLimits(min_instruments=4), membership=None)


@closes("max_leaving_share")
def _() -> Case:
    """Of three members two left at one time."""
    return good_case(membership=stays(None, "2023-01-01", "2023-01-01"))


@closes("max_bars_age")
def _() -> Case:
    """Nothing but the benchmark was delivered for three sessions."""
    more = EQUITY.sessions.closes(pd.Timestamp("2024-01-02"), pd.Timestamp("2024-03-05")).reset_index(drop=True)
    benchmark = pd.DataFrame({"ts": more, "close": 1.0})
    return good_case(rules=replace(EQUITY, as_of=more.iloc[-1]), benchmark=benchmark)


@closes("max_clock_age")
def _() -> Case:
    """A week has passed since the last bar, in a run that is meant to be up to date."""
    return good_case(clock=SESSIONS.iloc[-1] + pd.Timedelta(days=7))


@closes("max_stale_share")
def _() -> Case:
    bars = good_case().bars
    return good_case(bars=bars[(bars["instrument"] != "B") | (bars["ts"] < SESSIONS.iloc[-3])])


@closes("min_bar_share")
def _() -> Case:
    bars = good_case().bars
    return good_case(bars=bars[~bars["ts"].isin(SESSIONS[10:15])])


@closes("max_article_days")
def _() -> Case:
    return delivered("articles", newest=SESSIONS.iloc[-1] - pd.Timedelta(days=8))


@closes("max_macro_days")
def _() -> Case:
    return delivered("macro", newest=SESSIONS.iloc[-1] - pd.Timedelta(days=46))


@closes("max_benchmark_age")
def _() -> Case:
    return good_case(benchmark=good_case().benchmark.iloc[:-3])


@closes("max_benchmark_gap")
def _() -> Case:
    return good_case(benchmark=good_case().benchmark.drop(index=[5, 6]))


# Rules of quarantine ----------------------------------------------------------------------------------------------


def daily(symbol: str = "A", bars: int = 60) -> pd.DataFrame:
    start = pd.Timestamp("2024-01-02")
    dates = EQUITY.sessions.closes(start, start + pd.Timedelta(days=3 * bars)).index[:bars]
    close = 100 + np.arange(bars) * 0.1
    prices = {"open": close, "high": close + 1, "low": close - 1, "close": close, "adj_close": close}
    return pd.DataFrame({"symbol": symbol, "date": dates.strftime("%Y-%m-%d"), **prices, "volume": 1000.0})


def hourly(bars: int = 10) -> pd.DataFrame:
    close = 1.1 + np.arange(bars) * 1e-4
    frame = pd.DataFrame(
        {"instrument": "EUR/USD", "time": pd.date_range("2024-01-02", periods=bars, freq="h", tz="UTC")}
    )
    for side, shift in (("mid", 0.0), ("bid", -1e-4), ("ask", 1e-4)):
        for part, width in (("o", 0.0), ("h", 1e-3), ("l", -1e-3), ("c", 0.0)):
            frame[f"{side}_{part}"] = close + shift + width
    return frame.assign(volume=5)


def rewritten(factor: float, days: int = 7, bars: int = 60) -> pd.DataFrame:
    """Two deliveries of the same bars; in the later one all prices are multiplied."""
    first = daily(bars=bars).assign(_received_at=utc("2024-04-01"))
    prices = {name: first[name] * factor for name in ("open", "high", "low", "close", "adj_close")}
    later = first.assign(**prices, _received_at=utc("2024-04-01") + pd.Timedelta(days=days))
    return pd.concat([first, later], ignore_index=True)


def told_twice(factor: float) -> pd.DataFrame:
    """Bars of two providers; the second has other prices on one day."""
    first = daily().assign(_source="own:a", _received_at=utc("2024-04-01"))
    second = first.assign(_source="own:b", asked_as="second_opinion")
    prices = ["open", "high", "low", "close", "adj_close"]
    second.loc[20, prices] = second.loc[20, prices].astype(float) * factor
    return pd.concat([second, first.assign(asked_as=None)], ignore_index=True)


def cell(frame: pd.DataFrame, row: int = 3, **values: Any) -> pd.DataFrame:
    frame = frame.copy()
    for name, value in values.items():
        frame[name] = frame[name].astype(object)
        frame.loc[row, name] = value
    return frame


def article(**changes: Any) -> dict[str, Any]:
    return {"symbol": "A", "published_at": "2024-01-02T10:00:00Z", "title": "A wins", **changes}


def release(**changes: Any) -> dict[str, Any]:
    return {"series": "cpi", "period": "2024-01-01", "value": 1.0, "released_at": "2024-02-01", **changes}


def stay(**changes: Any) -> dict[str, Any]:
    return {"symbol": "A", "start_date": "2020-01-02", "end_date": "2024-01-02", **changes}


def action(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "A", "ex_date": "2024-03-05", "kind": "dividend", "value": 0.5,
        "_received_at": utc("2024-04-01"), **changes,
    }  # fmt: skip


def _silent(dividend: float, date: str = "2024-03-05") -> dict[str, Any]:
    """A day beside bars: the columns are there whether or not something happened."""
    return {"symbol": "A", "ex_date": date, "dividend": dividend, "split": 0.0}


def _bars(raw: pd.DataFrame, rules: Rules = EQUITY) -> Callable[[], Cleaned]:
    return lambda: clean_bars(raw, rules)


def _rows(clean: Callable[[pd.DataFrame, Rules], Cleaned], *rows: dict[str, Any]) -> Callable[[], Cleaned]:
    return lambda: clean(pd.DataFrame(list(rows)), EQUITY)


def come_back(close: float = 3.0) -> pd.DataFrame:
    """A ticker that falls silent for two months and has another price altogether afterwards."""
    before, after = daily(bars=20), daily(bars=80).iloc[60:]
    prices = ["open", "high", "low", "close", "adj_close"]
    return pd.concat([before, after.assign(**dict.fromkeys(prices, close))], ignore_index=True)


_RENAMED = Rules(EQUITY.market, ReadingRules(names=[TickerName("A", "B")]))
_HALF_MISSING = cell(daily(), **{}).assign(close=lambda rows: rows["close"].mask(rows.index >= 20))
_BARS = {
    "no_instrument": _bars(cell(daily(), symbol=None)),
    "bad_time": _bars(cell(daily(), date="soon")),
    "no_session": _bars(cell(daily(), date="2024-01-06")),
    "incomplete": _bars(hourly().assign(complete=[True] * 9 + [False]), FX),
    "missing_price": _bars(cell(daily(), close=None)),
    "price_not_positive": _bars(cell(daily(), low=0.0)),
    "impossible_prices": _bars(cell(daily(), high=50.0)),
    "negative_volume": _bars(cell(daily(), volume=-1.0)),
    "crossed_quote": _bars(cell(hourly(), bid_c=1.2, ask_c=1.1), FX),
    "future": _bars(daily().assign(_received_at=utc("2024-03-20"))),
    "late_bar": _bars(cell(daily().assign(known_at=None), known_at="2024-01-09T21:00:00Z")),
    "provider_disagreement": _bars(told_twice(100.0)),
    "two_tickers": _bars(pd.concat([daily("A", 5), daily("B", 5)], ignore_index=True), _RENAMED),
    "suspected_reuse": _bars(come_back()),
    "wild_wick": _bars(cell(daily(), high=1000.0)),
    "unconfirmed_jump": _bars(
        cell(daily(), open=10030.0, high=10040.0, low=10020.0, close=10030.0, adj_close=10030.0)
    ),
    "unreliable_instrument": _bars(pd.concat([_HALF_MISSING.iloc[:55], daily().iloc[55:]])),
}  # fmt: skip
_REVISIONS = {
    "duplicate": _bars(pd.concat([daily(), daily().head(3)])),
    "late_correction": _bars(rewritten(0.99)),
    "superseded": _bars(pd.concat([daily(), daily().head(3).assign(volume=1.0)])),
}
_RECORDS = {
    "bad_time": _rows(clean_articles, article(published_at="soon"), article()),
    "no_instrument": _rows(clean_articles, article(symbol=None), article()),
    "no_text": _rows(clean_articles, article(title=""), article()),
    "duplicate": _rows(clean_articles, article(), article(title="a  wins", published_at="2024-01-03T10:00:00Z")),
    "future": _rows(clean_articles, article(_received_at=utc("2024-01-01"))),
    "missing_value": _rows(clean_macro, release(value="n/a"), release()),
    "known_too_early": _rows(clean_macro, release(released_at="2023-12-01"), release()),
}
_MEMBERSHIP = {
    "bad_time": _rows(clean_membership, stay(start_date="soon"), stay()),
    "no_instrument": _rows(clean_membership, stay(symbol=None), stay()),
    "ends_before_it_begins": _rows(clean_membership, stay(end_date="2019-01-01"), stay()),
    "future": _rows(clean_membership, stay(known_at="2024-05-01", _received_at=utc("2024-04-01"))),
    "duplicate": _rows(clean_membership, stay(), stay()),
}
_ACTIONS = {
    "no_action": _rows(clean_actions, _silent(0.0), _silent(0.5, "2024-03-12")),
    "no_instrument": _rows(clean_actions, action(symbol=None), action()),
    "bad_time": _rows(clean_actions, action(ex_date="soon"), action()),
    "bad_kind": _rows(clean_actions, action(kind="merger"), action()),
    "missing_value": _rows(clean_actions, action(value="n/a"), action()),
    "value_not_positive": _rows(clean_actions, action(value=-1.0), action(ex_date="2024-03-12")),
    "conflict": _rows(clean_actions, action(), action(value=0.7)),
    "duplicate": _rows(clean_actions, action(), action()),
    "future": _rows(clean_actions, action(known_at="2024-05-01"), action(ex_date="2024-03-12", known_at="2024-03-01")),
}
for _module, _each in (
    ("bars", _BARS), ("revisions", _REVISIONS), ("records", _RECORDS), ("corporate_actions", _ACTIONS),
    ("membership_records", _MEMBERSHIP),
):  # fmt: skip
    DELIVERIES |= {(_module, rule): make for rule, make in _each.items()}

# What a row that breaks a rule cannot but bring along: an instrument is unreliable because its rows are unusable.
BESIDE = {("bars", "unreliable_instrument"): {"missing_price"}}
