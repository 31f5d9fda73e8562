"""What models are worth: traded on paper after costs, where that came from, and how far it can be believed."""

from __future__ import annotations

import pandas as pd

from finq_predictor.domain.evaluation.mean_test import label_days
from finq_predictor.domain.evaluation.paper_trading import attribute_models, overfitting_of, trade_models
from finq_predictor.domain.evaluation.trial_ledger import TrialLedger
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.origin import TrainingSummary
from finq_predictor.pipelines.evaluation.params import EvaluationParams
from finq_predictor.pipelines.evaluation.trials import JudgedRows, count_judged
from finq_predictor.reports.evaluation.results import Worth


def trade_on_paper(
    oos_predictions: pd.DataFrame,
    silver_bars: pd.DataFrame,
    tried: TrialLedger,
    judged_rows: JudgedRows,
    training_summary: TrainingSummary,
    params: EvaluationParams,
    silver_benchmark: pd.DataFrame | None = None,
    *,
    market: Market,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Trade every model's predictions at the next bar, after costs.

    Returns:
        ``backtest``, one row per day, model and strategy; ``backtest_summary``, one row per measure; ``profit_parts``,
        one row per part of the profit; ``capacity``, one row per capital; ``factor_returns``, one row per day.
    """
    return trade_models(
        oos_predictions,
        silver_bars,
        market,
        training_summary.horizon,
        params.backtest,
        count_judged(judged_rows, tried, params),
        silver_benchmark,
    )


def explain_profit(
    backtest: pd.DataFrame, factor_returns: pd.DataFrame, training_summary: TrainingSummary, *, market: Market
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Say how much of each result is just the market, and how likely the best model is only the best of the past.

    Returns:
        ``attribution``, one row per model, strategy and factor; ``overfitting``, one row per strategy.
    """
    held = label_days(training_summary.horizon, market)
    return attribute_models(backtest, factor_returns, held, market), overfitting_of(backtest)


def gather_worth(
    profit_parts: pd.DataFrame, capacity: pd.DataFrame, attribution: pd.DataFrame, overfitting: pd.DataFrame
) -> Worth:
    """Put side by side what explains the results of trading."""
    return Worth(profit_parts, capacity, attribution, overfitting)
