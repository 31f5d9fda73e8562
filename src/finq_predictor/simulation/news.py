"""When articles appear, how their tone relates to surprises, and the frame they come in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import UTC_MICROSECONDS
from finq_predictor.simulation.config import EquityMarketConfig
from finq_predictor.simulation.factors import BURN_IN, EquityFactors
from finq_predictor.simulation.prose import Subject, write_article
from finq_predictor.simulation.seeding import stream
from finq_predictor.simulation.stocks import StockPaths

COLUMNS = ["article_id", "symbol", "published_at", "first_seen_at", "title", "body", "source"]
SOURCES = ("Harbor Newswire", "Meridian Markets", "Street Ledger", "Northgate Business Daily", "Tape & Ticker")


@dataclass(frozen=True)
class Wire:
    """When N articles about one subject appear and what mood they are in.

    Attributes:
        subject: Who they are about.
        published: (N,) times, UTC.
        tone: (N,) mood; its sign is good or bad, beyond about 0.4 it shows in the words.
        occasion: (N,) occasions that the phrase books know.
        delay: (N,) whole seconds between publication and first sight, on top of the usual lag.
        draw: Random stream of lags, sources and words.
    """

    subject: Subject
    published: pd.DatetimeIndex
    tone: np.ndarray
    occasion: np.ndarray
    delay: np.ndarray
    draw: np.random.Generator


def tone_of(surprise: np.ndarray, same_day: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Mood of articles: mostly the surprise that drifts on, a little of the same day's move, and the writer's mood."""
    return np.asarray(surprise + 0.15 * np.clip(same_day, -4.0, 4.0) + 0.45 * noise)


def mistaken(tone: np.ndarray, share: float, draw: np.random.Generator) -> np.ndarray:
    """Tones of which a share is wrong: half of those have nothing to do with the news, half say the opposite."""
    luck, mood_of_writer = draw.random(len(tone)), draw.standard_normal(len(tone))
    return np.where(luck < 0.5 * share, mood_of_writer, np.where(luck < share, -tone, tone))


def equity_articles(config: EquityMarketConfig, stocks: StockPaths, factors: EquityFactors, start: int) -> pd.DataFrame:
    """Write the articles about some stocks.

    An article of session t appears between the closes of t - 1 and t, so that it is known before the close of t. A late
    one keeps its ``published_at`` and is first seen a session later, when the price has moved (stale news: Tetlock,
    2011); who joins by the time of publication knows what nobody knew.

    Args:
        config: The market.
        stocks: Paths of neighbouring stocks.
        factors: The common part, for its sessions.
        start: Running number of the first stock.

    Returns:
        article_id, symbol, published_at, first_seen_at, title, body, source.
    """
    wires = []
    for row, member in enumerate(stocks.companies):
        draw = stream(config.seed, "equity.news", start + row)
        first, last = max(int(stocks.first[row]), BURN_IN + 1), int(stocks.last[row])
        days = first + np.flatnonzero(stocks.news[row, first : last + 1])
        days = np.repeat(days, 1 + draw.poisson(0.3, len(days)))
        published = _publication(factors, days - BURN_IN, draw)
        tone = tone_of(stocks.news[row, days], stocks.surprise[row, days], draw.standard_normal(len(days)))
        occasion = np.where(stocks.earnings[row, days], "earnings", "company")
        trust = stream(config.seed, "equity.news.trust", start + row)
        tone = mistaken(tone, config.false_news, trust)
        late = (trust.random(len(days)) < config.late_news) & (days < last)
        delay = np.where(late, _session_later(factors, days - BURN_IN, published), 0)
        wires.append(Wire(Subject(member.ticker, member.name, member.sector), published, tone, occasion, delay, draw))
    return article_frame(wires, config.duplicate_articles)


def _publication(factors: EquityFactors, sessions: np.ndarray, draw: np.random.Generator) -> pd.DatetimeIndex:
    """A third in the evening before, a quarter before the opening, the rest while the exchange is open."""
    share, place = draw.random((2, len(sessions)))
    evening = factors.closes[sessions - 1] + pd.to_timedelta(np.round(11_500 * share), unit="s")
    hours_left = np.where(share < 0.6, 6.6 + 4.0 * place, 0.1 + 6.3 * place)
    daytime = factors.closes[sessions] - pd.to_timedelta(np.round(3600 * hours_left), unit="s")
    return evening.where(share < 0.35, daytime)


def _session_later(factors: EquityFactors, sessions: np.ndarray, published: pd.DatetimeIndex) -> np.ndarray:
    """Seconds to the time that lies as far between the next two closes as publication does between its own."""
    closes, written = factors.closes.as_unit("s").asi8, published.floor("s").as_unit("s").asi8
    before, close, after = (closes[np.minimum(sessions + step, len(closes) - 1)] for step in (-1, 0, 1))
    share = (written - before) / (close - before)
    return np.asarray(close + np.floor(share * (after - close)).astype(np.int64) - written)


def article_frame(wires: Sequence[Wire], duplicates: float) -> pd.DataFrame:
    """Write the articles of some wires and syndicate some of them.

    Args:
        wires: When, about whom and in what mood; each is written from its own stream.
        duplicates: Share of articles that come again from another source, word for word.

    Returns:
        article_id, symbol, published_at, first_seen_at, title, body, source; subject by subject.
    """
    rows: list[tuple[str, str, int, int, str, str, str]] = []
    for wire in wires:
        article, published, seen, source = _delivery(wire, duplicates)
        texts = [
            write_article(wire.subject, tone, occasion, wire.draw)
            for tone, occasion in zip(wire.tone.tolist(), wire.occasion.tolist(), strict=True)
        ]
        for number, (written, when, later, house) in enumerate(
            zip(article.tolist(), published.tolist(), seen.tolist(), source.tolist(), strict=True)
        ):
            key = f"{wire.subject.symbol}|{when}|{number}|{texts[written][0]}"
            name = blake2b(key.encode(), digest_size=8).hexdigest()
            rows.append((name, wire.subject.symbol, when, later, *texts[written], SOURCES[house]))
    frame = pd.DataFrame(rows, columns=COLUMNS)
    for name in COLUMNS:
        frame[name] = pd.to_datetime(frame[name], unit="us", utc=True) if name.endswith("_at") else frame[name]
        frame[name] = frame[name].astype(UTC_MICROSECONDS if name.endswith("_at") else "str")
    return frame


def _delivery(wire: Wire, duplicates: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Which article is delivered when, seen when and by whom; times in microseconds, syndicated copies at the end."""
    count, draw = len(wire.tone), wire.draw
    published = wire.published.floor("s").as_unit("us").asi8
    lag = np.round(np.minimum(np.exp(4.6 + 0.8 * draw.standard_normal(count)), 1800.0))  # seconds; median 100
    source = draw.integers(0, len(SOURCES), count)
    again = np.flatnonzero(draw.random(count) < duplicates)
    wait = np.round(300 + 7200 * draw.random(len(again)))
    copied = (source[again] + 1) % len(SOURCES)
    article = np.concatenate([np.arange(count), again])
    published = published[article] + 1_000_000 * np.concatenate([np.zeros(count), wait]).astype(np.int64)
    lag = lag.astype(np.int64) + wire.delay
    return article, published, published + 1_000_000 * lag[article], np.concatenate([source, copied])
