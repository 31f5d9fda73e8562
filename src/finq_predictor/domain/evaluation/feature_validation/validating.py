"""Validate every feature of a gold frame: three tables, and nothing of the sealed window in any."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array, Positions
from finq_predictor.domain.columns import INSTRUMENT, SECTOR, TS, horizons_in
from finq_predictor.domain.errors import UnknownNameError
from finq_predictor.domain.evaluation.false_discoveries import adjust_p_values
from finq_predictor.domain.evaluation.feature_validation.clusters import MOST_ROWS, cluster, rank_correlation
from finq_predictor.domain.evaluation.feature_validation.grid import Grid
from finq_predictor.domain.evaluation.feature_validation.hac import HacTest, hac_test
from finq_predictor.domain.evaluation.feature_validation.measuring import (
    LAGS,
    Measured,
    make_outcomes,
    mean_of,
    measure,
)
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.tables import FEATURE_CORRELATIONS, FEATURE_SETS, FEATURE_STABILITY, FEATURE_VALIDATION

ALL = "all"
"""Name of the set of all features."""
YEAR, GROUP = "year", "group"


@dataclass(frozen=True)
class Validation:
    """What was found about the features of a market before its sealed window.

    Attributes:
        features: One row per feature and horizon, see the table ``feature_validation``.
        sets: One row per set and horizon, see ``feature_sets``.
        stability: One row per feature, horizon and year, or sector, see ``feature_stability``.
        correlations: Rank correlation of each feature with each, see ``feature_correlations``.
    """

    features: pd.DataFrame
    sets: pd.DataFrame
    stability: pd.DataFrame
    correlations: pd.DataFrame

    @classmethod
    def empty(cls) -> Validation:
        """Nothing was validated."""
        tables = (FEATURE_VALIDATION, FEATURE_SETS, FEATURE_STABILITY, FEATURE_CORRELATIONS)
        return cls(*(table.empty() for table in tables))


def validate_features(
    gold: pd.DataFrame,
    features: Sequence[str],
    market: Market,
    *,
    horizons: tuple[int, ...] = (),
    sealed_from: pd.Timestamp | None = None,
    sectors: pd.DataFrame | None = None,
    sets: Mapping[str, Sequence[str]] | None = None,
    threads: int = 2,
) -> Validation:
    """Say of every feature what it is worth alone.

    Each bar is ranked once for each feature; features are taken one by one, so that memory does not grow with their
    number. The result does not depend on the number of threads.

    Args:
        gold: Gold frame.
        features: Columns to validate.
        market: The market.
        horizons: Horizons in bars; empty takes those that the frame has outcomes of.
        sealed_from: First bar of the sealed window; see :class:`Grid`.
        sectors: ``ts, instrument, sector``; the last one that was known before the sealed window counts.
        sets: Set -> features, of which the share of false discoveries is kept within it; a name that is no column here
            is left out. The set of all comes by itself.
        threads: Features that are measured side by side.

    Returns:
        The tables.

    Raises:
        UnknownNameError: If a feature is no column of the frame.
        DataError: If nothing lies before the sealed window, or an outcome is missing.
    """
    for name in features:
        if name not in gold.columns:
            raise UnknownNameError("feature of the gold frame", name, map(str, gold.columns))
    grid = Grid.of(gold, market, horizons or horizons_in(map(str, gold.columns)), sealed_from)
    outcomes = make_outcomes(grid, _groups(grid, sectors, sealed_from))
    names = [str(name) for name in grid.instruments]

    def one(feature: str) -> Measured:
        return measure(grid.matrix(gold[feature]), outcomes, names, len(grid.rows))

    measured = dict(zip(features, _side_by_side(one, features, threads), strict=True))
    correlation = correlate(gold, features, grid.rows)
    clusters = cluster(correlation)
    tests = {
        outcome.horizon: hac_test(
            np.column_stack([measured[name].judged(outcome.horizon) for name in features]), outcome.horizon
        )
        for outcome in outcomes
    }
    years = grid.ts.year.to_numpy()
    stability = _stability(measured, grid.outcomes, years)
    table = _table(measured, tests, clusters, stability)
    members = {ALL: tuple(features)} | {
        name: tuple(feature for feature in given if feature in measured) for name, given in (sets or {}).items()
    }
    named = pd.DataFrame(correlation, columns=pd.Index(features, dtype="str"))
    named.insert(0, "feature", pd.array(list(features), dtype="str"))
    return Validation(
        FEATURE_VALIDATION.typed(table),
        FEATURE_SETS.typed(_sets(table, members)),
        FEATURE_STABILITY.typed(stability),
        FEATURE_CORRELATIONS.typed(named),
    )


def correlate(gold: pd.DataFrame, features: Sequence[str], rows: Positions) -> Array:
    """Rank correlation of features over rows, thinned evenly."""
    # One random row of each of as many equal stretches: a fixed step could meet the same instruments again and again.
    most = min(len(rows), MOST_ROWS)
    offsets = np.random.default_rng(0).random(most) if most < len(rows) else np.zeros(most)
    used = rows[((np.arange(most) + offsets) * len(rows) / max(most, 1)).astype(np.intp)]
    return rank_correlation(gold[list(features)].iloc[used].to_numpy(np.float32))


def _side_by_side(function: Callable[[str], Measured], features: Sequence[str], threads: int) -> Iterable[Measured]:
    if threads < 2 or len(features) < 2:
        return [function(feature) for feature in features]
    # Compiled by one thread first: two would wait for each other, and may each find half of a library.
    first = function(features[0])
    with ThreadPoolExecutor(threads) as pool:
        return [first, *pool.map(function, features[1:])]


def _groups(grid: Grid, sectors: pd.DataFrame | None, sealed_from: pd.Timestamp | None) -> dict[str, Positions]:
    if sectors is None or SECTOR not in sectors.columns:
        return {}
    told = sectors[[TS, INSTRUMENT, SECTOR]].dropna(subset=[SECTOR])
    told = told if sealed_from is None else told[told[TS] < sealed_from]
    last = told.sort_values(TS, kind="stable").groupby(INSTRUMENT, sort=True)[SECTOR].last()
    mine = last.reindex(grid.instruments)
    return {str(name): np.flatnonzero((mine == name).to_numpy()) for name in sorted(mine.dropna().unique())}


def _stability(measured: Mapping[str, Measured], horizons: Iterable[int], years: Array) -> pd.DataFrame:
    """The judged mean of each feature and horizon within each year and each group."""
    horizons = list(horizons)
    distinct = np.unique(years)
    rows: list[tuple[Any, ...]] = []
    for name, one in measured.items():
        for horizon in horizons:
            series = one.judged(horizon)
            for year in distinct:
                mine = series[years == year]
                rows.append((name, horizon, YEAR, str(year), mean_of(mine), int(np.isfinite(mine).sum())))
            rows += [(name, horizon, GROUP, group, value, -1) for group, value in one.groups[horizon].items()]
    return pd.DataFrame(rows, columns=["feature", "horizon", "kind", "part", "mean", "n_bars"])


def _table(
    measured: Mapping[str, Measured], tests: Mapping[int, HacTest], clusters: Positions, stability: pd.DataFrame
) -> pd.DataFrame:
    frames = []
    parts = {kind: _shares(stability[stability["kind"] == kind], kind) for kind in (YEAR, GROUP)}
    for horizon, test in tests.items():
        judged = [one.judged(horizon) for one in measured.values()]
        decay = np.array([one.decay[horizon] for one in measured.values()])
        across = hac_test(np.column_stack([one.time_ic[horizon] for one in measured.values()]), horizon)
        frames.append(
            pd.DataFrame(
                {
                    "feature": list(measured),
                    "horizon": horizon,
                    "scope": [one.scope.value for one in measured.values()],
                    "coverage": [one.coverage for one in measured.values()],
                    "n_bars": test.n.astype(np.int64),
                    "ic": [mean_of(one.ic[horizon]) for one in measured.values()],
                    "rank_ic": [mean_of(one.rank_ic[horizon]) for one in measured.values()],
                    "time_ic": across.mean,
                    "time_t": across.t,
                    "mean": test.mean,
                    "icir": [_icir(series) for series in judged],
                    "t": test.t,
                    "p_value": test.p_value,
                    **{f"lag_{lag}": decay[:, place] for place, lag in enumerate(LAGS)},
                    "autocorrelation": [one.autocorrelation for one in measured.values()],
                    "cluster": clusters,
                }
            )
        )
    table = pd.concat(frames, ignore_index=True)
    for kind, shares in parts.items():
        table = table.merge(shares, on=["feature", "horizon"], how="left", validate="one_to_one")
        table[f"worst_{kind}"] = table[f"worst_{kind}"].astype("str")
    # One family of tests: every feature over every horizon, since the best of all of them is what is looked at.
    p_values = table["p_value"].to_numpy()
    return table.assign(p_bh=adjust_p_values(p_values), p_by=adjust_p_values(p_values, dependent=True))


def _shares(parts: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Share of the parts in which a feature has the sign of its whole, and the part in which it is worst."""
    known = parts.dropna(subset=["mean"])
    keys = ["feature", "horizon"]
    whole = known.groupby(keys)["mean"].transform("mean")
    signed = known.assign(signed=known["mean"] * np.sign(whole))
    by = signed.groupby(keys)
    worst = signed.loc[by["signed"].idxmin()].set_index(keys)
    found = pd.DataFrame(
        {
            f"{kind}s_same_sign": by["signed"].agg(lambda values: float((values > 0.0).mean())),
            f"worst_{kind}": worst["part"],
            f"worst_{kind}_mean": worst["mean"],
        }
    )
    return found.reset_index()


