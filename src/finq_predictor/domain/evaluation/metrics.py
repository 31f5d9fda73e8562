"""How good predictions are: per row, per day and over all days, fast enough for hundreds of thousands of rows.

Everywhere ``y`` is 0 or 1 (n), ``p`` a probability and ``score`` anything that ranks (n), ``day`` any code of the day
of each row (n). Daily functions return one value per day, indexed by day, NaN where a day says nothing; they are what
the bootstrap resamples. Inputs hold no NaN unless said.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array, Vector
from finq_predictor.domain.evaluation import formulas

NAN = float("nan")


def day_codes(ts: pd.Series) -> Array:
    """UTC calendar day of each time, as ``datetime64[D]`` (n); a daily bar belongs to the day it closes on."""
    days: Array = pd.DatetimeIndex(ts).tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[D]")
    return days


def bar_times(ts: pd.Series) -> Array:
    """UTC time of each bar as ``datetime64[us]`` (n), the groups in which instruments are ranked against each other."""
    times: Array = pd.DatetimeIndex(ts).tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[us]")
    return times


def confusion(y: Array, p: Array, threshold: float = 0.5) -> tuple[int, int, int, int]:
    """Count (true negatives, false positives, false negatives, true positives); ``p > threshold`` means 1."""
    truth, said = np.asarray(y) > 0.5, np.asarray(p) > threshold
    both = int((truth & said).sum())
    positive, claimed = int(truth.sum()), int(said.sum())
    return len(truth) - positive - claimed + both, claimed - both, positive - both, both


def accuracy(y: Array, p: Array, threshold: float = 0.5) -> float:
    """Share of rows on the right side of the threshold."""
    return formulas.accuracy(*confusion(y, p, threshold))


def auc(y: Array, score: Array) -> float:
    """Chance that a one ranks above a zero, ties counting half (Hanley and McNeil, 1982); NaN with one class only."""
    return AucRanking(y, score).value()


class AucRanking:
    """The AUC of one ranking under many row weights; sorts once.

    Args:
        y: Labels (n).
        score: What ranks (n).
    """

    def __init__(self, y: Array, score: Array) -> None:
        values = np.asarray(score)
        self.order = np.argsort(values, kind="stable")
        ordered = values[self.order]
        self.positive = np.asarray(y, dtype=np.float64)[self.order]
        self.starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.zeros(0, int)

    def value(self, weight: Array | None = None) -> float:
        """AUC with the weight of each row, in the order of the rows given (n); None weighs all alike."""
        if not len(self.order):
            return NAN
        w = np.ones(len(self.order)) if weight is None else np.asarray(weight, dtype=np.float64)[self.order]
        ones = np.add.reduceat(w * self.positive, self.starts)
        zeros = np.add.reduceat(w * (1.0 - self.positive), self.starts)
        total = ones.sum() * zeros.sum()
        return float((ones * (np.cumsum(zeros) - 0.5 * zeros)).sum() / total) if total > 0 else NAN


def brier(y: Array, p: Array) -> float:
    """Mean squared error of the probability (Brier, 1950)."""
    return formulas.ratio(squared_errors(y, p).sum(), len(y))


def brier_skill(y: Array, p: Array, base_rate: float | Array) -> float:
    """Share of the Brier score of ``base_rate`` that the probability saves; 0 is "knows no more".

    Args:
        y: Labels.
        p: Probabilities.
        base_rate: What a constant forecast would have said *beforehand*: a number, or one per row.
    """
    plain = np.broadcast_to(np.asarray(base_rate, dtype=np.float64), np.shape(y))
    return formulas.saved_share(brier(y, p), brier(y, plain))


def squared_errors(y: Array, p: Array) -> Vector:
    """Squared error of each row (n)."""
    errors: Vector = (np.asarray(p, dtype=np.float64) - np.asarray(y, dtype=np.float64)) ** 2
    return errors


def log_loss(y: Array, p: Array) -> float:
    """Mean negative log-likelihood, in nats; probabilities are kept 1e-15 away from 0 and 1."""
    return formulas.ratio(log_losses(y, p).sum(), len(y))


def log_losses(y: Array, p: Array) -> Vector:
    """Negative log-likelihood of each row (n)."""
    safe = np.clip(np.asarray(p, dtype=np.float64), 1e-15, 1.0 - 1e-15)
    losses: Vector = -np.log(np.where(np.asarray(y) > 0.5, safe, 1.0 - safe))
    return losses


def calibration_table(y: Array, p: Array, n_bins: int = 10) -> pd.DataFrame:
    """Stated against observed frequency in bins of equal mass.

    Rows of equal probability share a bin, so that the table does not depend on the order of the rows.

    Returns:
        ``probability`` (mean stated), ``frequency`` (observed), ``count``, ``low``, ``high``: one row per bin in use.
    """
    stated, truth = np.asarray(p, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if not len(stated):
        return pd.DataFrame(columns=["probability", "frequency", "count", "low", "high"], dtype=float)
    _, where, counts = np.unique(stated, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - 0.5 * counts
    bins = np.minimum((middle * n_bins / len(stated)).astype(int), n_bins - 1)[where]
    frame = pd.DataFrame({"bin": bins, "p": stated, "y": truth})
    grouped = frame.groupby("bin")
    return pd.DataFrame(
        {
            "probability": grouped["p"].mean(),
            "frequency": grouped["y"].mean(),
            "count": grouped.size(),
            "low": grouped["p"].min(),
            "high": grouped["p"].max(),
        }
    ).reset_index(drop=True)


def ece(y: Array, p: Array, n_bins: int = 10) -> float:
    """Expected calibration error over bins of equal mass."""
    table = calibration_table(y, p, n_bins)
    count = table["count"].to_numpy(float)
    return formulas.calibration_error((table["probability"] - table["frequency"]).to_numpy() * count, count)


def daily_mean(values: Array, day: Array) -> pd.Series:
    """Mean of the values of each day, such as of hits or of squared errors."""
    days, codes = np.unique(day, return_inverse=True)
    return pd.Series(np.bincount(codes, weights=np.asarray(values, dtype=float)) / np.bincount(codes), index=days)


def daily_accuracy(y: Array, p: Array, day: Array) -> pd.Series:
    """Accuracy of each day, called 1 above one half."""
    return daily_mean((np.asarray(p) > 0.5) == (np.asarray(y) > 0.5), day)


def daily_log_loss(y: Array, p: Array, day: Array) -> pd.Series:
    """Log loss of each day."""
    return daily_mean(log_losses(y, p), day)


def daily_ic(score: Array, forward_return: Array, bar: Array) -> pd.Series:
    """Pearson correlation of score and forward return across the instruments of each bar, averaged per day.

    NaN where either is constant or a bar has one row. Times of bars are compared with each other nowhere: ranking the
    hours of a day would favour scores that follow the price level, even on a random walk.
    """
    bars, codes = np.unique(bar, return_inverse=True)
    a, b = np.asarray(score, dtype=np.float64), np.asarray(forward_return, dtype=np.float64)
    return _per_day(_grouped_correlation(a, b, codes, len(bars)), bars)


def daily_rank_ic(score: Array, forward_return: Array, bar: Array) -> pd.Series:
    """Spearman correlation across the instruments of each bar, averaged per day; ties share their mean rank."""
    bars, codes = np.unique(bar, return_inverse=True)
    a, b = grouped_ranks(score, codes), grouped_ranks(forward_return, codes)
    return _per_day(_grouped_correlation(a, b, codes, len(bars)), bars)


def daily_rank_against(score: Array, values: Array, bar: Array) -> pd.Series:
    """Correlation of the ranks of a score with values as they are, across each bar, averaged per day.

    For values that are residuals of ranks already; ranking them again would undo what was taken out.
    """
    bars, codes = np.unique(bar, return_inverse=True)
    residuals = np.asarray(values, dtype=np.float64)
    return _per_day(_grouped_correlation(grouped_ranks(score, codes), residuals, codes, len(bars)), bars)


def _per_day(values: Array, bars: Array) -> pd.Series:
    """Mean of the values of a day's bars, without NaN."""
    days = bars.astype("datetime64[D]") if np.issubdtype(bars.dtype, np.datetime64) else bars
    series = pd.Series(np.asarray(values, dtype=np.float64), index=days)
    return series.groupby(level=0).mean()


