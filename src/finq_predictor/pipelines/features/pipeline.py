"""From silver tables to point-in-time features with their labels."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from finq_predictor.domain.market.markets import Market
from finq_predictor.pipelines.features.nodes import assemble_panel, build_gold, keep_at_hand
from finq_predictor.pipelines.steps import step


def create_pipeline(market: Market) -> Pipeline:
    """Build the features pipeline; a market with a benchmark reads it too.

    Args:
        market: The market it will run for; the registry adds its namespace.
    """
    inputs = {name: f"silver_{name}" for name in ("bars", "sentiment", "coverage", "macro")}
    if market.has_benchmark:
        inputs["benchmark"] = "silver_benchmark"
    if "membership" in market.source_tables:
        inputs["membership"] = "silver_membership"
    return Pipeline(
        [
            step(assemble_panel, inputs, "panel", market=market),
            step(build_gold, ["panel", "params:features", "engine"], ["feature_set", "gold"], market=market),
            step(keep_at_hand, ["panel", "feature_set", "params:features"], "online_features", market=market),
        ]
    )
