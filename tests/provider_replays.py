"""Providers of this machine that answer questions as the real ones do, from tables that a test gives them."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

import pandas as pd

from provider_server import Answer, Asked, ProviderServer, denied, json_answer


class OandaReplay(ProviderServer):
    """OANDA's candles: at most 5,000, from one time up to another, the last one not complete.

    Args:
        candles: ``instrument, time`` (UTC, begin), ``volume`` and ``bid_o`` ... ``ask_c``.
        now: Its clock; what begins later is not there.
        token: The only one that it accepts.
    """

    def __init__(self, candles: pd.DataFrame, now: pd.Timestamp, token: str = "token-of-a-test") -> None:
        super().__init__()
        self.candles = {str(name): part.sort_values("time") for name, part in candles.groupby("instrument")}
        self.now, self.token = now, token

    def answer_to(self, asked: Asked) -> Answer:
        """What is queued for a path, else what the table holds."""
        if self._queued[asked.path]:
            return super().answer_to(asked)
        self.requests.append(asked)
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return denied(401, "Insufficient authorization to perform request.")
        pair = asked.path.split("/")[-2]
        if pair not in self.candles:
            return json_answer({"errorMessage": "Invalid value specified for 'instrument'"}, 400)
        since, until = pd.Timestamp(asked.query["from"]), pd.Timestamp(asked.query["to"])
        if until > self.now:
            return json_answer({"errorMessage": "Invalid value specified for 'to'. Time is in the future"}, 400)
        if until - since > pd.Timedelta(hours=5000):
            return json_answer({"errorMessage": "Maximum value for 'count' exceeded"}, 400)
        part = self.candles[pair]
        # The end is included, as it is there.
        part = part[(part["time"] >= since) & (part["time"] <= until) & (part["time"] <= self.now)]
        rows = [self._candle(row) for row in part.to_dict("records")]
        return json_answer({"instrument": pair, "granularity": asked.query["granularity"], "candles": rows})

    def _candle(self, row: dict[str, Any]) -> dict[str, Any]:
        sides = {side: {price: f"{row[f'{side}_{price}']:.5f}" for price in "ohlc"} for side in ("bid", "mid", "ask")}
        time = row["time"].strftime("%Y-%m-%dT%H:%M:%S.000000000Z")
        complete = bool(row["time"] + pd.Timedelta(hours=1) <= self.now)
        return {"complete": complete, "volume": int(row["volume"]), "time": time, **sides}


class FeedReplay(ProviderServer):
    """A site with feeds: what a feed holds is set by a test, newest first, and told as RSS 2.0.

    Each entry is a mapping of tags to texts, ``title``, ``link``, ``guid``, ``pubDate``, ``description``; they are
    escaped here.
    """

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[str, list[dict[str, str]]] = {}

    def answer_to(self, asked: Asked) -> Answer:
        """What is queued for a path, else the feed of that path."""
        if self._queued[asked.path] or asked.path not in self.entries:
            return super().answer_to(asked)
        self.requests.append(asked)
        return feed_answer(rss2(*self.entries[asked.path]))


def rss2(*entries: dict[str, str]) -> str:
    """A feed in RSS 2.0."""
    items = "".join(
        f"<item>{''.join(f'<{tag}>{escape(text)}</{tag}>' for tag, text in entry.items())}</item>" for entry in entries
    )
    return f'<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>T</title>{items}</channel></rss>'


def feed_answer(text: str, encoding: str = "utf-8") -> Answer:
    """A feed as it is sent."""
    return Answer(200, text.encode(encoding), {"Content-Type": "application/rss+xml"})


class FredReplay(ProviderServer):
    """FRED with its archive: for a span of days, which values were the latest ones, clipped to that span.

    Args:
        releases: ``series, date, value, realtime_start`` (days as texts); a dot is no value.
        now: Its clock.
        latest: ``series, date, value`` of series without an archive.
        key: The only one that it accepts.
    """

    def __init__(
        self,
        releases: pd.DataFrame,
        now: pd.Timestamp,
        latest: pd.DataFrame | None = None,
        key: str = "key-of-a-test",
    ) -> None:
        super().__init__()
        self.releases, self.now, self.key = releases, now, key
        self.latest = pd.DataFrame(columns=["series", "date", "value"]) if latest is None else latest
        self.most_vintages, self.most_observations = 2_000, 100_000

    @property
    def today(self) -> str:
        """The day at the provider's."""
        return str(self.now.tz_convert("America/Chicago").date())

    def answer_to(self, asked: Asked) -> Answer:
        """What is queued for a path, else what the tables hold."""
        if self._queued[asked.path]:
            return super().answer_to(asked)
        self.requests.append(asked)
        try:
            return json_answer(self._said(asked.path.rsplit("/", 1)[-1], asked.query))
        except ValueError as error:
            return json_answer({"error_code": 400, "error_message": f"Bad Request.  {error}"}, 400)

    def _said(self, what: str, query: dict[str, str]) -> dict[str, Any]:
        if query.get("api_key") != self.key:
            raise ValueError("The value for variable api_key is not registered.")
        series, ever = query["series_id"], what == "vintagedates"
        first = query.get("realtime_start", "1776-07-04" if ever else self.today)
        last = query.get("realtime_end", "9999-12-31" if ever else first)
        if not first <= last <= max(self.today, "9999-12-31" if ever else ""):
            raise ValueError(f"Variable realtime_end can not be after today's date ({self.today}).")
        rows = self.releases[(self.releases["series"] == series) & (self.releases["realtime_start"] <= self.today)]
        if rows.empty and ever and (self.latest["series"] == series).any():
            raise ValueError("The series does not exist in ALFRED but may exist in FRED.")
        if rows.empty:
            rows = self.latest[self.latest["series"] == series].assign(realtime_start=self.today)
        if rows.empty:
            raise ValueError("The series does not exist.")
        days = sorted({day for day in rows["realtime_start"] if first <= day <= last})
        found: list[Any] = days if ever else self._observations(rows, days, first, last)
        limit, offset = int(query["limit"]), int(query["offset"])
        if limit > (10_000 if ever else 100_000):
            raise ValueError("Variable limit is not between 1 and 100000.")
        page = found[offset : offset + min(limit, self.most_observations)]
        name = "vintage_dates" if ever else what
        about = {"count": len(found), "offset": offset, "limit": limit}
        return {"realtime_start": first, "realtime_end": last, **about, name: page}

    def _observations(self, rows: pd.DataFrame, days: list[str], first: str, last: str) -> list[dict[str, str]]:
        if len(days) > self.most_vintages:
            raise ValueError(
                f"There are {len(days)} vintage dates in the specified real-time period: {first} to {last}.  This "
                f"exceeds the maximum number of vintage dates allowed ({self.most_vintages})."
            )
        found = []
        for date, part in rows.sort_values("realtime_start").groupby("date"):
            starts = part["realtime_start"].tolist()
            for value, start, following in zip(part["value"], starts, [*starts[1:], "9999-12-31"], strict=True):
                if start <= last and following > first:
                    clipped = {"realtime_start": max(start, first), "realtime_end": min(following, last)}
                    found.append({**clipped, "date": str(date), "value": str(value)})
        return found


