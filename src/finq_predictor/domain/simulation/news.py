"""When articles appear, how their tone relates to surprises, and the frame they come in."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import pandas as pd

from finq_predictor.domain.simulation.config import EquityMarketConfig
from finq_predictor.domain.simulation.factors import BURN_IN, EquityFactors
from finq_predictor.domain.simulation.prose import Subject, write_article
from finq_predictor.domain.simulation.seeding import stream
from finq_predictor.domain.simulation.sessions import TIME_DTYPE
from finq_predictor.domain.simulation.stocks import StockPaths

COLUMNS = ["article_id", "symbol", "published_at", "first_seen_at", "title", "body", "source"]
SOURCES = ("Harbor Newswire", "Meridian Markets", "Street Ledger", "Northgate Business Daily", "Tape & Ticker")


@dataclass(frozen=True)
class Wire:
    """Where and when N articles appear and what mood they are in.

    Attributes:
        subject: (N,) number of the subject each is about.
        published: (N,) times.
        tone: (N,) mood; its sign is good or bad, beyond about 0.4 it shows in the words.
        occasion: (N,) names of occasions that the phrase book knows.
    """

    subject: np.ndarray
    published: pd.DatetimeIndex
    tone: np.ndarray
    occasion: np.ndarray


def tone_of(surprise: np.ndarray, same_day: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Mood of articles: mostly the surprise that drifts on, a little of the same day's move, and the writer's mood."""
    return np.asarray(surprise + 0.15 * np.clip(same_day, -4.0, 4.0) + 0.45 * noise)


def equity_articles(config: EquityMarketConfig, stocks: StockPaths, factors: EquityFactors, start: int) -> pd.DataFrame:
    """Write the articles about some stocks.

    An article of session t appears between the closes of t - 1 and t, so that it is known before the close of t.

    Args:
        config: The market.
        stocks: Paths of neighbouring stocks.
        factors: The common part, for its sessions.
        start: Running number of the first stock.

    Returns:
        article_id, symbol, published_at, first_seen_at, title, body, source.
    """
    tables = []
    for row, member in enumerate(stocks.companies):
        draw = stream(config.seed, "equity.news", start + row)
        first, last = max(int(stocks.first[row]), BURN_IN + 1), int(stocks.last[row])
        days = first + np.flatnonzero(stocks.news[row, first : last + 1])
        days = np.repeat(days, 1 + draw.poisson(0.3, len(days)))
        share = draw.random(len(days))
        opened, closed = factors.closes[days - BURN_IN - 1], factors.closes[days - BURN_IN]
        # A third in the evening before, a quarter before the opening, the rest while the exchange is open.
        evening = opened + pd.to_timedelta(np.round(4 * 3600 * share * 2.8), unit="s")
        until = np.where(share < 0.6, 6.6 + 4.0 * draw.random(len(days)), 0.1 + 6.3 * draw.random(len(days)))
        daytime = closed - pd.to_timedelta(np.round(3600 * until), unit="s")
        published = evening.where(share < 0.35, daytime)
        tone = tone_of(stocks.news[row, days], stocks.surprise[row, days], draw.standard_normal(len(days)))
        occasion = np.where(stocks.earnings[row, days], "earnings", "company")
        wire = Wire(np.zeros(len(days), dtype=np.int64), published, tone, occasion)
        subject = Subject(member.ticker, member.name, member.sector)
        tables.append(article_frame(wire, [subject], draw, config.duplicate_articles))
    return pd.concat(tables, ignore_index=True)


def article_frame(wire: Wire, subjects: list[Subject], draw: np.random.Generator, duplicates: float) -> pd.DataFrame:
    """Write the articles of a wire and syndicate some of them.

    Args:
        wire: When, about whom and in what mood.
        subjects: Who may be written about.
        draw: Random stream of the words.
        duplicates: Share of articles that come again from another source, word for word.
    """
    count = len(wire.tone)
    lag = np.minimum(np.exp(4.6 + 0.8 * draw.standard_normal(count)), 1800.0)  # seconds; median 100
    published = wire.published.floor("s").astype(TIME_DTYPE)
    seen = (published + pd.to_timedelta(np.round(lag), unit="s")).astype(TIME_DTYPE)
    source = draw.integers(0, len(SOURCES), count)
    again = np.flatnonzero(draw.random(count) < duplicates)
    wait = pd.to_timedelta(np.round(300 + 7200 * draw.random(len(again))), unit="s")
    texts = [
        write_article(subjects[subject], tone, occasion, draw)
        for subject, tone, occasion in zip(wire.subject, wire.tone, wire.occasion, strict=True)
    ]
    frame = pd.DataFrame(
        {
            "symbol": pd.Series([subjects[number].symbol for number in wire.subject], dtype="str"),
            "published_at": published,
            "first_seen_at": seen,
            "title": pd.Series([title for title, _ in texts], dtype="str"),
            "body": pd.Series([body for _, body in texts], dtype="str"),
            "source": pd.Series([SOURCES[number] for number in source], dtype="str"),
        }
    )
    copies = frame.iloc[again]
    copies = copies.assign(
        published_at=(copies["published_at"] + wait).astype(TIME_DTYPE),
        first_seen_at=(copies["first_seen_at"] + wait).astype(TIME_DTYPE),
        source=pd.Series([SOURCES[(number + 1) % len(SOURCES)] for number in source[again]], dtype="str").array,
    )
    frame = pd.concat([frame, copies], ignore_index=True)
    keys = zip(frame["symbol"], frame["published_at"].astype("int64"), frame["title"], frame["source"], frame.index)
    ids = [blake2b("|".join(map(str, key)).encode(), digest_size=8).hexdigest() for key in keys]
    return frame.assign(article_id=pd.Series(ids, dtype="str"))[COLUMNS]
