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