class NewsApiReplay(ProviderServer):
    """NewsAPI's search: newest first, in pages of at most 100, and no further than the plan goes.

    Args:
        articles: ``q`` (what finds them), ``url, publishedAt`` (UTC), ``title``; maybe ``description, author, source``.
        key: The only one that it accepts.
    """

    def __init__(self, articles: pd.DataFrame, key: str = "key-of-a-test") -> None:
        super().__init__()
        self.articles, self.key = articles, key
        self.most = 100
        self.arriving: list[dict[str, Any]] = []
        """Articles that are there from the next request on, one a request."""

    def answer_to(self, asked: Asked) -> Answer:
        """What is queued for a path, else what the table holds."""
        if self._queued[asked.path]:
            return super().answer_to(asked)
        self.requests.append(asked)
        if asked.headers.get("x-api-key") != self.key:
            return _no(401, "apiKeyInvalid", "Your API key is invalid or incorrect.")
        page, size = int(asked.query["page"]), int(asked.query["pageSize"])
        if size > 100:
            return _no(400, "parameterInvalid", "pageSize is at most 100.")
        if (page - 1) * size >= self.most:
            said = (
                f"You have requested too many results. Developer accounts are limited to a max of {self.most} results."
            )
            return _no(426, "maximumResultsReached", said)
        found = self._found(asked.query)
        rows = [_article(row) for row in found.iloc[(page - 1) * size : page * size].to_dict("records")]
        if self.arriving:
            self.articles = pd.concat([self.articles, pd.DataFrame([self.arriving.pop(0)])], ignore_index=True)
        return json_answer({"status": "ok", "totalResults": len(found), "articles": rows})

    def _found(self, query: dict[str, str]) -> pd.DataFrame:
        since, until = (pd.Timestamp(query[name], tz="UTC") for name in ("from", "to"))
        times = self.articles["publishedAt"]
        # Both ends are included, as they are there.
        found = self.articles[(self.articles["q"] == query["q"]) & (times >= since) & (times <= until)]
        return found.sort_values("publishedAt", ascending=False, kind="stable")