def _icir(series: Array) -> float:
    known = series[np.isfinite(series)]
    spread = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    return float(known.mean()) / spread if spread > 1e-15 else float("nan")


def _sets(table: pd.DataFrame, members: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """What each set holds at each horizon; the share of false discoveries is kept within the set."""
    rows = []
    for name, features in members.items():
        mine = table[table["feature"].isin(features)]
        mine = mine.assign(p_bh=adjust_p_values(mine["p_value"].to_numpy()))
        mine = mine.assign(p_by=adjust_p_values(mine["p_value"].to_numpy(), dependent=True))
        for horizon, part in mine.groupby("horizon", sort=True):
            strongest = part.sort_values("t", key=lambda t: -t.abs(), kind="stable").iloc[0]
            rows.append(
                {
                    "set": name,
                    "horizon": horizon,
                    "n_features": len(part),
                    "n_clusters": part["cluster"].nunique(),
                    "median_mean": float(part["mean"].abs().median()),
                    "n_alone": int((part["p_value"] <= 0.05).sum()),
                    "n_bh": int((part["p_bh"] <= 0.05).sum()),
                    "n_by": int((part["p_by"] <= 0.05).sum()),
                    "strongest": str(strongest["feature"]),
                    "strongest_t": float(strongest["t"]),
                }
            )
    return pd.DataFrame(rows, columns=list(FEATURE_SETS.names))