def daily_auc(y: Array, score: Array, bar: Array) -> pd.Series:
    """AUC across the instruments of each bar, averaged per day; NaN where all bars have one class only."""
    bars, codes = np.unique(bar, return_inverse=True)
    truth = np.asarray(y, dtype=np.float64)
    ranks = grouped_ranks(score, codes)
    ones = np.bincount(codes, weights=truth)
    zeros = np.bincount(codes) - ones
    rank_sum = np.bincount(codes, weights=ranks * truth)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = (rank_sum - 0.5 * ones * (ones + 1.0)) / (ones * zeros)
    return _per_day(np.where(ones * zeros > 0, values, np.nan), bars)


def ic(score: Array, forward_return: Array, bar: Array) -> float:
    """Mean daily Pearson correlation."""
    return mean_of(daily_ic(score, forward_return, bar))


def rank_ic(score: Array, forward_return: Array, bar: Array) -> float:
    """Mean daily Spearman correlation."""
    return mean_of(daily_rank_ic(score, forward_return, bar))


def within_day_auc(y: Array, score: Array, bar: Array) -> float:
    """Mean AUC within bars: what is left when guessing the direction of all instruments at once pays nothing."""
    return mean_of(daily_auc(y, score, bar))


def icir(daily: pd.Series) -> float:
    """Mean over standard deviation of a daily series, not annualised; NaN below two days or without variation."""
    known = daily.dropna()
    spread = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    return float(known.mean()) / spread if spread > 1e-15 else NAN