def _no(status: int, code: str, message: str) -> Answer:
    return json_answer({"status": "error", "code": code, "message": message}, status)


def _article(row: dict[str, Any]) -> dict[str, Any]:
    given = {name: row.get(name) for name in ("author", "title", "description", "url")}
    source = {"id": None, "name": row.get("source", "Wire")}
    return {"source": source, **given, "publishedAt": f"{row['publishedAt']:%Y-%m-%dT%H:%M:%SZ}", "content": None}


class AlphaVantageReplay(ProviderServer):
    """Alpha Vantage's daily bars: everything under status 200, the bar of a running session included.

    Args:
        bars: ``instrument, date`` (naive), ``open, high, low, close, volume``; adjusted as they are.
        now: Its clock; sessions of New York, from 9:30 to 16:00.
        key: The only one that it accepts; others are told that they are invalid, and which.
    """

    def __init__(self, bars: pd.DataFrame, now: pd.Timestamp, key: str = "key-of-a-test") -> None:
        super().__init__()
        self.bars, self.now, self.key = bars, now, key
        self.paid = True
        self.lag = pd.Timedelta(0)
        """How long after the begin of its session a bar is there."""

    def answer_to(self, asked: Asked) -> Answer:
        """What is queued for a path, else what the table holds."""
        if self._queued[asked.path]:
            return super().answer_to(asked)
        self.requests.append(asked)
        key, symbol = asked.query["apikey"], asked.query["symbol"]
        adjusted = asked.query["function"].endswith("ADJUSTED")
        if key != self.key:
            return json_answer({"Error Message": f"the parameter apikey is invalid or missing: {key}."})
        if adjusted and not self.paid:
            said = "Thank you for using Alpha Vantage! This is a premium endpoint. You may subscribe to premium plans."
            return json_answer({"Information": said})
        bars = self._there(symbol)
        if bars.empty:
            return json_answer({"Error Message": "Invalid API call. Please retry or visit the documentation."})
        if asked.query["outputsize"] == "compact":
            bars = bars.tail(100)
        series = {f"{row['date']:%Y-%m-%d}": _bar(row, adjusted) for row in bars.iloc[::-1].to_dict("records")}
        about = {"1. Information": "Daily Prices", "2. Symbol": symbol, "3. Last Refreshed": self._refreshed(bars)}
        about |= {"4. Output Size": asked.query["outputsize"].title(), "5. Time Zone": "US/Eastern"}
        return json_answer({"Meta Data": about, "Time Series (Daily)": series})

    def _there(self, symbol: str) -> pd.DataFrame:
        bars = self.bars[self.bars["instrument"] == symbol].sort_values("date")
        opens = bars["date"].dt.tz_localize("America/New_York") + pd.Timedelta(hours=9.5)
        return bars[opens + self.lag <= self.now]

    def _refreshed(self, bars: pd.DataFrame) -> str:
        clock = self.now.tz_convert("America/New_York").tz_localize(None)
        last = bars["date"].max()
        running = clock < last + pd.Timedelta(hours=16)
        return f"{clock:%Y-%m-%d %H:%M:%S}" if running else f"{last:%Y-%m-%d}"


def _bar(row: dict[str, Any], adjusted: bool) -> dict[str, str]:
    names = ["open", "high", "low", "close", *(["adjusted close"] if adjusted else []), "volume"]
    values = {"adjusted close": row["close"], **row}
    told = {f"{number}. {name}": str(values[name]) for number, name in enumerate(names, 1)}
    return told | ({"7. dividend amount": "0.0000", "8. split coefficient": "1.0"} if adjusted else {})
