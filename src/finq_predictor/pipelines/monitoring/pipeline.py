"""Are data fresh and complete, and does the world still look like training?"""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from finq_predictor.domain.market.markets import Market
from finq_predictor.pipelines.market_binding import for_market
from finq_predictor.pipelines.monitoring.nodes import (
    build_monitoring_report,
    measure_drift,
    measure_freshness,
    measure_missing,
    render_monitoring_metrics,
)


def create_pipeline(market: Market) -> Pipeline:
    """Build the monitoring pipeline; it is the same for every market.

    Args:
        market: The market it will run for; the registry adds its namespace.
    """
    return Pipeline(
        [
            node(
                for_market(measure_freshness, market),
                ["silver_bars", "gold", "predictions", "params:monitoring"],
                "freshness",
                name="measure_freshness",
            ),
            node(measure_missing, ["gold", "champion", "params:monitoring"], "missing_rates", name="measure_missing"),
            node(
                measure_drift, ["gold", "predictions", "champion", "params:monitoring"], "drift", name="measure_drift"
            ),
            node(
                for_market(build_monitoring_report, market),
                ["freshness", "missing_rates", "drift", "gold", "champion", "provenance", "params:monitoring"],
                "monitoring_report",
                name="build_monitoring_report",
            ),
            node(
                for_market(render_monitoring_metrics, market),
                ["freshness", "missing_rates", "drift"],
                "monitoring_metrics",
                name="render_monitoring_metrics",
            ),
        ]
    )
