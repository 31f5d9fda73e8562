"""Where a model is right, and where its sets hold what they promise: by year, by how wild the market is, by sector."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Vector
from finq_predictor.domain.columns import ADJ_CLOSE, INSTRUMENT, SECTOR, TS
from finq_predictor.domain.evaluation import metrics
from finq_predictor.domain.evaluation.mean_test import MeanTest, mean_above_zero, two_sided_interval
from finq_predictor.domain.evaluation.set_coverage import P_VALUES
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.conformal import PValues, coverage_of
from finq_predictor.domain.panel import known_in_time
from finq_predictor.domain.tables import ABSTENTION, REGIMES

ANSWERED = (1.0, 0.75, 0.5, 0.25, 0.1, 0.05)
"""Shares of the rows, the surest first, of the curve of abstention."""
STATES = ("calm", "usual", "wild")
_RECENT, _YEAR = 20, 250
_LEVEL = 0.05


class Kind(StrEnum):
    """By what rows are put together."""

    YEAR = "year"
    VOLATILITY = "volatility"
    SECTOR = "sector"


def volatility_states(bars: pd.DataFrame, market: Market) -> pd.Series:
    """How wild the market was at each bar, by what was known then.

    The mean size of the returns of all instruments over the last 20 bars is ranked among its own values of the 250
    bars before: the lowest third is calm, the highest wild.

    Args:
        bars: Silver bars.
        market: The market.

    Returns:
        Index: times of bars; ``"calm"``, ``"usual"``, ``"wild"``, missing in the first 250 bars.
    """
    known = known_in_time(bars, market)
    price = known[ADJ_CLOSE] if ADJ_CLOSE in known and known[ADJ_CLOSE].notna().any() else known["close"]
    ordered = known.assign(price=price).sort_values([INSTRUMENT, TS], kind="stable")
    moved = np.log(ordered["price"]).groupby(ordered[INSTRUMENT]).diff().abs()
    size = moved.groupby(ordered[TS].to_numpy()).mean().sort_index().rolling(_RECENT).mean()
    place = size.rolling(_YEAR).rank(pct=True)
    state = pd.cut(place, [0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0], labels=list(STATES))
    return pd.Series(state.astype(object), index=pd.DatetimeIndex(size.index), name="state")


@dataclass(frozen=True)
class Surroundings:
    """What rows are put together by besides their year; the same for every model.

    Attributes:
        states: Time of a bar -> how wild the market was, see :func:`volatility_states`.
        sectors: Instrument -> its sector by the last bar that tells one; empty where none does.
    """

    states: pd.Series
    sectors: pd.Series

    @classmethod
    def of(cls, bars: pd.DataFrame, market: Market) -> Self:
        """Read them from silver bars."""
        sectors = pd.Series(dtype=object)
        if SECTOR in bars.columns:
            told = bars[[TS, INSTRUMENT, SECTOR]].dropna(subset=[SECTOR]).sort_values(TS, kind="stable")
            sectors = told.groupby(INSTRUMENT)[SECTOR].last()
        return cls(volatility_states(bars, market), sectors)


def by_regime(
    predictions: pd.DataFrame, surroundings: Surroundings, days_of_label: int, coverage: float
) -> pd.DataFrame:
    """Measure one model within parts of its test.

    Args:
        predictions: Of one model: ``ts``, ``instrument``, ``probability``, ``label``, ``forward_return`` without NaN;
            ``p_yes`` and ``p_no`` where there are sets.
        surroundings: States of the market, and sectors.
        days_of_label: Days over which a label reaches.
        coverage: What the sets promise.

    Returns:
        ``kind``, ``part``, ``n_rows``, ``n_days``, ``accuracy`` with ``ci_low`` and ``ci_high`` (95 %, by days),
        ``rank_ic``, ``set_coverage``, ``set_decided``; NaN where there is nothing to say.
    """
    times = pd.DatetimeIndex(predictions[TS])
    parts = {
        Kind.YEAR: pd.Series(times.year.astype(str), index=predictions.index),
        Kind.VOLATILITY: pd.Series(
            surroundings.states.reindex(times).to_numpy(), index=predictions.index, dtype=object
        ),
    }
    if len(surroundings.sectors):
        parts[Kind.SECTOR] = predictions[INSTRUMENT].map(surroundings.sectors)
    rows = [
        {"kind": kind.value, "part": str(part), **_measure(some, days_of_label, coverage)}
        for kind, named in parts.items()
        for part, some in predictions.groupby(named.to_numpy(), sort=True)
    ]
    return pd.DataFrame(rows, columns=[name for name in REGIMES.names if name != "model"])


def _measure(some: pd.DataFrame, days_of_label: int, coverage: float) -> dict[str, float]:
    test = _accuracy(some, days_of_label)
    low, high = two_sided_interval(test, _LEVEL)
    ranks = metrics.rank_ic(
        some["probability"].to_numpy(float), some["forward_return"].to_numpy(float), metrics.bar_times(some[TS])
    )
    sets = {"coverage": np.nan, "decided": np.nan}
    if set(P_VALUES) <= set(some.columns):
        values = PValues(*(some[name].to_numpy(float) for name in P_VALUES))
        sets = coverage_of(values, some["label"].to_numpy(float), coverage)
    return {
        "n_rows": len(some),
        "n_days": test.n_days,
        "accuracy": test.mean,
        "ci_low": low,
        "ci_high": high,
        "rank_ic": ranks,
        "set_coverage": sets["coverage"],
        "set_decided": sets["decided"],
    }


def abstention_curve(predictions: pd.DataFrame, days_of_label: int) -> pd.DataFrame:
    """How often a model is right when it answers only where it is surest.

    The shares are taken of the very rows that are judged: it shows what abstaining is worth, and no threshold may be
    chosen by it.

    Args:
        predictions: Of one model: ``ts``, ``probability``, ``label`` without NaN.
        days_of_label: Days over which a label reaches.

    Returns:
        ``answered`` (share of rows), ``confidence`` (of the least sure of them, 2 |probability - 0.5|), ``n_rows``,
        ``n_days``, ``accuracy`` with ``ci_low`` and ``ci_high`` (95 %, by days), ``stated`` (mean of what it said its
        chance to be right was). Rows of equal confidence are answered together.
    """
    sure = (predictions["probability"] - 0.5).abs().to_numpy(float) * 2.0
    rows = []
    for share in ANSWERED:
        least = np.quantile(sure, 1.0 - share, method="inverted_cdf") if share < 1.0 else -1.0
        # Where many are equally sure, as when all are, nobody can say which of them are surest.
        kept = sure >= least
        some = predictions[kept]
        test = _accuracy(some, days_of_label)
        low, high = two_sided_interval(test, _LEVEL)
        rows.append(
            {
                "answered": float(kept.mean()),
                "confidence": float(sure[kept].min()),
                "n_rows": int(kept.sum()),
                "n_days": test.n_days,
                "accuracy": test.mean,
                "ci_low": low,
                "ci_high": high,
                "stated": float(0.5 + sure[kept].mean() / 2.0),
            }
        )
    found = pd.DataFrame(rows, columns=[name for name in ABSTENTION.names if name != "model"])
    return found.drop_duplicates("n_rows", ignore_index=True)


def _accuracy(some: pd.DataFrame, days_of_label: int) -> MeanTest:
    """Share of right answers, with the error of a ratio over days that have more rows and less (Cochran, 1977)."""
    day = metrics.day_codes(some[TS])
    right = (some["probability"].to_numpy(float) > 0.5) == (some["label"].to_numpy(float) > 0.5)
    _, codes = np.unique(day, return_inverse=True)
    counts, hits = np.bincount(codes), np.bincount(codes, weights=right)
    accuracy = float(hits.sum() / counts.sum())
    off: Vector = (hits - accuracy * counts) / counts.mean()
    found = mean_above_zero(off, days_of_label)
    return MeanTest(accuracy, found.error, found.p_value, found.n_days, found.cosines)
