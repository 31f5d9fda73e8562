"""From out-of-sample predictions to a governed champion, its latest predictions and a report."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from finq_predictor.domain.market.markets import Market
from finq_predictor.pipelines.evaluation.answers import gather_models, study_answers
from finq_predictor.pipelines.evaluation.champion import follow_champion
from finq_predictor.pipelines.evaluation.measuring import compute_metrics
from finq_predictor.pipelines.evaluation.neutral import neutralise_outcomes
from finq_predictor.pipelines.evaluation.nodes import (
    agree_trading_terms,
    assemble_results,
    bill_survivors,
    decide_promotion,
    draw_plots,
    gather_measures,
    gather_training,
    predict_latest,
    write_report,
)
from finq_predictor.pipelines.evaluation.portfolio import judge_portfolio
from finq_predictor.pipelines.evaluation.recording import gather_circumstances, gather_findings, offer_to_measure
from finq_predictor.pipelines.evaluation.risk import (
    assess_risk,
    gather_risk,
    judge_volatility_model,
    prepare_side_models,
)
from finq_predictor.pipelines.evaluation.scheduled import state_newest
from finq_predictor.pipelines.evaluation.screening import (
    draw_features,
    gather_features,
    validate_features,
    validate_models,
)
from finq_predictor.pipelines.evaluation.sealed import seal_window
from finq_predictor.pipelines.evaluation.tracking import prepare_attachment, prepare_registration, prepare_runs
from finq_predictor.pipelines.evaluation.trials import enter_trials, identify_rows
from finq_predictor.pipelines.evaluation.worth import explain_profit, gather_worth, trade_on_paper
from finq_predictor.pipelines.steps import step
from finq_predictor.reports.evaluation.feature_pictures import FEATURE_PICTURES
from finq_predictor.reports.evaluation.model_pictures import MODEL_PICTURES
from finq_predictor.reports.evaluation.pictures import PICTURES

PARAMS = "params:evaluation"
MEASURED = ("metrics", "metrics_by_fold", "daily_skill", "backtest", "backtest_summary")
STUDIED = ("validated_features", "studied_models", "risk_findings")
BILLED = ("oos_predictions", "silver_bars", "promotion", "training_summary")


def create_predictions(market: Market) -> Pipeline:
    """Wire what is predicted on a schedule: the newest bars into a file, and the last of them where the API records."""
    return Pipeline(
        [
            step(predict_latest, ["champion", "gold", PARAMS], "predictions", market=market),
            step(state_newest, ["predictions", "champion", "clock", "snapshot"], "statements", market=market),
        ]
    )


def create_screening(market: Market) -> Pipeline:
    """Wire what each feature is worth alone: tables and pictures."""
    tables = ["feature_validation", "feature_sets", "feature_stability", "feature_correlations"]
    pictures = {f"plot_{name}": f"plot_{name}" for name in FEATURE_PICTURES} | {"feature_images": "feature_images"}
    return Pipeline(
        [
            step(validate_features, ["gold", "feature_set", "folds", "silver_bars", PARAMS], tables, market=market),
            step(gather_features, tables, "validated_features", market=market),
            step(draw_features, "validated_features", pictures, market=market),
        ]
    )


def create_risk(market: Market) -> Pipeline:
    """Wire what may be lost, and how much instruments will move."""
    return Pipeline(
        [
            step(
                assess_risk,
                ["backtest", "factor_returns", "attribution", "promotion", "trading_terms"],
                ["tail_risk", "stress"],
                market=market,
            ),
            step(judge_volatility_model, "silver_bars", ["volatility_verdict", "volatility_forecast"], market=market),
            step(
                judge_portfolio,
                [
                    *("oos_predictions", "silver_bars", "backtest", "promotion", "training_summary", PARAMS),
                    *(f"silver_{table}" for table in market.reference_tables),
                ],
                "portfolio_verdict",
                market=market,
            ),
            step(
                gather_risk,
                ["tail_risk", "stress", "volatility_verdict", "volatility_forecast", "portfolio_verdict"],
                "risk_findings",
                market=market,
            ),
            step(
                prepare_side_models,
                ["volatility_verdict", "portfolio_verdict", "provenance"],
                "side_models",
                market=market,
            ),
        ]
    )


def create_pipeline(market: Market) -> Pipeline:
    """Wire the evaluation of one market."""
    benchmark = [f"silver_{table}" for table in market.reference_tables]
    membership = [table for table in market.source_tables if table == "membership"]
    names = (*PICTURES, *MODEL_PICTURES)
    pictures = {f"plot_{name}": f"plot_{name}" for name in names} | {"plot_images": "plot_images"}
    models, answers = ["model_validation", "model_stability"], ["regimes", "abstention"]
    return (
        create_screening(market)
        + create_risk(market)
        + Pipeline(
            [
                step(
                    identify_rows,
                    ["oos_predictions", "gold", "folds", "training_summary", "clock", "invocation"],
                    "judged_rows",
                    market=market,
                ),
                step(
                    enter_trials, ["judged_rows", "trials", "training_summary", "trial_ledger"], "tried", market=market
                ),
                step(
                    seal_window,
                    ["sealed_predictions", "gold", "neutral_outcomes", "training_summary", "tried", "judged_rows"],
                    "sealed_window",
                    market=market,
                ),
                step(
                    neutralise_outcomes,
                    ["gold", "silver_bars", "training_summary", "incumbent", PARAMS],
                    "neutral_outcomes",
                    market=market,
                ),
                step(
                    follow_champion,
                    ["incumbent", "gold", "neutral_outcomes", "promotion_log"],
                    "followed",
                    market=market,
                ),
                step(
                    compute_metrics,
                    ["oos_predictions", "neutral_outcomes", "training_summary", PARAMS],
                    ["metrics", "metrics_by_fold", "daily_skill", "model_comparisons"],
                    market=market,
                ),
                step(
                    trade_on_paper,
                    ["oos_predictions", "silver_bars", "tried", "judged_rows", "training_summary", PARAMS, *benchmark],
                    ["backtest", "backtest_summary", "profit_parts", "capacity", "factor_returns"],
                    market=market,
                ),
                step(
                    explain_profit,
                    ["backtest", "factor_returns", "training_summary"],
                    ["attribution", "overfitting"],
                    market=market,
                ),
                step(gather_worth, ["profit_parts", "capacity", "attribution", "overfitting"], "worth", market=market),
                step(agree_trading_terms, ["oos_predictions", PARAMS], "trading_terms", market=market),
                step(
                    gather_training,
                    [
                        "candidates",
                        "oos_predictions",
                        "folds",
                        "trials",
                        "leak_meter",
                        "provenance",
                    ],
                    "trained_models",
                    market=market,
                ),
                step(offer_to_measure, ["candidates", "gold"], "running_costs", market=market),
                step(
                    gather_measures,
                    [*MEASURED, "running_costs"],
                    "measures",
                    market=market,
                ),
                step(
                    decide_promotion,
                    ["trained_models", "measures", "followed", "sealed_window", "live_trials", PARAMS],
                    ["promotion", "opened"],
                    market=market,
                ),
                step(
                    assemble_results,
                    ["trained_models", "measures", "promotion", "worth", "invocation", PARAMS],
                    "evaluation_results",
                    market=market,
                ),
                step(
                    validate_models,
                    ["oos_predictions", "gold", "folds", "silver_bars", PARAMS],
                    models,
                    market=market,
                ),
                step(
                    study_answers,
                    ["oos_predictions", "silver_bars", "training_summary", PARAMS],
                    answers,
                    market=market,
                ),
                step(gather_models, [*models, *answers, "model_comparisons"], "studied_models", market=market),
                step(draw_plots, ["evaluation_results", "studied_models"], pictures, market=market),
                step(prepare_runs, ["evaluation_results", "plot_images"], "tracked_run", market=market),
                step(
                    prepare_registration, ["evaluation_results", "tracked_run", "followed"], "champion", market=market
                ),
                step(
                    bill_survivors,
                    {
                        "params": PARAMS,
                        **{name: name for name in BILLED},
                        **{f"silver_{table}": f"silver_{table}" for table in (*market.reference_tables, *membership)},
                    },
                    "survivorship",
                    market=market,
                ),
                step(predict_latest, ["champion", "gold", PARAMS], "predictions", market=market),
                step(gather_findings, [*STUDIED], "findings", market=market),
                step(
                    gather_circumstances,
                    ["predictions", "survivorship", "replay", "snapshot", "findings", "entered"],
                    "circumstances",
                    market=market,
                ),
                step(
                    write_report,
                    ["evaluation_results", "champion", "tracked_run", "plot_images", "circumstances", "feature_images"],
                    "report",
                    market=market,
                ),
                step(prepare_attachment, ["report", "tracked_run", "circumstances"], "tracked_report", market=market),
            ]
        )
    )
