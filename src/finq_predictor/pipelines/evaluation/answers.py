"""What the models say, looked at beyond the mean of the whole test."""

from __future__ import annotations

import pandas as pd

from finq_predictor.domain.columns import TS
from finq_predictor.domain.evaluation.feature_validation.validating import Validation
from finq_predictor.domain.evaluation.mean_test import label_days
from finq_predictor.domain.evaluation.regimes import Surroundings, abstention_curve, by_regime
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.origin import TrainingSummary
from finq_predictor.domain.tables import ABSTENTION, REGIMES
from finq_predictor.pipelines.evaluation.params import EvaluationParams
from finq_predictor.reports.evaluation.results import ModelStudy


def study_answers(
    oos_predictions: pd.DataFrame,
    silver_bars: pd.DataFrame,
    training_summary: TrainingSummary,
    params: EvaluationParams,
    *,
    market: Market,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Say where each model is right, and what it would gain by answering only where it is surest.

    Args:
        oos_predictions: What each model said of rows that it had not seen; hours that are not traded are left out.
        silver_bars: Bars, for the state of the market and the sectors.
        training_summary: Over how many bars a label reaches.
        params: What the prediction sets promise.
        market: The market.

    Returns:
        ``regimes`` and ``abstention``.
    """
    days = label_days(training_summary.horizon, market)
    known = oos_predictions.dropna(subset=["probability", "label", "forward_return"])
    surroundings = Surroundings.of(silver_bars, market)
    regimes, curves = [], []
    for model, rows in known[~market.is_masked(known[TS])].groupby("model", sort=True):
        regimes.append(by_regime(rows, surroundings, days, params.abstention.coverage).assign(model=model))
        curves.append(abstention_curve(rows, days).assign(model=model))
    return (
        REGIMES.typed(pd.concat(regimes, ignore_index=True)),
        ABSTENTION.typed(pd.concat(curves, ignore_index=True)),
    )


def gather_models(
    model_validation: pd.DataFrame,
    model_stability: pd.DataFrame,
    regimes: pd.DataFrame,
    abstention: pd.DataFrame,
    model_comparisons: pd.DataFrame,
) -> ModelStudy:
    """Put what was found about the models side by side."""
    nothing = Validation.empty()
    validation = Validation(model_validation, nothing.sets, model_stability, nothing.correlations)
    return ModelStudy(validation, regimes, abstention, model_comparisons)
