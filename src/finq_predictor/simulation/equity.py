"""The simulated equity market: bars, benchmark, articles, macro series and the truth behind them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.simulation.benchmark import index_bars
from finq_predictor.simulation.config import EquityMarketConfig
from finq_predictor.simulation.dirt import soil
from finq_predictor.simulation.factors import BURN_IN, EquityFactors, simulate_factors
from finq_predictor.simulation.macro import equity_macro
from finq_predictor.simulation.news import equity_articles
from finq_predictor.simulation.seeding import stream
from finq_predictor.simulation.stocks import StockPaths, simulate_stocks

CHUNK = 64
PRICES = ("open", "high", "low", "close", "adj_close")


@dataclass(frozen=True)
class SimulatedEquity:
    """A simulated equity market, as a data vendor would deliver it, and what the vendor cannot know.

    Attributes:
        bars: symbol, date, open, high, low, close (raw), adj_close, volume, known_at, sector; dirty as configured.
        benchmark: date, open, high, low, close, adj_close (total return), volume, known_at; capital-weighted.
        articles: article_id, symbol, published_at, first_seen_at, title, body, source.
        macro: series, period, value, released_at; revisions come as further rows.
        truth: instrument, ts, expected_return (residual, from the close of the next session over five sessions),
            expected_next_return (of the next session); exact conditional expectations at ``ts`` for whoever knows the
            strength of the signal at all times. The chance that the stock ends is in them, see ``kernels.end_lives``.
        actions: instrument, date, dividend (per share), split (new shares for one).
    """

    bars: pd.DataFrame
    benchmark: pd.DataFrame
    articles: pd.DataFrame
    macro: pd.DataFrame
    truth: pd.DataFrame
    actions: pd.DataFrame


def simulate_equity(config: EquityMarketConfig, chunk: int = CHUNK) -> SimulatedEquity:
    """Simulate a whole equity market in memory.

    Args:
        config: The market.
        chunk: Stocks simulated at a time; changes no byte of the result.
    """
    factors = simulate_factors(config)
    totals = np.zeros((factors.days, 5))
    bars, truth, actions, articles = [], [], [], []
    for start, stocks in _chunks(config, factors, chunk):
        _accumulate(totals, stocks)
        bars.append(_delivered(config, stocks, factors, start))
        truth.append(_truth(stocks, factors))
        actions.append(_actions(stocks, factors))
        articles.append(equity_articles(config, stocks, factors, start))
    benchmark = index_bars(totals[BURN_IN:], factors, config.seed)
    return SimulatedEquity(
        bars=pd.concat(bars, ignore_index=True),
        benchmark=benchmark,
        articles=pd.concat(articles, ignore_index=True).sort_values(["first_seen_at", "article_id"], ignore_index=True),
        macro=equity_macro(config, factors),
        truth=pd.concat(truth, ignore_index=True),
        actions=pd.concat(actions, ignore_index=True),
    )


def stream_equity_bars(config: EquityMarketConfig, chunk: int = CHUNK) -> Iterator[pd.DataFrame]:
    """Yield the bars of a market, all days of ``chunk`` stocks at a time, in memory that does not grow.

    Args:
        config: The market, of any size.
        chunk: Stocks in a frame; the concatenated frames are the same bytes for every choice.

    Yields:
        Frames with the columns of ``SimulatedEquity.bars``.
    """
    factors = simulate_factors(config)
    for start, stocks in _chunks(config, factors, chunk):
        yield _delivered(config, stocks, factors, start)


def _chunks(config: EquityMarketConfig, factors: EquityFactors, chunk: int) -> Iterator[tuple[int, StockPaths]]:
    if chunk < 1:
        raise ConfigurationError(f"A chunk holds at least one stock; got chunk={chunk}.")
    for start in range(0, config.instruments, chunk):
        yield start, simulate_stocks(config, factors, range(start, min(start + chunk, config.instruments)))


def _accumulate(totals: np.ndarray, stocks: StockPaths) -> None:
    from finq_predictor.simulation.kernels import add_members

    add_members(
        totals, stocks.prices, stocks.dividends, stocks.splits, stocks.volume, stocks.capital, stocks.first, stocks.last
    )


def _listed(stocks: StockPaths, factors: EquityFactors) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mask (N, T), and stock and session number of each listed row, stock by stock."""
    days = np.arange(factors.days)
    mask = (days >= stocks.first[:, None]) & (days <= stocks.last[:, None])
    rows, columns = np.nonzero(mask)
    return mask, rows, columns - BURN_IN


def _names(stocks: StockPaths, rows: np.ndarray) -> pd.Series:
    return _spread([member.ticker for member in stocks.companies], rows)


def _spread(words: list[str], rows: np.ndarray) -> pd.Series:
    return pd.Series(words, dtype="str").take(rows).reset_index(drop=True)


def _bars(stocks: StockPaths, factors: EquityFactors) -> pd.DataFrame:
    mask, rows, columns = _listed(stocks, factors)
    prices = stocks.prices[mask]
    return pd.DataFrame(
        {
            "symbol": _names(stocks, rows),
            "date": factors.dates[columns],
            "open": prices[:, 0],
            "high": prices[:, 1],
            "low": prices[:, 2],
            "close": prices[:, 3],
            "adj_close": np.round(stocks.adjusted[mask], 6),
            "volume": stocks.volume[mask],
            "known_at": factors.closes[columns],
            "sector": _spread([member.sector for member in stocks.companies], rows),
        }
    )


def _delivered(config: EquityMarketConfig, stocks: StockPaths, factors: EquityFactors, start: int) -> pd.DataFrame:
    luck = [stream(config.seed, "equity.dirt", start + row) for row in range(len(stocks.companies))]
    return soil(_bars(stocks, factors), stocks.last - stocks.first + 1, luck, config.dirt, PRICES)


def _truth(stocks: StockPaths, factors: EquityFactors) -> pd.DataFrame:
    mask, rows, columns = _listed(stocks, factors)
    return pd.DataFrame(
        {
            "instrument": _names(stocks, rows),
            "ts": factors.closes[columns],
            "expected_return": stocks.expected[mask],
            "expected_next_return": stocks.expected_next[mask],
        }
    )


def _actions(stocks: StockPaths, factors: EquityFactors) -> pd.DataFrame:
    rows, days = np.nonzero((stocks.dividends > 0) | (stocks.splits != 1.0))
    return pd.DataFrame(
        {
            "instrument": _names(stocks, rows),
            "date": factors.dates[days - BURN_IN],
            "dividend": stocks.dividends[rows, days],
            "split": stocks.splits[rows, days],
        }
    )
