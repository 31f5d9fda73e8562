"""The simulated currency market: hourly quotes, articles, macro series and the truth behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import UTC_MICROSECONDS
from finq_predictor.simulation.config import FxMarketConfig
from finq_predictor.simulation.currencies import CurrencyPaths, simulate_currencies
from finq_predictor.simulation.dirt import soil
from finq_predictor.simulation.fx_news import fx_articles
from finq_predictor.simulation.macro import fx_macro
from finq_predictor.simulation.quotes import QUOTE_PRICES, pair_quotes
from finq_predictor.simulation.seeding import stream
from finq_predictor.simulation.sessions import fx_hours


@dataclass(frozen=True)
class SimulatedFx:
    """A simulated currency market, as a broker would deliver it, and what the broker cannot know.

    Attributes:
        quotes: instrument, time (UTC start of the hour), volume, mid, bid and ask open, high, low, close, known_at;
            dirty as configured.
        articles: article_id, symbol (a currency), published_at, first_seen_at, title, body, source.
        macro: series, period, value, released_at; revisions come as further rows.
        truth: instrument, ts (close of the hour), expected_return (of the next bar, mid to mid), known at ``ts`` by
            whoever knows the strength of the signal at all times.
    """

    quotes: pd.DataFrame
    articles: pd.DataFrame
    macro: pd.DataFrame
    truth: pd.DataFrame


def simulate_fx(config: FxMarketConfig) -> SimulatedFx:
    """Simulate a whole currency market in memory.

    Args:
        config: The market.
    """
    hours = fx_hours(config.end, config.years)
    currencies = simulate_currencies(config, hours)
    quotes, truth = [], []
    for number, pair in enumerate(config.pairs):
        frame = pair_quotes(config, currencies, pair)
        luck = [stream(config.seed, "fx.dirt", number)]
        quotes.append(soil(frame, np.array([len(frame)]), luck, config.dirt, QUOTE_PRICES))
        truth.append(_truth(currencies, pair, hours))
    return SimulatedFx(
        quotes=pd.concat(quotes, ignore_index=True),
        articles=fx_articles(config, currencies),
        macro=fx_macro(config, currencies.names, hours),
        truth=pd.concat(truth, ignore_index=True),
    )


def _truth(currencies: CurrencyPaths, pair: str, hours: pd.DatetimeIndex) -> pd.DataFrame:
    base, quote = currencies.of(pair)
    return pd.DataFrame(
        {
            "instrument": pd.Series([pair] * len(hours), dtype="str"),
            "ts": (hours + pd.Timedelta(hours=1)).astype(UTC_MICROSECONDS),
            "expected_return": np.asarray(currencies.expected[base] - currencies.expected[quote]),
        }
    )
