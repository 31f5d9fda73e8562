"""Are data fresh and complete, and does the world still look like training?"""

from __future__ import annotations

from functools import partial

from kedro.pipeline import Pipeline, node

from finq_predictor.domain.markets import Market
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
                partial(measure_freshness, market=market),
                ["silver_bars", "gold", "predictions", "params:monitoring"],
                "freshness",
                name="measure_freshness",
            ),
            node(measure_missing, ["gold", "champion", "params:monitoring"], "missing_rates", name="measure_missing"),
            node(
                measure_drift, ["gold", "predictions", "champion", "params:monitoring"], "drift", name="measure_drift"
            ),
            node(
                partial(build_monitoring_report, market=market),
                ["freshness", "missing_rates", "drift", "gold", "champion", "provenance", "params:monitoring"],
                "monitoring_report",
                name="build_monitoring_report",
            ),
            node(
                partial(render_monitoring_metrics, market=market),
                ["freshness", "missing_rates", "drift"],
                "monitoring_metrics",
                name="render_monitoring_metrics",
            ),
        ]
    )
