"""From out-of-sample predictions to a governed champion, its latest predictions and a report."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from finq_predictor.domain.market.markets import Market
from finq_predictor.pipelines.evaluation.nodes import (
    compute_metrics,
    decide_promotion,
    draw_plots,
    predict_latest,
    prepare_attachment,
    prepare_registration,
    prepare_runs,
    trade_on_paper,
    write_report,
)
from finq_predictor.pipelines.market_binding import for_market
from finq_predictor.reports.evaluation.pictures import NAMES

PARAMS = "params:evaluation"


def create_pipeline(market: Market) -> Pipeline:
    """Wire the evaluation of one market."""
    pictures = {f"plot_{name}": f"plot_{name}" for name in NAMES} | {"plot_images": "plot_images"}
    return Pipeline(
        [
            node(
                compute_metrics,
                ["oos_predictions", PARAMS],
                ["metrics", "metrics_by_fold", "daily_skill"],
                name="compute_metrics",
            ),
            node(
                for_market(trade_on_paper, market),
                ["oos_predictions", "silver_bars", "trials", "training_summary", PARAMS],
                ["backtest", "backtest_summary"],
                name="trade_on_paper",
            ),
            node(
                for_market(decide_promotion, market),
                [
                    "candidates",
                    "metrics",
                    "daily_skill",
                    "backtest_summary",
                    "leak_meter",
                    "incumbent",
                    "provenance",
                    PARAMS,
                ],
                "promotion",
                name="decide_promotion",
            ),
            node(
                for_market(draw_plots, market),
                [
                    "oos_predictions",
                    "candidates",
                    "daily_skill",
                    "backtest",
                    "folds",
                    "leak_meter",
                    "promotion",
                    PARAMS,
                ],
                pictures,
                name="draw_plots",
            ),
            node(
                for_market(prepare_runs, market),
                [
                    "candidates",
                    "metrics",
                    "backtest_summary",
                    "trials",
                    "folds",
                    "promotion",
                    "plot_images",
                    PARAMS,
                ],
                "tracked_run",
                name="track_runs",
            ),
            node(
                prepare_registration,
                ["candidates", "promotion", "oos_predictions", "tracked_run"],
                "champion",
                name="register_champion",
            ),
            node(predict_latest, ["champion", "gold", PARAMS], "predictions", name="predict_latest"),
            node(
                for_market(write_report, market),
                {
                    "metrics": "metrics",
                    "metrics_by_fold": "metrics_by_fold",
                    "backtest": "backtest",
                    "backtest_summary": "backtest_summary",
                    "promotion": "promotion",
                    "champion": "champion",
                    "candidates": "candidates",
                    "folds": "folds",
                    "trials": "trials",
                    "leak_meter": "leak_meter",
                    "provenance": "provenance",
                    "tracked_run": "tracked_run",
                    "oos_predictions": "oos_predictions",
                    "plot_images": "plot_images",
                    "params": PARAMS,
                },
                "report",
                name="write_report",
            ),
            node(prepare_attachment, ["report", "tracked_run"], "tracked_report", name="attach_report"),
        ]
    )
