"""What one feature is worth: the series of its correlations, bar by bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from finq_predictor.domain.arrays import Array, Matrix, Positions, Vector
from finq_predictor.domain.evaluation.feature_validation.grid import FEWEST, Grid, Ranked

PAST = 60
"""Values of an instrument before the first that is compared with its past."""
FARTHEST = 3.0
"""Deviations at which such a comparison is cut."""
FEW_INSTRUMENTS = 10
"""Below so many in the usual bar a rank among them says little, and an instrument is compared with its own past."""
LAGS = (0, 1, 2, 5, 10, 20)
"""Bars by which a feature is delayed, to see how soon what it knows is old."""


class Scope(StrEnum):
    """Among what a feature is compared."""

    INSTRUMENTS = "instruments"
    TIME = "time"


@dataclass(frozen=True)
class Outcome:
    """What followed each bar over one horizon, ready to be compared with any feature.

    Attributes:
        horizon: In bars.
        ranked: Forward returns, each bar ranked.
        scaled: The same in standard deviations of their instrument (T, N).
        by_group: Group -> its instruments, and their returns ranked among them.
    """

    horizon: int
    ranked: Ranked
    scaled: Matrix
    by_group: Mapping[str, tuple[Positions, Ranked]]


@dataclass(frozen=True)
class Measured:
    """One feature.

    Attributes:
        coverage: Share of the rows on which it is known.
        scope: Among what it is compared, and by which of the two series it is judged.
        autocorrelation: Correlation with itself a bar before: of ranks, or of its distance from the past.
        ic: Horizon -> Pearson's correlation across instruments of each bar (T).
        rank_ic: Horizon -> Spearman's (T).
        time_ic: Horizon -> mean over instruments of distance from the past x return, both in deviations (T).
        decay: Horizon -> mean of the judged series for each lag.
        groups: Horizon -> group -> mean of the judged series within it.
    """

    coverage: float
    scope: Scope
    autocorrelation: float
    ic: Mapping[int, Vector]
    rank_ic: Mapping[int, Vector]
    time_ic: Mapping[int, Vector]
    decay: Mapping[int, Sequence[float]]
    groups: Mapping[int, Mapping[str, float]]

    def judged(self, horizon: int) -> Vector:
        """The series that a test is about (T)."""
        return (self.rank_ic if self.scope is Scope.INSTRUMENTS else self.time_ic)[horizon]


def make_outcomes(grid: Grid, groups: Mapping[str, Positions]) -> list[Outcome]:
    """Rank what followed, once for all features.

    Args:
        grid: The layout.
        groups: Group, such as a sector, -> places of its instruments.
    """
    made = []
    for horizon, values in grid.outcomes.items():
        with np.errstate(invalid="ignore"):
            deviation = np.sqrt(_mean(values**2, axis=0))
            scaled = values / np.where(deviation > 0.0, deviation, np.nan)
        parts = {
            name: (places, Ranked.of(np.ascontiguousarray(values[:, places])))
            for name, places in groups.items()
            if len(places) >= FEWEST
        }
        made.append(Outcome(horizon, Ranked.of(values), scaled, parts))
    return made


def measure(values: Array, outcomes: Sequence[Outcome], names: Sequence[str], rows: int) -> Measured:
    """Compare a feature with what followed.

    Args:
        values: The feature (T, N), float32 or float64; NaN where not known.
        outcomes: What followed.
        names: The instruments (N).
        rows: Rows of the layout, for the coverage.
    """
    from finq_predictor.domain.evaluation.feature_validation import _kernels

    ranked = Ranked.of(values)
    ic: dict[int, Vector] = {}
    rank_ic: dict[int, Vector] = {}
    time_ic: dict[int, Vector] = {}
    scores = np.empty(values.shape)
    _kernels.past_scores(values, PAST, FARTHEST, scores)
    products = {}
    for outcome in outcomes:
        horizon, series = outcome.horizon, np.empty(len(values))
        _kernels.correlations(values, outcome.ranked.values, series)
        ic[horizon], rank_ic[horizon] = series, ranked.against(outcome.ranked)
        products[horizon] = scores * outcome.scaled
        time_ic[horizon] = _mean(products[horizon], axis=1)
    scope = _scope(rank_ic, outcomes)
    decay: dict[int, list[float]] = {}
    groups: dict[int, dict[str, float]] = {}
    for outcome in outcomes:
        horizon = outcome.horizon
        if scope is Scope.INSTRUMENTS:
            decay[horizon] = [mean_of(ranked.against(outcome.ranked, lag)) for lag in LAGS]
            groups[horizon] = {
                name: mean_of(Ranked.of(np.ascontiguousarray(values[:, places])).against(returns))
                for name, (places, returns) in outcome.by_group.items()
            }
        else:
            decay[horizon] = [_delayed(scores, outcome.scaled, lag) for lag in LAGS]
            few = len(names) < FEW_INSTRUMENTS
            by_instrument = _mean(products[horizon], axis=0) if few else ()
            groups[horizon] = dict(zip(names, map(float, by_instrument), strict=True)) if few else {}
    itself = mean_of(ranked.against(ranked, 1)) if scope is Scope.INSTRUMENTS else _autocorrelation(scores)
    known = float(np.isfinite(values).sum()) / max(rows, 1)
    return Measured(known, scope, itself, ic, rank_ic, time_ic, decay, groups)


def judged_series(values: Array, outcome: Outcome) -> tuple[Scope, Vector]:
    """The series (T) by which a feature (T, N) is judged against one outcome, and nothing else of it."""
    from finq_predictor.domain.evaluation.feature_validation import _kernels

    rank_ic = Ranked.of(values).against(outcome.ranked)
    if _scope({outcome.horizon: rank_ic}, [outcome]) is Scope.INSTRUMENTS:
        return Scope.INSTRUMENTS, rank_ic
    scores = np.empty(values.shape)
    _kernels.past_scores(values, PAST, FARTHEST, scores)
    return Scope.TIME, _mean(scores * outcome.scaled, axis=1)


def mean_of(series: Array) -> float:
    """Mean of what is known; NaN where nothing is."""
    known = series[np.isfinite(series)]
    return float(known.mean()) if len(known) else float("nan")


def _scope(rank_ic: Mapping[int, Vector], outcomes: Sequence[Outcome]) -> Scope:
    """Ranks are judged where the usual bar has enough instruments, and where the feature tells them apart."""
    for outcome in outcomes:
        counts = outcome.ranked.counts[outcome.ranked.counts > 0]
        if not len(counts) or np.median(counts) < FEW_INSTRUMENTS:
            return Scope.TIME
        if np.isfinite(rank_ic[outcome.horizon]).any():
            return Scope.INSTRUMENTS
    return Scope.TIME


def _delayed(scores: Matrix, scaled: Matrix, lag: int) -> float:
    if lag >= len(scores):
        return float("nan")
    return mean_of(_mean(scores[: len(scores) - lag] * scaled[lag:], axis=1))


def _autocorrelation(scores: Matrix) -> float:
    before, after = scores[:-1], scores[1:]
    both = np.isfinite(before) & np.isfinite(after)
    a, b = before[both], after[both]
    scale = np.sqrt(float((a * a).sum()) * float((b * b).sum()))
    return float((a * b).sum() / scale) if scale > 0.0 else float("nan")


def _mean(values: Matrix, axis: int) -> Vector:
    """Mean of what is known along an axis, without a word where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    means: Vector = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return means
