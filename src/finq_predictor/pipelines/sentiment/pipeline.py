"""From articles to a tone per instrument and bar."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from finq_predictor.domain.market.markets import Market
from finq_predictor.pipelines.sentiment.nodes import aggregate_sentiment, score_articles
from finq_predictor.pipelines.steps import step


def create_pipeline(market: Market) -> Pipeline:
    """Build the sentiment pipeline; it is the same for every market.

    Args:
        market: The market it will run for; the registry adds its namespace.
    """
    return Pipeline(
        [
            step(score_articles, ["silver_articles", "params:sentiment"], "scored_articles", market=market),
            step(
                aggregate_sentiment,
                ["scored_articles", "silver_bars", "params:sentiment"],
                ["silver_sentiment", "silver_coverage"],
                market=market,
            ),
        ]
    )
