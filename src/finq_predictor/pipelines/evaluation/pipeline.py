"""From out-of-sample predictions to a governed champion, its latest predictions and a report."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any

from kedro.pipeline import Pipeline, node

from finq_predictor.domain.markets import Market
from finq_predictor.pipelines.evaluation.drawing import NAMES, draw_plots
from finq_predictor.pipelines.evaluation.nodes import (
    compute_metrics,
    decide_promotion,
    predict_latest,
    prepare_attachment,
    prepare_registration,
    prepare_runs,
    trade_on_paper,
)
from finq_predictor.pipelines.evaluation.report import write_report

PARAMS = "params:evaluation"


def create_pipeline(market: Market) -> Pipeline:
    """Wire the evaluation of one market."""
    pictures = {f"plot_{name}": f"plot_{name}" for name in NAMES} | {"plot_images": "plot_images"}
    return Pipeline(
        [
            node(
                compute_metrics,
                ["oos_predictions", PARAMS],
                ["metrics", "metrics_by_fold", "daily_rank_ic"],
                name="compute_metrics",
            ),
            node(
                _of(market, trade_on_paper),
                ["oos_predictions", "silver_bars", "trials", "training_summary", PARAMS],
                ["backtest", "backtest_summary"],
                name="trade_on_paper",
            ),
            node(
                _of(market, decide_promotion),
                [
                    "candidates", "metrics", "daily_rank_ic", "backtest_summary", "leak_meter", "incumbent", "provenance", PARAMS,
                ],
                "promotion",
                name="decide_promotion",
            ),
            node(
                _of(market, draw_plots),
                ["oos_predictions", "candidates", "daily_rank_ic", "backtest", "folds", "leak_meter", "promotion", PARAMS],
                pictures,
                name="draw_plots",
            ),
            node(
                _of(market, prepare_runs),
                [
                    "candidates", "metrics", "backtest_summary", "trials", "folds", "promotion", "plot_images", PARAMS,
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
                _of(market, write_report),
                {
                    "metrics": "metrics", "metrics_by_fold": "metrics_by_fold", "backtest": "backtest",
                    "backtest_summary": "backtest_summary", "promotion": "promotion", "champion": "champion",
                    "candidates": "candidates", "folds": "folds", "trials": "trials", "leak_meter": "leak_meter",
                    "provenance": "provenance", "tracked_run": "tracked_run",
                    "oos_predictions": "oos_predictions", "plot_images": "plot_images", "params": PARAMS,
                },
                "report",
                name="write_report",
            ),
            node(prepare_attachment, ["report", "tracked_run"], "tracked_report", name="attach_report"),
        ]
    )


def _of(market: Market, function: Callable[..., Any]) -> Callable[..., Any]:
    """Bind the market; Kedro reads name and type hints off the wrapper."""
    return update_wrapper(partial(function, market=market), function)
