"""Articles about currencies."""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.simulation.config import FxMarketConfig
from finq_predictor.simulation.currencies import CurrencyPaths
from finq_predictor.simulation.news import Wire, article_frame, mistaken, tone_of
from finq_predictor.simulation.prose import currency_subject
from finq_predictor.simulation.seeding import stream

HOURS_LATE = (4.0, 12.0)


def fx_articles(config: FxMarketConfig, currencies: CurrencyPaths) -> pd.DataFrame:
    """Write the articles about all currencies; one of hour t is known before the close of t, mostly, or hours later.

    Args:
        config: The market.
        currencies: Their paths.

    Returns:
        article_id, symbol (a currency of three letters), published_at, first_seen_at, title, body, source; sorted by
        first_seen_at.
    """
    wires = []
    for row, name in enumerate(currencies.names):
        draw = stream(config.seed, f"fx.news.{name}")
        hours = np.flatnonzero(currencies.news[row])
        minutes = pd.to_timedelta(np.round(50 * 60 * draw.random(len(hours))), unit="s")
        tone = tone_of(currencies.news[row, hours], currencies.surprise[row, hours], draw.standard_normal(len(hours)))
        published = pd.DatetimeIndex(currencies.hours[hours] + minutes)
        trust = stream(config.seed, f"fx.news.trust.{name}")
        tone = mistaken(tone, config.false_news, trust)
        luck, place = trust.random((2, len(hours)))
        wait = 3600.0 * (HOURS_LATE[0] + (HOURS_LATE[1] - HOURS_LATE[0]) * place)
        delay = np.where(luck < config.late_news, np.round(wait), 0.0)
        occasion = np.array(["currency"] * len(hours))
        wires.append(Wire(currency_subject(name), published, tone, occasion, delay.astype(np.int64), draw))
    frame = article_frame(wires, config.duplicate_articles)
    return frame.sort_values(["first_seen_at", "article_id"], ignore_index=True)
