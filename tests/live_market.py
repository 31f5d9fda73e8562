"""Providers of this machine with a small market of their own, for runs of the environment of real providers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.market.calendars import get_calendar
from provider_replays import OandaReplay
from provider_server import ProviderServer, text_answer
from yahoo_replay import NEW_YORK, Listing, YahooReplay

PAIRS = ("EUR_USD", "USD_SGD")
FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>x</title>
<item><guid>1</guid><title>EUR/USD climbs as $SAA reports record profit</title><link>https://example.org/1</link>
<pubDate>Mon, 04 Mar 2024 12:00:00 GMT</pubDate></item></channel></rss>"""


@dataclass
class Providers:
    """What a run is told, and what was asked."""

    yahoo: YahooReplay
    oanda: OandaReplay
    feeds: ProviderServer

    def at(self, now: pd.Timestamp) -> None:
        """Set the clocks of the providers."""
        self.yahoo.now = self.oanda.now = now

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of a run that lead it here."""
        return {
            "yahoo_url": self.yahoo.url,
            "oanda_url": f"{self.oanda.url}/v3",
            "feeds": {"wire": f"{self.feeds.url}/wire"},
            "stocks": [name for name in self.yahoo.listings if name.startswith("S")],
            "pairs": {pair: f"{pair.replace('_', '')}=X" for pair in PAIRS},
        }


@contextmanager
def providers(end: pd.Timestamp, stocks: int = 24, sessions: int = 500, hours: int = 5000) -> Iterator[Providers]:
    """Start them.

    Args:
        end: Up to when they have something (UTC).
        stocks: How many there are.
        sessions: How far back days reach.
        hours: How far back hours reach.
    """
    listings = {
        f"S{chr(65 + number // 26)}{chr(65 + number % 26)}": _share(number, end, sessions) for number in range(stocks)
    }
    listings["^SP500TR"] = _share(1001, end, sessions)
    listings["^VIX"] = _share(1002, end, sessions, level=18.0)
    candles = _candles(end, hours)
    listings |= {f"{pair.replace('_', '')}=X": _of_candles(candles, pair) for pair in PAIRS}
    with ExitStack() as started:
        yahoo = started.enter_context(YahooReplay(listings, end))
        oanda = started.enter_context(OandaReplay(candles, end))
        feeds = started.enter_context(ProviderServer())
        feeds.always("/wire", text_answer(FEED, content_type="application/rss+xml"))
        yield Providers(yahoo, oanda, feeds)


def _share(seed: int, end: pd.Timestamp, sessions: int, level: float = 100.0) -> Listing:
    generator = np.random.default_rng(seed)
    days = get_calendar("XNYS").closes(end - pd.Timedelta(days=2 * sessions), end)[-sessions:]
    begins = pd.DatetimeIndex(days).tz_convert(NEW_YORK).normalize() + pd.Timedelta(hours=9.5)
    close = level * np.exp(generator.normal(0, 0.015, len(begins)).cumsum())
    opened = close * np.exp(generator.normal(0, 0.004, len(begins)))
    spread = np.abs(generator.normal(0, 0.006, len(begins)))
    bars = pd.DataFrame(
        {
            "open": opened, "high": np.maximum(opened, close) * (1 + spread),
            "low": np.minimum(opened, close) * (1 - spread), "close": close, "adj_close": close,
            "volume": generator.integers(1_000_000, 9_000_000, len(begins)),
        },
        index=begins.tz_convert("UTC"),
    )  # fmt: skip
    paid = {bars.index[number]: 0.2 for number in range(40, sessions, 63)} if seed < 1000 else {}
    return Listing(bars, dividends=paid)


def _of_candles(candles: pd.DataFrame, pair: str) -> Listing:
    """The same hours as Yahoo has them: without bid, ask and volume."""
    own = candles[candles["instrument"] == pair].set_index("time")
    bars = pd.DataFrame({name: own[f"mid_{name[0]}"] for name in ("open", "high", "low", "close")})
    return Listing(
        bars.assign(adj_close=bars["close"], volume=0), kind="CURRENCY", zone="Europe/London", currency=pair[-3:]
    )


def _candles(end: pd.Timestamp, hours: int) -> pd.DataFrame:
    generator = np.random.default_rng(5)
    times = pd.date_range(end=end.ceil("h"), periods=hours, freq="h")
    # The week of foreign exchange: from Sunday to Friday 17:00 in New York.
    local = times.tz_convert(NEW_YORK)
    late = (local.day_of_week == 4) & (local.hour >= 17)
    times = times[~(late | (local.day_of_week == 5) | ((local.day_of_week == 6) & (local.hour < 17)))]
    parts = []
    for level, pair in zip((1.1, 1.35), PAIRS, strict=True):
        close = level * np.exp(generator.normal(0, 0.001, len(times)).cumsum())
        opened = np.concatenate([[level], close[:-1]])
        mid = {
            "o": opened,
            "h": np.maximum(opened, close) * 1.0002,
            "l": np.minimum(opened, close) * 0.9998,
            "c": close,
        }
        sides = {f"{side}_{part}": value + shift for side, shift in _SPREADS.items() for part, value in mid.items()}
        parts.append(pd.DataFrame({"instrument": pair, "time": times, "volume": 100, **sides}))
    return pd.concat(parts, ignore_index=True)


_SPREADS = {"bid": -1e-4, "mid": 0.0, "ask": 1e-4}
