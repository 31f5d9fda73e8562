"""What a delivery of the equity market looks like: determinism, chunks, prices, actions, calendar, index."""

from hashlib import sha256

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.simulation import DirtConfig, EquityMarketConfig, simulate_equity, stream_equity_bars
from finq_predictor.simulation.companies import SECTORS, company

TABLES = {
    "bars": ["symbol", "date", "open", "high", "low", "close", "adj_close", "volume", "known_at", "sector"],
    "benchmark": ["date", "open", "high", "low", "close", "adj_close", "volume", "known_at"],
    "articles": ["article_id", "symbol", "published_at", "first_seen_at", "title", "body", "source"],
    "macro": ["series", "period", "value", "released_at"],
    "truth": ["instrument", "ts", "expected_return", "expected_next_return"],
    "actions": ["instrument", "date", "dividend", "split"],
}
SMALL = EquityMarketConfig(seed=5, instruments=12, years=1)


def _digest(market) -> str:
    hashes = [pd.util.hash_pandas_object(getattr(market, table)).to_numpy().tobytes() for table in TABLES]
    return sha256(b"".join(hashes)).hexdigest()


@pytest.mark.parametrize("table", TABLES)
def test_columns_and_types(equity, table):
    frame = getattr(equity, table)
    assert list(frame.columns) == TABLES[table]
    assert len(frame) > 100
    assert not frame.isna().any().any()
    for name in frame:
        if name in ("known_at", "ts", "published_at", "first_seen_at", "released_at"):
            assert str(frame[name].dtype) == "datetime64[us, UTC]"
        elif name in ("date", "period"):
            assert str(frame[name].dtype) == "datetime64[us]"
        else:
            assert str(frame[name].dtype) in ("float64", "str")


def test_same_seed_gives_same_bytes_and_another_does_not():
    assert _digest(simulate_equity(SMALL)) == _digest(simulate_equity(SMALL))
    assert _digest(simulate_equity(SMALL)) != _digest(
        simulate_equity(EquityMarketConfig(seed=6, instruments=12, years=1))
    )


@pytest.mark.parametrize("chunk", [1, 5, 12, 100])
def test_chunks_change_no_byte(chunk):
    assert _digest(simulate_equity(SMALL, chunk=chunk)) == _digest(simulate_equity(SMALL))


def test_stream_delivers_the_bars_of_the_market():
    streamed = pd.concat(stream_equity_bars(SMALL, chunk=5), ignore_index=True)
    pd.testing.assert_frame_equal(streamed, simulate_equity(SMALL).bars)


def test_further_stocks_leave_the_first_ones_alone():
    more = simulate_equity(EquityMarketConfig(seed=5, instruments=20, years=1)).bars
    fewer = simulate_equity(SMALL).bars
    pd.testing.assert_frame_equal(more.head(len(fewer)), fewer)


def test_stream_needs_memory_for_one_chunk_only():
    import tracemalloc

    next(stream_equity_bars(SMALL))  # compile and import before measuring
    peaks = {}
    for instruments in (20, 80):
        tracemalloc.start()
        for _ in stream_equity_bars(EquityMarketConfig(seed=5, instruments=instruments, years=4), chunk=10):
            pass
        peaks[instruments] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[80] < 1.3 * peaks[20]


def test_prices_are_consistent(equity):
    bars = equity.bars
    assert (bars[["open", "high", "low", "close"]] > 0).all().all()
    assert (bars["low"] <= bars[["open", "close"]].min(axis=1)).all()
    assert (bars["high"] >= bars[["open", "close"]].max(axis=1)).all()
    assert (bars["volume"] >= 100).all()
    cents = bars["close"] * 100
    assert np.allclose(cents, cents.round(), atol=1e-6)


def test_highs_and_lows_are_not_just_the_open_and_close(equity):
    bars = equity.bars
    inside = (bars["high"] > bars[["open", "close"]].max(axis=1)) & (bars["low"] < bars[["open", "close"]].min(axis=1))
    assert inside.mean() > 0.9


def test_adjusted_close_accounts_for_dividends_and_splits(equity):
    assert (equity.actions["split"] != 1).sum() > 5
    assert (equity.actions["dividend"] > 0).sum() > 500
    bars = equity.bars.merge(
        equity.actions, left_on=["symbol", "date"], right_on=["instrument", "date"], how="left"
    ).fillna({"dividend": 0.0, "split": 1.0})
    before = bars.groupby("symbol")["close"].shift()
    total = bars["close"] * bars["split"] / (before - bars["dividend"])
    delivered = bars["adj_close"] / bars.groupby("symbol")["adj_close"].shift()
    known = before.notna()
    np.testing.assert_allclose(delivered[known], total[known], rtol=2e-5)
    last = bars.groupby("symbol").tail(1)
    np.testing.assert_allclose(last["adj_close"], last["close"])


