"""All metrics of one model with day-clustered block-bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array
from finq_predictor.domain.evaluation import formulas, metrics
from finq_predictor.domain.evaluation.bootstrap import bootstrap_mean, bootstrap_statistic, optimal_block_length
from finq_predictor.domain.evaluation.exposures import NEUTRAL_RETURN

Statistic = Callable[[Array], float]
NAN = float("nan")
BINS = 10


def scorecard(
    predictions: pd.DataFrame,
    base_rate: Array,
    *,
    min_block: float,
    n_resamples: int,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Measure one model.

    Args:
        predictions: ``ts``, ``score``, ``probability``, ``label``, ``forward_return`` without NaN; where there is
            ``neutral_return``, the rank correlation with it is measured, too.
        base_rate: What a constant forecast would have said beforehand, one per row (n).
        min_block: Smallest mean block length of the bootstrap, in days; twice the label horizon is sensible.
        n_resamples: Resamples; a tenth of them, but at least 100, for the costly AUC.
        level: Coverage of the intervals.
        seed: Of the resampling.

    Returns:
        ``metric``, ``value``, ``ci_low``, ``ci_high``, ``n_days``. An interval is NaN where it is not defined.
    """
    values = metrics.score_metrics(predictions, base_rate, n_bins=BINS)
    y, p = predictions["label"].to_numpy(float), predictions["probability"].to_numpy(float)
    score, outcome = predictions["score"].to_numpy(float), predictions["forward_return"].to_numpy(float)
    day = metrics.day_codes(predictions["ts"])
    days, codes = np.unique(day, return_inverse=True)
    block = max(min_block, optimal_block_length(metrics.daily_accuracy(y, p, day).to_numpy()))
    block = min(block, max(1.0, len(days) / 3.0))

    bar = metrics.bar_times(predictions["ts"])
    ranks, correlations = metrics.daily_rank_ic(score, outcome, bar), metrics.daily_ic(score, outcome, bar)
    intervals = {
        name: bootstrap_mean(daily, min_block=min_block, n_resamples=n_resamples, seed=seed, level=level)
        for name, daily in {
            "rank_ic": ranks,
            "ic": correlations,
            "within_day_auc": metrics.daily_auc(y, score, bar),
        }.items()
    }
    order = np.arange(len(days))
    for name, statistic in _day_statistics(y, p, np.asarray(base_rate, dtype=float), codes, len(days)).items():
        intervals[name] = bootstrap_statistic(
            statistic, order, block=block, n_resamples=n_resamples, seed=seed, level=level
        )
    ranking = metrics.AucRanking(y, score)
    intervals["auc"] = bootstrap_statistic(
        ranking.value, codes, block=block, n_resamples=max(100, n_resamples // 10), seed=seed, level=level
    )
    correlated = {"rank_ic": ranks, "ic": correlations}
    if NEUTRAL_RETURN in predictions and predictions[NEUTRAL_RETURN].notna().any():
        neutral = metrics.daily_rank_against(score, predictions[NEUTRAL_RETURN].to_numpy(float), bar)
        correlated["neutral_rank_ic"], values["neutral_rank_ic"] = neutral, metrics.mean_of(neutral)
        intervals["neutral_rank_ic"] = bootstrap_mean(
            neutral, min_block=min_block, n_resamples=n_resamples, seed=seed, level=level
        )
    # A constant that changes between folds ranks a handful of days by accident; that is no rank correlation.
    for name, daily in correlated.items():
        if daily.notna().mean() < 0.5:
            values[name] = NAN
            intervals.pop(name)
    rows = [
        {
            "metric": name,
            "value": value,
            "ci_low": intervals[name].low if name in intervals else NAN,
            "ci_high": intervals[name].high if name in intervals else NAN,
            "n_days": len(days),
        }
        for name, value in values.items()
    ]
    return pd.DataFrame(rows)


def _day_statistics(y: Array, p: Array, base_rate: Array, codes: Array, n_days: int) -> dict[str, Statistic]:
    """Metrics as functions of how often each day counts, from sums per day instead of rows."""

    def per_day(values: Array) -> Array:
        return np.bincount(codes, weights=values, minlength=n_days)

    truth, said = y > 0.5, p > 0.5
    counts = np.stack(
        [per_day(cell.astype(float)) for cell in (~truth & ~said, ~truth & said, truth & ~said, truth & said)]
    )
    errors = np.stack(
        [
            per_day(metrics.squared_errors(y, p)),
            per_day(metrics.squared_errors(y, base_rate)),
            per_day(metrics.log_losses(y, p)),
            per_day(np.ones(len(y))),
        ]
    )
    statistics = {name: _by_counts(formula, counts) for name, formula in formulas.OF_COUNTS.items()}
    statistics["brier"] = lambda weight: formulas.ratio(errors[0] @ weight, errors[3] @ weight)
    statistics["log_loss"] = lambda weight: formulas.ratio(errors[2] @ weight, errors[3] @ weight)
    statistics["brier_skill"] = lambda weight: formulas.saved_share(errors[0] @ weight, errors[1] @ weight)
    statistics["ece"] = _ece_statistic(y, p, codes, n_days)
    return statistics


def _by_counts(formula: Callable[[float, float, float, float], float], counts: Array) -> Statistic:
    return lambda weight: formula(*(counts @ weight))


def _ece_statistic(y: Array, p: Array, codes: Array, n_days: int) -> Statistic:
    # Bins are fixed on the whole sample; only the days that fill them are resampled.
    table = metrics.calibration_table(y, p, BINS)
    bins = np.searchsorted(table["high"].to_numpy()[:-1], p, side="left")
    cell = codes * len(table) + bins
    shape = (n_days, len(table))
    gap = np.bincount(cell, weights=p - y, minlength=n_days * len(table)).reshape(shape)
    count = np.bincount(cell, minlength=n_days * len(table)).reshape(shape).astype(float)

    def statistic(weight: Array) -> float:
        return formulas.calibration_error(weight @ gap, weight @ count)

    return statistic
