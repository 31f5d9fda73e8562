"""Nodes of the sentiment pipeline."""

from __future__ import annotations

import logging

import pandas as pd

from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.sentiment.aggregation import aggregate_tone, cover, scored_frame, weights_of
from finq_predictor.domain.sentiment.scorers import score_with_ladder
from finq_predictor.pipelines.sentiment.params import SentimentParams

SILENT_SHARE = 0.1

logger = logging.getLogger(__name__)


def score_articles(articles: pd.DataFrame, params: SentimentParams, *, market: Market) -> pd.DataFrame:
    """Score every article with the best scorer that can.

    Args:
        articles: Silver articles; ``title`` and ``body`` may be missing.
        params: Order of scorers, length of text to read, and what counts how much.
        market: The market whose language is read.

    Returns:
        ``article_id, instrument, known_at, tone, confidence, scorer, weight``, one row per article, same order.
    """
    texts = article_texts(articles, params.max_text_length)
    result = score_with_ladder(texts, params.scorers, market.vocabulary, params.scorer_options)
    for fallback in result.fallbacks:
        logger.warning("Scorer %r passed %d articles down: %s", fallback.scorer, fallback.rows, fallback.reason)
    weights = weights_of(articles, count_repeats=params.count_repeats, by_quality=params.weigh_by_quality)
    return scored_frame(articles, result.scores, weights)


def article_texts(articles: pd.DataFrame, max_length: int) -> list[str]:
    """Join title and body of each article, cut at a number of characters; missing parts read as empty."""
    title = articles["title"].astype("object").where(articles["title"].notna(), "")
    body = articles["body"].astype("object").where(articles["body"].notna(), "") if "body" in articles else ""
    return [text.strip()[:max_length] for text in (title + ". " + body)] if len(articles) else []


def aggregate_sentiment(
    scored: pd.DataFrame, bars: pd.DataFrame, params: SentimentParams, *, market: Market
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add the tones of the articles that became known since the bar before, and say for which bars that is known.

    Args:
        scored: Scored articles.
        bars: Silver bars; only ``ts`` and ``instrument`` are read.
        params: The longest wait for a bar, the longest silence.
        market: The market whose instruments are meant.

    Returns:
        ``ts, instrument, tone_sum, article_count``: rows only where an article counts; and ``ts, newest, complete`` of
        every bar.
    """
    tone = aggregate_tone(scored, bars, market, max_wait=pd.Timedelta(hours=params.max_wait_hours))
    coverage = cover(scored, bars, pd.Timedelta(hours=params.max_silence_hours))
    silent = int((~coverage["complete"]).sum())
    if silent > SILENT_SHARE * len(coverage):
        logger.warning(
            "articles: none for more than %.0f h before %d of %d bars; there the tone is missing. Where that is how "
            "seldom something is written, set sentiment.max_silence_hours to more.",
            params.max_silence_hours,
            silent,
            len(coverage),
        )
    return tone, coverage