def test_splits_show_in_raw_prices_only(equity):
    splits = equity.actions.query("split == 2")
    bars = equity.bars.set_index(["symbol", "date"])
    raw = bars.groupby("symbol")["close"].pct_change()
    total = bars.groupby("symbol")["adj_close"].pct_change()
    days = list(zip(splits["instrument"], splits["date"], strict=True))
    assert (raw.loc[days] < -0.3).all()
    assert total.loc[days].abs().max() < 0.3


def test_sessions_are_those_of_the_exchange(equity):
    import warnings

    import exchange_calendars

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calendar = exchange_calendars.get_calendar("XNYS", start="2019-01-01", end="2024-12-31")
        closes = pd.DatetimeIndex(calendar.closes.array)
    dates = pd.DatetimeIndex(equity.benchmark["date"])
    assert list(dates) == list(calendar.sessions)
    assert set(equity.bars["date"]) <= set(dates)
    assert list(equity.benchmark["known_at"]) == list(closes)
    assert pd.Timestamp("2024-07-04") not in dates
    early = equity.benchmark.set_index("date")["known_at"].loc["2024-07-03"]
    assert early == pd.Timestamp("2024-07-03 17:00", tz="UTC")


def test_stocks_come_and_go(equity):
    life = equity.bars.groupby("symbol")["date"].agg(["min", "max", "size"])
    first, last = equity.benchmark["date"].iloc[[0, -1]]
    assert 2 <= (life["min"] > first).sum() <= 25
    assert 1 <= (life["max"] < last).sum() <= 20
    assert life["size"].min() >= 60
    assert len(life) == 100


def test_index_is_made_of_its_members(equity):
    index = equity.benchmark.set_index("date")
    adjusted = equity.bars.pivot(index="date", columns="symbol", values="adj_close").pct_change(fill_method=None)
    total, price = index["adj_close"].pct_change(), index["close"].pct_change()
    assert adjusted.mean(axis=1).corr(total) > 0.9
    assert total.iloc[1:].sub(adjusted.iloc[1:].min(axis=1)).min() > 0
    assert total.iloc[1:].sub(adjusted.iloc[1:].max(axis=1)).max() < 0
    assert 0.005 < (total - price).mean() * 252 < 0.04, "the dividends of the members"
    assert (index["low"] <= index[["open", "close"]].min(axis=1)).all()
    assert (index["high"] >= index[["open", "close"]].max(axis=1)).all()


def test_one_stock_is_its_own_index():
    market = simulate_equity(EquityMarketConfig(seed=3, instruments=1, years=1, dirt=DirtConfig.clean()))
    index = market.benchmark.set_index("date")["adj_close"].pct_change().iloc[1:]
    stock = market.bars.set_index("date")["adj_close"].pct_change().iloc[1:]
    np.testing.assert_allclose(index.reindex(stock.index), stock, atol=1e-4)  # ex-days: yield squared


def test_companies_are_distinct_and_of_every_sector():
    companies = [company(number) for number in range(10_000)]
    assert len({member.ticker for member in companies}) == 10_000
    assert {member.sector for member in companies} == set(SECTORS)
    assert len({company(number).ticker for number in range(10_000, 23_000)}) == 13_000
    assert all(member.ticker.isalpha() and member.name.split()[0].upper() == member.ticker for member in companies)


@pytest.mark.parametrize(
    "wrong",
    [
        {"instruments": 0},
        {"years": 0},
        {"seed": -1},
        {"signal": -0.1},
        {"tone_signal": 100},
        {"listed_late": 1.5},
        {"duplicate_articles": -1},
    ],
)
def test_impossible_markets_are_refused(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        EquityMarketConfig(**wrong)


def test_empty_chunks_are_refused():
    with pytest.raises(ConfigurationError, match="chunk=0"):
        next(stream_equity_bars(SMALL, chunk=0))


@pytest.mark.parametrize("years", [0.25, 0.5])
def test_short_histories_work(years):
    market = simulate_equity(EquityMarketConfig(seed=1, instruments=15, years=years))
    assert market.bars["symbol"].nunique() == 15
    assert len(market.articles) > 0
