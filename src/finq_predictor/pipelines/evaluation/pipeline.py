"""From out-of-sample predictions to a governed champion, its latest predictions and a report."""

from __future__ import annotations

from kedro.pipeline import Pipeline, node

from finq_predictor.domain.market.markets import Market
from finq_predictor.pipelines.evaluation.nodes import (
    assemble_results,
    compute_metrics,
    decide_promotion,
    draw_plots,
    gather_measures,
    gather_training,
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
                gather_training,
                ["candidates", "oos_predictions", "folds", "trials", "leak_meter", "provenance"],
                "trained_models",
                name="gather_training",
            ),
            node(
                gather_measures,
                ["metrics", "metrics_by_fold", "daily_skill", "backtest", "backtest_summary"],
                "measures",
                name="gather_measures",
            ),
            node(
                for_market(decide_promotion, market),
                ["trained_models", "measures", "incumbent", PARAMS],
                "promotion",
                name="decide_promotion",
            ),
            node(
                for_market(assemble_results, market),
                ["trained_models", "measures", "promotion", PARAMS],
                "evaluation_results",
                name="assemble_results",
            ),
            node(draw_plots, "evaluation_results", pictures, name="draw_plots"),
            node(prepare_runs, ["evaluation_results", "plot_images"], "tracked_run", name="track_runs"),
            node(prepare_registration, ["evaluation_results", "tracked_run"], "champion", name="register_champion"),
            node(predict_latest, ["champion", "gold", PARAMS], "predictions", name="predict_latest"),
            node(
                write_report,
                ["evaluation_results", "champion", "tracked_run", "plot_images"],
                "report",
                name="write_report",
            ),
            node(prepare_attachment, ["report", "tracked_run"], "tracked_report", name="attach_report"),
        ]
    )
