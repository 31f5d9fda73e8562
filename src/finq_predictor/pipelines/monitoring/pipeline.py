"""Are data fresh and complete, and does the world still look like training?"""

from __future__ import annotations

from kedro.pipeline import Pipeline

from finq_predictor.domain.market.markets import Market
from finq_predictor.pipelines.monitoring.nodes import (
    assemble_monitoring_results,
    count_calls,
    gather_watched,
    judge_retraining,
    measure_drift,
    measure_freshness,
    measure_missing,
    render_monitoring_metrics,
    write_monitoring_report,
)
from finq_predictor.pipelines.monitoring.signals import keep_paper_book, recall_signals
from finq_predictor.pipelines.steps import step


def create_pipeline(market: Market) -> Pipeline:
    """Build the monitoring pipeline; it is the same for every market.

    Args:
        market: The market it will run for; the registry adds its namespace.
    """
    benchmark = [f"silver_{table}" for table in market.reference_tables]
    return Pipeline(
        [
            step(
                measure_freshness,
                ["silver_bars", "gold", "predictions", "provenance", "clock", "gate_results", "params:monitoring"],
                "freshness",
                market=market,
            ),
            step(measure_missing, ["gold", "champion", "params:monitoring"], "missing_rates", market=market),
            step(measure_drift, ["gold", "predictions", "champion", "params:monitoring"], "drift", market=market),
            step(count_calls, ["provider_notes", "clock", "params:monitoring"], "providers", market=market),
            step(
                gather_watched,
                ["freshness", "missing_rates", "drift", "gate_results", "providers"],
                "watched",
                market=market,
            ),
            step(
                assemble_monitoring_results,
                ["watched", "gold", "champion", "provenance", "params:monitoring"],
                "monitoring_results",
                market=market,
            ),
            step(write_monitoring_report, ["monitoring_results", "snapshot"], "monitoring_report", market=market),
            step(
                judge_retraining,
                ["watched", "gold", "champion", "score_cards", "params:monitoring"],
                "retrain_request",
                market=market,
            ),
            step(
                recall_signals,
                ["champion", "gold", "oos_predictions", "training_summary", "trading_terms"],
                "signals",
                market=market,
            ),
            step(
                keep_paper_book,
                ["signals", "silver_bars", "champion", "trading_terms", *benchmark],
                "paper_book",
                market=market,
            ),
            step(
                render_monitoring_metrics,
                ["watched", "paper_book", "predictions"],
                "monitoring_metrics",
                market=market,
            ),
        ]
    )
