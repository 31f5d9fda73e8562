"""Which features a training window speaks for: one of each cluster, of one sign in most parts of the window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from finq_predictor.domain.arrays import FeatureMatrix, Positions, Vector
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.evaluation.feature_validation.clusters import (
    ALIKE,
    MOST_ROWS,
    cluster,
    rank_correlation,
    representatives,
)
from finq_predictor.domain.evaluation.feature_validation.grid import Grid
from finq_predictor.domain.evaluation.feature_validation.hac import hac_test
from finq_predictor.domain.evaluation.feature_validation.measuring import judged_series, make_outcomes


@dataclass(frozen=True)
class SelectionRules:
    """How features are chosen inside a training window.

    Attributes:
        enabled: Whether they are; else every model reads all.
        periods: Parts of equally many bars into which the window is cut.
        min_same_sign: Share of the parts in which a feature must have the sign of its whole.
        min_t: Least size of its t over the whole window, in standard errors.
        alike: Features whose absolute rank correlations are above this are of one cluster, which is read once.
        min_features: At least so many are chosen, the strongest of those that did not pass after those that did.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    enabled: bool = False
    periods: Annotated[int, Field(ge=2)] = 4
    min_same_sign: Annotated[float, Field(gt=0.5, le=1.0)] = 0.75
    min_t: Annotated[float, Field(ge=0.0)] = 1.0
    alike: Annotated[float, Field(gt=0.0, lt=1.0)] = ALIKE
    min_features: Annotated[int, Field(ge=1)] = 10


def select_stable(matrix: FeatureMatrix, keys: pd.DataFrame, horizon: int, rules: SelectionRules) -> Positions:
    """Choose features by the rows of a training window, and by nothing else.

    Args:
        matrix: Features of those rows (n, k); NaN where not known.
        keys: ``ts``, ``instrument`` and ``forward_return`` of the same rows.
        horizon: Bars over which the outcome reaches.
        rules: How they are chosen.

    Returns:
        Positions of the chosen features, ascending; at least one, and ``min_features`` where there are so many.
    """
    ts, names = pd.DatetimeIndex(keys[TS].unique()).sort_values(), pd.Index(sorted(keys[INSTRUMENT].unique()))
    places = ts.get_indexer(pd.DatetimeIndex(keys[TS])) * len(names) + names.get_indexer(pd.Index(keys[INSTRUMENT]))
    grid = Grid(ts, names, np.arange(len(keys)), places, {})
    grid.outcomes[horizon] = grid.spread(keys["forward_return"].to_numpy(np.float64))
    (outcome,) = make_outcomes(grid, {})
    series = np.column_stack(
        [judged_series(grid.spread(matrix[:, place]), outcome)[1] for place in range(matrix.shape[1])]
    )
    strength = np.nan_to_num(np.abs(hac_test(series, horizon).t))
    steady = _same_sign(series, rules.periods)
    used = np.unique(np.linspace(0, len(matrix) - 1, min(len(matrix), MOST_ROWS)).astype(np.intp))
    clusters = cluster(rank_correlation(matrix[used]), rules.alike)
    passed = (steady >= rules.min_same_sign) & (strength >= rules.min_t)
    # What did not pass stands for no cluster that holds something which did.
    chosen = representatives(clusters, np.where(passed, 1.0 + strength, strength / (1.0 + strength)))
    stable = chosen[passed[chosen]]
    missing = rules.min_features - len(stable)
    if missing <= 0:
        return stable
    rest = np.setdiff1d(np.arange(matrix.shape[1]), stable)
    first_of_cluster = np.isin(rest, chosen)
    order = np.lexsort((rest, -strength[rest], ~first_of_cluster))
    return np.sort(np.concatenate([stable, rest[order][:missing]]))


def _same_sign(series: Vector, periods: int) -> Vector:
    """Share of the periods in which the mean has the sign of the whole (k); 0 where nothing is known."""
    known = np.isfinite(series)
    values = np.where(known, series, 0.0)
    whole = np.sign(values.sum(axis=0))
    parts = np.array_split(np.arange(len(series)), periods)
    same = np.stack([np.sign(values[part].sum(axis=0)) * whole > 0.0 for part in parts])
    there = np.stack([known[part].any(axis=0) for part in parts])
    share: Vector = (same & there).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    return share
