"""From articles to a tone per instrument and bar."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from finq_predictor.domain.market.markets import Market
from finq_predictor.pipelines.market_binding import for_market
from finq_predictor.pipelines.sentiment.nodes import aggregate_sentiment, score_articles


def create_pipeline(market: Market) -> Pipeline:
    """Build the sentiment pipeline; it is the same for every market.

    Args:
        market: The market it will run for; the registry adds its namespace.
    """
    return Pipeline(
        [
            node(
                for_market(score_articles, market),
                ["silver_articles", "params:sentiment"],
                "scored_articles",
                name="score_articles",
            ),
            node(
                for_market(aggregate_sentiment, market),
                ["scored_articles", "silver_bars", "params:sentiment"],
                "silver_sentiment",
                name="aggregate_sentiment",
            ),
        ]
    )
