"""Every fault against every provider: what its source says, how often it asks, what is kept, what silver makes of it.

    .venv/bin/python tests/fault_matrix.py        writes docs/reference/faults.md as it is found to be

Each source is asked for two keys, and the first one is answered by the fault each time; the second by the replay of the
provider as it should be.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from catching_up_runs import FAST
from finq_predictor.adapters.bronze.asked import question_of
from finq_predictor.adapters.bronze.coverage import Coverage
from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.adapters.sources.alpha_vantage import AlphaVantageSource
from finq_predictor.adapters.sources.catching_up import Plan, catch_up
from finq_predictor.adapters.sources.fred import FredSource
from finq_predictor.adapters.sources.newsapi import NewsApiSource
from finq_predictor.adapters.sources.oanda import OandaSource
from finq_predictor.adapters.sources.protocol import Part, WindowSource
from finq_predictor.adapters.sources.rss import RssSource
from finq_predictor.adapters.sources.yahoo import YahooSource
from finq_predictor.domain.columns import LINEAGE
from finq_predictor.domain.errors import SourceError
from finq_predictor.domain.ingestion.bars import clean_bars
from finq_predictor.domain.ingestion.column_mapping import map_columns
from finq_predictor.domain.ingestion.records import clean_articles, clean_macro
from finq_predictor.domain.ingestion.rules import ReadingRules, Rules
from finq_predictor.domain.market.markets import MARKETS
from provider_replays import AlphaVantageReplay, FeedReplay, FredReplay, NewsApiReplay, OandaReplay, feed_answer
from provider_server import (
    Answer,
    Asked,
    ProviderServer,
    cut_off,
    dripping,
    empty,
    failing,
    html,
    json_answer,
    skewed,
    throttled,
)
from yahoo_replay import NEW_YORK, Listing, YahooReplay, path_of

PAGE = Path(__file__).parents[1] / "docs/reference/faults.md"
QUICK = {**FAST, "total_seconds": 0.25, "longest_retry_after_seconds": 5}
NOW = pd.Timestamp("2024-02-02 22:00", tz="UTC")
SINCE = pd.Timestamp("2024-01-08", tz="UTC")
EQUITY = Rules(MARKETS["equity"], ReadingRules(prices="split_adjusted"))
Rows = list[Any]


@dataclass(frozen=True)
class Provider:
    """How one source is asked, and how what its provider says is taken apart.

    Attributes:
        name: For the page.
        start: The replay of the provider.
        source: A source that asks it for two keys.
        first: Whether a request is about the first key.
        table: What it delivers.
        rows: Takes the rows out of an answer; gives them, and what makes an answer of others.
        renamed: A row under another schema.
        dearer: A row that says a hundred times as much; None where there is nothing to multiply.
        elsewhere: An answer in another currency; None where an answer has none.
        rules: How silver reads it.
        since: Begin of what is asked for.
    """

    name: str
    start: Callable[[], ProviderServer]
    source: Callable[[Any], WindowSource]
    first: Callable[[Asked], bool]
    table: str
    rows: Callable[[Answer], tuple[Rows, Callable[[Rows], Answer]]]
    renamed: Callable[[Any], Any]
    dearer: Callable[[Any], Any] | None = None
    elsewhere: Callable[[Answer], Answer] | None = None
    rules: Rules = EQUITY
    since: pd.Timestamp = SINCE


Fault = Callable[[Provider, Answer], Answer | None]


def _always(answer: Answer) -> Fault:
    return lambda provider, good: answer


def _edited(change: Callable[[Provider, Rows], Rows]) -> Fault:
    def fault(provider: Provider, good: Answer) -> Answer:
        rows, made = provider.rows(good)
        return made(change(provider, rows))

    return fault


def _hundredfold(provider: Provider, good: Answer) -> Answer | None:
    if provider.dearer is None:
        return None
    rows, made = provider.rows(good)
    middle = len(rows) // 2
    return made([provider.dearer(row) if number == middle else row for number, row in enumerate(rows)])


FAULTS: dict[str, Fault] = {
    "nothing is wrong": lambda provider, good: good,
    "429 without Retry-After": _always(throttled()),
    "429, come back in an hour": _always(throttled(3600)),
    "500": _always(failing(500)),
    "a body that drips": lambda provider, good: dripping(good.body, 0.01),
    "a body that is cut off": lambda provider, good: cut_off(good.body[: len(good.body) // 2], len(good.body)),
    "a page of HTML": _always(html()),
    "nothing at all": _always(empty()),
    "another schema": _edited(lambda provider, rows: [provider.renamed(row) for row in rows]),
    "a clock a day ahead": lambda provider, good: skewed(good, timedelta(days=1)),
    "each row twice": _edited(lambda provider, rows: [row for row in rows for _ in range(2)]),
    "rows out of order": _edited(lambda provider, rows: rows[::-1]),
    "another currency": lambda provider, good: None if provider.elsewhere is None else provider.elsewhere(good),
    "a hundredfold for one row": _hundredfold,
}


@dataclass(frozen=True)
class Outcome:
    """What became of one fault.

    Attributes:
        said: Class and text of the error; empty where there was none.
        requests: How often was asked, for both keys.
        kept: Rows of the first key that were kept.
        others: Rows of the second key that were kept.
        rejected: What silver sets aside of the first key, by rule.
        columns: What was delivered, each name with ours where it is recognised.
    """

    said: str
    requests: int
    kept: int
    others: int
    rejected: dict[str, int]
    columns: tuple[str, ...] = ()


def outcome(provider: Provider, fault: Fault, folder: Path) -> Outcome | None:
    """Let a provider have a fault; None where it cannot have it."""
    with provider.start() as server, _faulty(server, provider, fault) as possible:
        source = provider.source(server)
        probe = _Probe(source)
        store = BronzeStore(folder)
        outages: list[str] = []
        error: SourceError | None = None
        try:
            for frame in catch_up(probe, Coverage(), Plan(provider.since, NOW, pd.Timedelta(0)), outages):
                asked = question_of(frame)
                assert asked is not None
                store.keep_part(frame, asked)
        except SourceError as raised:
            error = raised
        if not possible[0]:
            return None
        held = store.all() if store.entries() else pd.DataFrame()
        key = source.keys[0]
        about = _about(held, source.identity[0] if source.identity[0] in held else "instrument", key)
        failed = error or probe.error
        requests = sum("period1" in one.query or "yahoo" not in one.path for one in server.requests)
        return Outcome(
            "" if failed is None else f"{type(failed).__name__}: {_plain(str(failed), server)}",
            requests,
            len(about),
            len(held) - len(about),
            _rejected(about, provider),
            _recognised(held, provider),
        )


class _Probe:
    """A source that remembers what was wrong."""

    simulated = False

    def __init__(self, source: WindowSource) -> None:
        self._source = source
        self.error: SourceError | None = None
        self.keys, self.identity, self.source_id = source.keys, source.identity, source.source_id

    def fetch(self, keys: Any, since: pd.Timestamp, until: pd.Timestamp, as_of: pd.Timestamp) -> Iterator[Part]:
        try:
            yield from self._source.fetch(keys, since, until, as_of)
        except SourceError as error:
            self.error = error
            raise


@contextmanager
def _faulty(server: Any, provider: Provider, fault: Fault) -> Iterator[list[bool]]:
    """Answer what is asked of the first key by the fault; says at the end whether the provider can have it."""
    usual, possible = server.answer_to, [True]

    def answer_to(asked: Asked) -> Answer:
        good: Answer = usual(asked)
        if not provider.first(asked) or good.status != 200:
            return good
        answer = fault(provider, good)
        possible[0] = possible[0] and answer is not None
        return good if answer is None else answer

    server.answer_to = answer_to
    yield possible


def _about(held: pd.DataFrame, column: str, key: str) -> pd.DataFrame:
    return held[held[column] == key] if len(held) and column in held else held.iloc[:0]


def _rejected(rows: pd.DataFrame, provider: Provider) -> dict[str, int]:
    if rows.empty:
        return {}
    clean = {"bars": clean_bars, "articles": clean_articles, "macro": clean_macro}[provider.table]
    return dict(clean(rows.reset_index(drop=True), provider.rules).tally.rules)


def _recognised(rows: pd.DataFrame, provider: Provider) -> tuple[str, ...]:
    if rows.empty:
        return ()
    ours = {theirs: name for name, theirs in map_columns(rows, provider.table).columns.items()}
    names = [str(name) for name in rows if name not in LINEAGE]
    return tuple(f"`{name}`" if ours.get(name, name) == name else f"`{name}` ({ours[name]})" for name in names)


def _plain(text: str, server: ProviderServer) -> str:
    """Without what is of one run: addresses of this machine, moments, and what comes after the first sentences."""
    text = re.sub(r"https?://127\.0\.0\.1:\d+", "ADDRESS", text).replace(server.host, "HOST")
    text = re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?( UTC|Z|\+00:00)?", "TIME", text)
    text = re.sub(r"\?[^ ]+", "?...", text)
    text = re.sub(r"\d+ out of", "N out of", text)
    text = re.sub(r"\d[\d.,]* ?(s|milliseconds|seconds|bytes)\b", r"N \1", text)
    return text if len(text) <= 240 else text[:240].rsplit(" ", 1)[0] + " ..."


def _json_rows(*path: str | int) -> Callable[[Answer], tuple[Rows, Callable[[Rows], Answer]]]:
    """Rows that are a list, or a mapping by name, somewhere in a JSON document."""

    def take(good: Answer) -> tuple[Rows, Callable[[Rows], Answer]]:
        document = json.loads(good.body)
        inner = document
        for step in path[:-1]:
            inner = inner[step]
        last = path[-1]
        if last not in inner:
            return [], lambda rows: good
        found = inner[last]

        def made(rows: Rows) -> Answer:
            inner[last] = rows if isinstance(found, list) else dict(rows)
            return json_answer(document)

        return (list(found) if isinstance(found, list) else list(found.items())), made

    return take


def _yahoo_rows(good: Answer) -> tuple[Rows, Callable[[Rows], Answer]]:
    document = json.loads(good.body)
    result = document["chart"]["result"][0]
    if "timestamp" not in result:
        return [], lambda rows: good
    quote, adjusted = result["indicators"]["quote"][0], result["indicators"]["adjclose"][0]
    names = [*quote, "adjclose"]
    columns = [*quote.values(), adjusted["adjclose"]]
    found = [
        dict(zip(["timestamp", *names], row, strict=True)) for row in zip(result["timestamp"], *columns, strict=True)
    ]

    def made(rows: Rows) -> Answer:
        result["timestamp"] = [row["timestamp"] for row in rows]
        result["indicators"]["quote"] = [
            {name: [row[name] for row in rows] for name in rows[0] if name not in ("timestamp", "adjclose")}
        ]
        result["indicators"]["adjclose"] = [{"adjclose": [row["adjclose"] for row in rows]}]
        return json_answer(document)

    return found, made


def _feed_rows(good: Answer) -> tuple[Rows, Callable[[Rows], Answer]]:
    text = good.body.decode()
    items = re.findall(r"<item>.*?</item>", text, re.DOTALL)
    begin, _, rest = text.partition("<item>")
    end = rest.rpartition("</item>")[2]
    return items, lambda rows: feed_answer(begin + "".join(rows) + end)


def _scaled(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {**row, **{name: row[name] * 100 for name in names}}


def _sessions() -> pd.DatetimeIndex:
    days = pd.bdate_range("2024-01-08", "2024-02-02", tz=NEW_YORK)
    return days.drop(pd.Timestamp("2024-01-15", tz=NEW_YORK))


def _yahoo() -> YahooReplay:
    days = (_sessions() + pd.Timedelta(hours=9.5)).tz_convert("UTC")
    close = [100 + number / 10 for number in range(len(days))]
    bars = pd.DataFrame(
        {**dict.fromkeys(("open", "high", "low", "close", "adj_close"), close), "volume": 1000}, index=days
    )
    return YahooReplay({"AAA": Listing(bars), "BBB": Listing(bars)}, NOW)


def _oanda() -> OandaReplay:
    times = pd.date_range(SINCE, NOW, freq="h")
    times = times[times.day_of_week < 5][:100]
    parts = []
    for pair in ("EUR_USD", "USD_SGD"):
        sides = {
            f"{side}_{part}": 1.1 + shift
            for side, shift in (("bid", -1e-4), ("mid", 0.0), ("ask", 1e-4))
            for part in "ohlc"
        }
        parts.append(pd.DataFrame({"instrument": pair, "time": times, "volume": 100, **sides}))
    return OandaReplay(pd.concat(parts, ignore_index=True), NOW)


def _oanda_dearer(candle: dict[str, Any]) -> dict[str, Any]:
    sides = {
        side: {part: f"{float(price) * 100:.5f}" for part, price in candle[side].items()}
        for side in ("bid", "mid", "ask")
    }
    return {**candle, **sides}


def _oanda_elsewhere(good: Answer) -> Answer:
    return json_answer({**json.loads(good.body), "instrument": "EUR_CHF"})


def _vantage() -> AlphaVantageReplay:
    days = _sessions().tz_localize(None)
    close = [100 + number / 10 for number in range(len(days))]
    bars = pd.DataFrame({"date": days, **dict.fromkeys(("open", "high", "low", "close"), close), "volume": 1000})
    both = pd.concat([bars.assign(instrument=name) for name in ("AAA", "BBB")])
    return AlphaVantageReplay(both, NOW)


def _vantage_dearer(row: tuple[str, dict[str, str]]) -> tuple[str, dict[str, str]]:
    date, bar = row
    return date, {name: value if "volume" in name else str(float(value) * 100) for name, value in bar.items()}


def _fred() -> FredReplay:
    days = [f"{day:%Y-%m-%d}" for day in pd.date_range("2024-01-09", "2024-01-30", freq="3D")]
    table = [
        [series, day, f"{4 + number / 10:.1f}", day] for series in ("DGS10", "DGS2") for number, day in enumerate(days)
    ]
    return FredReplay(pd.DataFrame(table, columns=["series", "date", "value", "realtime_start"]), NOW)


def _newsapi() -> NewsApiReplay:
    times = pd.date_range("2024-01-30", periods=5, freq="5h", tz="UTC")
    rows = [
        [q, f"https://example.com/{q}/{n}", time, f"{q} {n}"]
        for q in ("Apple", "Boeing")
        for n, time in enumerate(times)
    ]
    return NewsApiReplay(pd.DataFrame(rows, columns=["q", "url", "publishedAt", "title"]))


def _feeds() -> FeedReplay:
    site = FeedReplay()
    for path in ("one", "two"):
        site.entries[f"/{path}"] = [
            {"title": f"EUR/USD {number}", "link": f"https://example.com/{path}/{number}", "guid": f"{path}-{number}",
             "pubDate": f"Tue, 30 Jan 2024 1{number}:00:00 GMT"}
            for number in range(4, 0, -1)
        ]  # fmt: skip
    return site


def _without(name: str, row: dict[str, Any]) -> dict[str, Any]:
    return {f"{key}_v2" if key == name else key: value for key, value in row.items()}


_PRICES = ("open", "high", "low", "close", "adjclose")
PROVIDERS = (
    Provider(
        "Yahoo", _yahoo,
        lambda server: YahooSource(["AAA", "BBB"], currency="USD", base_url=server.url, policy=QUICK),
        lambda asked: asked.path == path_of("AAA") and "period1" in asked.query, "bars",
        _yahoo_rows, lambda row: _without("close", row), lambda row: _scaled(row, *_PRICES),
        lambda good: replace(good, body=good.body.replace(b'"currency": "USD"', b'"currency": "GBp"')),
    ),
    Provider(
        "Alpha Vantage", _vantage,
        lambda server: AlphaVantageSource(
            ["AAA", "BBB"], adjusted=False, base_url=server.url, credentials={"key": server.key}, policy=QUICK
        ),
        lambda asked: asked.query.get("symbol") == "AAA", "bars",
        _json_rows("Time Series (Daily)"), lambda row: (row[0], _without("4. close", row[1])), _vantage_dearer,
    ),
    Provider(
        "OANDA", _oanda,
        lambda server: OandaSource(
            ["EUR_USD", "USD_SGD"], base_url=f"{server.url}/v3", credentials={"token": server.token}, policy=QUICK
        ),
        lambda asked: "EUR_USD" in asked.path, "bars",
        _json_rows("candles"), lambda row: _without("mid", row), _oanda_dearer, _oanda_elsewhere, Rules(MARKETS["fx"]),
    ),
    Provider(
        "FRED", _fred,
        lambda server: FredSource(
            ["DGS10", "DGS2"], base_url=f"{server.url}/fred", credentials={"key": server.key}, policy=QUICK
        ),
        lambda asked: asked.query.get("series_id") == "DGS10" and asked.path.endswith("observations"), "macro",
        _json_rows("observations"), lambda row: _without("value", row),
        lambda row: {**row, "value": str(float(row["value"]) * 100)},
    ),
    Provider(
        "NewsAPI", _newsapi,
        lambda server: NewsApiSource(
            {"AAPL": "Apple", "BA": "Boeing"}, base_url=f"{server.url}/v2", credentials={"key": server.key},
            policy=QUICK,
        ),
        lambda asked: asked.query.get("q") == "Apple", "articles",
        _json_rows("articles"), lambda row: _without("publishedAt", row), since=pd.Timestamp("2024-01-30", tz="UTC"),
    ),
    Provider(
        "RSS", _feeds,
        lambda server: RssSource({"one": f"{server.url}/one", "two": f"{server.url}/two"}, policy=QUICK),
        lambda asked: asked.path == "/one", "articles",
        _feed_rows, lambda row: row.replace("title>", "heading>"),
    ),
)  # fmt: skip


def outcomes(provider: Provider) -> dict[str, Outcome]:
    """What became of each fault that a provider can have."""
    found = {}
    for name, fault in FAULTS.items():
        with tempfile.TemporaryDirectory() as folder:
            came = outcome(provider, fault, Path(folder) / "bronze")
        if came is not None:
            found[name] = came
    return found


INTRO = """<!-- Written by `make faults` from what happens; a test compares it. -->

