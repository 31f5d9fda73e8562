"""Yahoo's prices from tables that a test gives, in the form in which Yahoo gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import pandas as pd

from provider_server import Answer, Asked, ProviderServer, json_answer, text_answer

HOST = "query2.finance.yahoo.com"
NEW_YORK = "America/New_York"


def path_of(symbol: str) -> str:
    return f"/{HOST}/v8/finance/chart/{symbol}"


@dataclass
class Listing:
    """What Yahoo has of one symbol.

    Attributes:
        bars: ``open, high, low, close, adj_close, volume`` by the begin of each bar (UTC); days begin with the session.
        dividends: Cash by the begin of the session.
        splits: New shares for one old by the begin of the session.
        currency: What it is quoted in.
        kind: Yahoo's word for what it is.
        zone: Where it is traded.
    """

    bars: pd.DataFrame
    dividends: Mapping[pd.Timestamp, float] = field(default_factory=dict)
    splits: Mapping[pd.Timestamp, float] = field(default_factory=dict)
    currency: str = "USD"
    kind: str = "EQUITY"
    zone: str = NEW_YORK


class YahooReplay(ProviderServer):
    """Yahoo's charts, at a moment.

    Args:
        listings: By symbol.
        now: Its clock: what begins later is not there.
    """

    def __init__(self, listings: Mapping[str, Listing], now: pd.Timestamp) -> None:
        super().__init__()
        self.listings, self.now = dict(listings), now

    def prices_asked(self) -> list[Asked]:
        """Requests for prices; yfinance also asks for cookies, and once for the zone of a symbol."""
        return [asked for asked in self.requests if HOST in asked.path and "period1" in asked.query]

    def answer_to(self, asked: Asked) -> Answer:
        """What is queued for a path, else what the tables hold."""
        if asked.path.startswith("/fc.yahoo.com"):
            return text_answer("no such page", 404)
        if asked.path.endswith("/getcrumb"):
            return text_answer("crumb")
        if self._queued[asked.path] and "period1" in asked.query:
            return super().answer_to(asked)
        self.requests.append(asked)
        listing = self.listings.get(_symbol(asked))
        if listing is None:
            error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
            return json_answer({"chart": {"result": None, "error": error}}, 404)
        return json_answer({"chart": {"result": [self._result(asked, listing)], "error": None}})

    def _result(self, asked: Asked, listing: Listing) -> dict[str, Any]:
        since, until = self.now, self.now + pd.Timedelta(seconds=1)
        if "period1" in asked.query:
            since, until = (pd.Timestamp(int(asked.query[f"period{n}"]), unit="s", tz="UTC") for n in (1, 2))
        times = listing.bars.index
        if "period1" not in asked.query:
            since = times[times <= self.now].max()
        part = listing.bars[(times >= since) & (times < until) & (times <= self.now)]
        found: dict[str, Any] = {"meta": self._meta(asked, listing), "indicators": {"quote": [{}]}}
        if len(part):
            found["timestamp"] = [int(time.timestamp()) for time in part.index]
            values = part.astype(object).where(part.notna(), None)
            quote = {name: values[name].tolist() for name in ("open", "high", "low", "close", "volume")}
            found["indicators"] = {"quote": [quote], "adjclose": [{"adjclose": values["adj_close"].tolist()}]}
        events = self._events(listing, since, until)
        return {**found, **({"events": events} if events else {})}

    def _events(self, listing: Listing, since: pd.Timestamp, until: pd.Timestamp) -> dict[str, Any]:
        events: dict[str, Any] = {}
        for time, amount in listing.dividends.items():
            if since <= time < until and time <= self.now:
                second = int(time.timestamp())
                events.setdefault("dividends", {})[str(second)] = {"amount": amount, "date": second}
        for time, ratio in listing.splits.items():
            if since <= time < until and time <= self.now:
                second = int(time.timestamp())
                new, old = (ratio, 1) if ratio >= 1 else (1, round(1 / ratio))
                said = {"date": second, "numerator": new, "denominator": old, "splitRatio": f"{new:g}:{old:g}"}
                events.setdefault("splits", {})[str(second)] = said
        return events

    def _meta(self, asked: Asked, listing: Listing) -> dict[str, Any]:
        day = self.now.tz_convert(listing.zone).normalize()
        hours = (9.5, 16) if listing.kind != "CURRENCY" else (0, 23.99)
        begin, end = (int((day + pd.Timedelta(hours=hour)).timestamp()) for hour in hours)
        offset = int(day.utcoffset().total_seconds())
        period = {"timezone": "EST", "start": begin, "end": end, "gmtoffset": offset}
        return {
            "currency": listing.currency,
            "symbol": _symbol(asked),
            "exchangeName": "NMS",
            "instrumentType": listing.kind,
            "firstTradeDate": int(listing.bars.index[0].timestamp()),
            "regularMarketTime": int(self.now.timestamp()),
            "hasPrePostMarketData": True,
            "gmtoffset": offset,
            "timezone": "EST",
            "exchangeTimezoneName": listing.zone,
            "priceHint": 2,
            "currentTradingPeriod": {"pre": period, "regular": period, "post": period},
            "tradingPeriods": {"pre": [[period]], "regular": [[period]], "post": [[period]]},
            "dataGranularity": asked.query.get("interval", "1d"),
            "range": "",
            "validRanges": ["1d", "5d", "1mo", "max"],
        }


def _symbol(asked: Asked) -> str:
    return unquote(asked.path.rsplit("/", 1)[-1])
