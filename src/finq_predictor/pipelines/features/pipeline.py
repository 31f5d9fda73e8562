"""From silver tables to point-in-time features with their labels."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from finq_predictor.domain.market.markets import Market
from finq_predictor.pipelines.features.nodes import assemble_panel, build_gold
from finq_predictor.pipelines.market_binding import for_market


def create_pipeline(market: Market) -> Pipeline:
    """Build the features pipeline; a market with a benchmark reads it too.

    Args:
        market: The market it will run for; the registry adds its namespace.
    """
    inputs = {"bars": "silver_bars", "sentiment": "silver_sentiment", "macro": "silver_macro"}
    if market.has_benchmark:
        inputs["benchmark"] = "silver_benchmark"
    return Pipeline(
        [
            node(for_market(assemble_panel, market), inputs, "panel", name="assemble_panel"),
            node(
                for_market(build_gold, market),
                ["panel", "params:features"],
                ["feature_set", "gold"],
                name="build_gold",
            ),
        ]
    )