# Faults of providers

What each source does when its provider is not itself. Every row was played against a server on this machine that
answers as the provider does: the source was asked for two keys, two tries each, and all answers about the first key had
the fault. The other key goes on wherever it can; a run goes on with what was kept before, and the next one asks again.
`N`, `TIME`, `HOST` and `ADDRESS` stand for what differs from run to run.

Above each table stand the columns that the source delivers, with our name in brackets where it is another one; see
[Columns of deliveries](columns.md).

- **the user sees**: class and begin of the error, which is in the log and in the report; a dash where nothing is said.
- **requests**: for both keys together.
- **kept**: rows of the key with the fault, and of the other one.
- **silver sets aside**: what cleaning rejects of the first, by rule; a second provider sees more, see
  [Go live](../how-to/go-live.md).

What nothing sees: a wrong number that looks like one, such as a hundredfold value of a series of FRED, and a wrong
currency where an answer does not name one. Yahoo and OANDA name what they quote, and are held to it.
"""


HEADING = "| fault | the user sees | requests | kept | silver sets aside |\n|---|---|---|---|---|\n"


def page(found: dict[str, dict[str, Outcome]]) -> str:
    """The page of what was found, by provider."""
    parts = [INTRO]
    for name, rows in found.items():
        columns = ", ".join(next(iter(rows.values())).columns) if rows else ""
        parts.append(f"\n## {name}\n\nDelivers {columns}.\n\n{HEADING}")
        for fault, came in rows.items():
            said = came.said.replace("|", "\\|").replace("<", "&lt;") or "-"
            rejected = ", ".join(f"{count} {rule}" for rule, count in sorted(came.rejected.items())) or "-"
            parts.append(f"| {fault} | {said} | {came.requests} | {came.kept} + {came.others} | {rejected} |\n")
    return "".join(parts)


def section(name: str, text: str) -> str:
    """The part of a page that is about one provider."""
    return text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]


if __name__ == "__main__":
    PAGE.write_text(page({provider.name: outcomes(provider) for provider in PROVIDERS}), encoding="utf-8")
    print(f"wrote {PAGE}")
