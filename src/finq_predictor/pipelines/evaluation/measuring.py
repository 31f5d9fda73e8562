"""How good every model was out of sample, and which of them can be told apart."""

from __future__ import annotations

from typing import Any

import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.evaluation.exposures import join_neutral
from finq_predictor.domain.evaluation.mean_test import label_days
from finq_predictor.domain.evaluation.metrics import score_metrics
from finq_predictor.domain.evaluation.model_comparison import compare_models
from finq_predictor.domain.evaluation.scorecard import scorecard
from finq_predictor.domain.evaluation.set_coverage import set_coverage
from finq_predictor.domain.evaluation.skill import daily_skill
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.models.base import ModelKind
from finq_predictor.domain.modelling.origin import TrainingSummary
from finq_predictor.domain.tables import DAILY_SKILL, METRICS, METRICS_BY_FOLD
from finq_predictor.pipelines.evaluation.neutral import of_horizon
from finq_predictor.pipelines.evaluation.params import EvaluationParams

BASE_RATE = "base_rate"
KNOWN = ["label", "forward_return"]
FOLD_METRICS = ("accuracy", "auc", "brier_skill", "ece", "rank_ic")


def compute_metrics(
    oos_predictions: pd.DataFrame,
    neutral_outcomes: pd.DataFrame,
    training_summary: TrainingSummary,
    params: EvaluationParams,
    *,
    market: Market,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Measure every model out of sample, and hold each against each.

    Args:
        oos_predictions: Walk-forward predictions of naive baselines and candidates. Hours in which the market is not
            traded are not judged either.
        neutral_outcomes: What happened beyond what instruments share.
        training_summary: Over how many bars a label reaches.
        params: Resampling.
        market: The market.

    Returns:
        ``metrics`` (``model``, ``kind``, ``metric``, ``value``, ``ci_low``, ``ci_high``, ``n_days``);
        ``metrics_by_fold`` (``model``, ``fold``, ``metric``, ``value``); daily skill (``ts``: the day; one column per
        model); ``model_comparisons``, one row per pair of models.

    Raises:
        DataError: If no prediction has a known outcome.
    """
    known = _with_base_rate(oos_predictions[~market.is_masked(oos_predictions[TS])])
    known = join_neutral(known, of_horizon(neutral_outcomes, training_summary.horizon))
    block = 2.0 * label_days(training_summary.horizon, market)
    cards: list[pd.DataFrame] = []
    folds: list[dict[str, Any]] = []
    daily: dict[str, pd.Series] = {}
    for (model, kind), rows in known.groupby(["model", "kind"], sort=True):
        card = scorecard(
            rows,
            rows[BASE_RATE].to_numpy(),
            min_block=block,
            n_resamples=params.n_bootstrap,
            level=params.confidence,
            seed=params.seed,
        )
        card = pd.concat([card, set_coverage(rows, params.abstention.coverage)], ignore_index=True)
        cards.append(card.assign(model=model, kind=kind))
        for fold, part in rows.groupby("fold", sort=True):
            values = score_metrics(part, part[BASE_RATE].to_numpy())
            folds.extend({"model": model, "fold": fold, "metric": name, "value": values[name]} for name in FOLD_METRICS)
        daily[str(model)] = daily_skill(rows, params.promotion.skill, market)
    days = pd.DataFrame(daily).sort_index()
    comparisons = compare_models(
        days,
        sorted(known.loc[known["kind"] == ModelKind.NAIVE, "model"].unique()),
        label_days(training_summary.horizon, market),
        level=1.0 - params.confidence,
        n_resamples=params.n_bootstrap,
        seed=params.seed,
    )
    skill = days.rename_axis(TS).reset_index()
    return (
        METRICS.typed(pd.concat(cards, ignore_index=True)),
        METRICS_BY_FOLD.typed(pd.DataFrame(folds)),
        DAILY_SKILL.typed(skill),
        comparisons,
    )


def _with_base_rate(oos: pd.DataFrame) -> pd.DataFrame:
    known = oos.dropna(subset=[*KNOWN, "score", "probability"])
    if known.empty:
        raise DataError("No out-of-sample prediction has a known outcome; train on a longer history.")
    base = known.loc[known["model"] == BASE_RATE, [TS, INSTRUMENT, "probability"]]
    if base.empty:
        raise DataError(
            f"The predictions hold no model {BASE_RATE!r}, which says what was known beforehand; train with it."
        )
    base = base.rename(columns={"probability": BASE_RATE})
    return known.merge(base, on=[TS, INSTRUMENT], how="left").fillna({BASE_RATE: base[BASE_RATE].mean()})