def mean_of(daily: pd.Series) -> float:
    """Mean of a daily series without its NaN; NaN if nothing is left."""
    known = daily.dropna()
    return float(known.mean()) if len(known) else NAN


def grouped_ranks(values: Array, codes: Array) -> Vector:
    """Rank from 1 within each group, ties sharing their mean rank (n); groups are codes 0, 1, ..."""
    array = np.asarray(values, dtype=np.float64)
    order = np.lexsort((array, codes))
    ordered, groups = array[order], np.asarray(codes)[order]
    n = len(order)
    if not n:
        return np.zeros(0)
    new_group = np.r_[True, groups[1:] != groups[:-1]]
    new_value = new_group | np.r_[True, ordered[1:] != ordered[:-1]]
    first = np.flatnonzero(new_value)
    last = np.r_[first[1:], n] - 1
    group_start = np.maximum.accumulate(np.where(new_group, np.arange(n), 0))[first]
    mean_rank = 0.5 * (first + last) - group_start + 1.0
    ranks = np.empty(n)
    ranks[order] = np.repeat(mean_rank, last - first + 1)
    return ranks


def score_metrics(predictions: pd.DataFrame, base_rate: float | Array, *, n_bins: int = 10) -> dict[str, float]:
    """Compute every metric of one model.

    Args:
        predictions: ``ts``, ``score``, ``probability``, ``label``, ``forward_return`` without NaN.
        base_rate: What a constant forecast would have said beforehand, a number or one per row.
        n_bins: Bins of the calibration error.

    Returns:
        ``accuracy, precision, recall, f1, auc, mcc, brier, brier_skill, log_loss, ece, ic, rank_ic, icir,
        within_day_auc``; NaN where a metric is not defined.
    """
    y, p = predictions["label"].to_numpy(float), predictions["probability"].to_numpy(float)
    score, outcome = predictions["score"].to_numpy(float), predictions["forward_return"].to_numpy(float)
    bar = bar_times(predictions["ts"])
    counts = confusion(y, p)
    by_class = {name: formula(*counts) for name, formula in formulas.OF_COUNTS.items()}
    ranks = daily_rank_ic(score, outcome, bar)
    return by_class | {
        "auc": auc(y, score),
        "brier": brier(y, p),
        "brier_skill": brier_skill(y, p, base_rate),
        "log_loss": log_loss(y, p),
        "ece": ece(y, p, n_bins),
        "ic": ic(score, outcome, bar),
        "rank_ic": mean_of(ranks),
        "icir": icir(ranks),
        "within_day_auc": within_day_auc(y, score, bar),
    }


def _grouped_correlation(a: Vector, b: Vector, codes: Array, n_groups: int) -> Vector:
    count = np.bincount(codes, minlength=n_groups)
    a, a_size = _centered(a, codes, count)
    b, b_size = _centered(b, codes, count)
    aa, bb, ab = (np.bincount(codes, weights=w, minlength=n_groups) for w in (a * a, b * b, a * b))
    # What is left of a constant after subtracting its mean is rounding, not variation.
    known = (aa > 1e-24 * a_size) & (bb > 1e-24 * b_size)
    scale = np.sqrt(np.where(known, aa * bb, 1.0))
    return np.where(known, np.clip(ab / scale, -1.0, 1.0), np.nan)


def _centered(values: Vector, codes: Array, count: Array) -> tuple[Vector, Vector]:
    """Values minus the mean of their group (n), and the sum of squares of each group before that."""
    size: Vector = np.bincount(codes, weights=values * values, minlength=len(count)).astype(np.float64)
    return values - (np.bincount(codes, weights=values, minlength=len(count)) / count)[codes], size
