"""Feature views: what a store keeps of features, how long a value counts, and what is said of one that does not.

Views are made of the registry: whoever adds a feature has it in a view. There is one of features that read bars, macro
releases and the clock, and one of those that read what was written; the entity of both is the instrument.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array, Matrix, Positions
from finq_predictor.domain.columns import INSTRUMENT
from finq_predictor.domain.errors import UnknownNameError
from finq_predictor.domain.features._registry import FeatureSet, FeatureSpec, definitions_hash
from finq_predictor.domain.features.engine import THREADS, compute_features
from finq_predictor.domain.market.markets import Market, get_market
from finq_predictor.domain.panel import NEWS_FIELDS, Panel

MARKET_VIEW, NEWS_VIEW = "market", "news"
NEWS_HOURS = 6.0
"""What was written counts so long, in hours in which its market is open."""
ONLINE_BARS = 64
"""Bars of each instrument that are kept at hand: the newest, and those that lags ask for."""
DTYPE = "float64"
Codes = np.ndarray[Any, np.dtype[np.int8]]


class State(StrEnum):
    """What is known of a value, by the names that Feast gives it."""

    PRESENT = "PRESENT"
    NULL_VALUE = "NULL_VALUE"
    NOT_FOUND = "NOT_FOUND"
    OUTSIDE_MAX_AGE = "OUTSIDE_MAX_AGE"


STATES = tuple(State)
"""In the order of the codes by which tables of states hold them."""
_PRESENT, _NULL, _ABSENT, _OLD = range(4)


@dataclass(frozen=True)
class FeatureView:
    """Features that have an entity and an age in common.

    Attributes:
        market: Name of the market.
        name: Its name within the market.
        features: Columns, in the order of the feature set.
        ttl_hours: A value counts up to this age, in hours in which the market is open: nights, week-ends and holidays
            age nothing.
        definitions_hash: SHA-256 of the definitions of its features.
        entity: What a row is of.
        dtype: Type of the values.
    """

    market: str
    name: str
    features: tuple[str, ...]
    ttl_hours: float
    definitions_hash: str
    entity: str = INSTRUMENT
    dtype: str = DTYPE

    @property
    def full_name(self) -> str:
        """Its name among the views of all markets."""
        return f"{self.market}_{self.name}"


@dataclass(frozen=True)
class LatestFeatures:
    """The newest bars of a market's features, for a store that is asked about them.

    Attributes:
        feature_set: The features.
        table: ``ts, instrument`` and the features (float64) of the last bars, every row of each of these bars.
    """

    feature_set: FeatureSet
    table: pd.DataFrame


def latest_features(panel: Panel, feature_set: FeatureSet, bars: int, threads: int = THREADS) -> LatestFeatures:
    """The features of the last bars as the service computes them, bit by bit.

    Args:
        panel: Bars and what was known beside them.
        feature_set: Which features.
        bars: How many of the last bars.
        threads: How many compute at once; the values are the same.
    """
    return LatestFeatures(feature_set, compute_features(panel, feature_set, at=panel.ts[-bars:], threads=threads))


def ttl_hours(view: str, market: Market) -> float:
    """How old a value of a view may be, in open hours: bars as long as they are fresh, news a quarter of a day."""
    return NEWS_HOURS if view == NEWS_VIEW else market.fresh_hours


@lru_cache(maxsize=16)
def views_of(feature_set: FeatureSet) -> tuple[FeatureView, ...]:
    """The views of a feature set, without empty ones.

    Raises:
        FeatureSetMismatchError: If a feature does not exist in this code.
    """
    market = get_market(feature_set.market)
    parts: dict[str, list[FeatureSpec]] = {MARKET_VIEW: [], NEWS_VIEW: []}
    for spec in feature_set.specs():
        parts[NEWS_VIEW if set(spec.inputs) & set(NEWS_FIELDS) else MARKET_VIEW].append(spec)
    return tuple(
        FeatureView(
            market.name,
            name,
            tuple(spec.name for spec in specs),
            ttl_hours(name, market),
            definitions_hash(market.name, specs),
        )
        for name, specs in parts.items()
        if specs
    )


def require_features(feature_set: FeatureSet, features: Collection[str] | None) -> tuple[str, ...]:
    """The features that are asked for, in the order in which they are; all of the set where none is named.

    Raises:
        UnknownNameError: If the set has no such feature; near misses are suggested.
    """
    if features is None:
        return feature_set.names
    known = set(feature_set.names)
    for name in features:
        if name not in known:
            raise UnknownNameError(f"feature of {feature_set.market}", name, feature_set.names)
    return tuple(dict.fromkeys(features))


def limits_of(feature_set: FeatureSet, features: Sequence[str]) -> Array:
    """How old a value of each feature may be, in open hours (M)."""
    limits = {name: view.ttl_hours for view in views_of(feature_set) for name in view.features}
    return np.array([limits[name] for name in features], dtype=np.float64)


def judge(values: Matrix, found: Array, age_hours: Array, limits: Array) -> tuple[Matrix, Codes]:
    """Withhold what is too old, and say of every value what is known of it.

    Args:
        values: (N, M) values; a row that was not found may hold anything.
        found: (N,) whether there is such a row.
        age_hours: (N,) open hours since the bar that a row is of.
        limits: (M,) how old a value may be.

    Returns:
        The values, NaN where nothing may be told, and the places of their states in :data:`STATES`; both (N, M).
    """
    codes = np.where(np.isnan(values), _NULL, _PRESENT).astype(np.int8)
    codes[age_hours[:, None] > limits[None, :]] = _OLD
    codes[~found] = _ABSENT
    told: Matrix = np.where(codes == _PRESENT, values, np.nan)
    return told, codes


def lagged(bars: Positions, base: int, lags: Sequence[int], market: Market) -> list[int | None]:
    """The bars that lie so many bars of the market before one, counted by its calendar and not by what is stored.

    Args:
        bars: Closes of the bars that are there, microseconds since 1970, ascending.
        base: One of them.
        lags: How many bars before it; 0 is the bar itself.
        market: Whose bars.

    Returns:
        The close of each, None where that bar is not there.
    """
    if not lags or not max(lags):
        return [base for _ in lags]
    steps = bar_numbers(tuple(int(bar) for bar in bars), market)
    by_number: dict[int, int] = {}
    for bar, number in zip(bars, steps, strict=True):
        if bar <= base:
            by_number[int(number)] = int(bar)
    place = int(steps[int(np.searchsorted(bars, base))])
    return [base if not lag else by_number.get(place - lag) for lag in lags]


@lru_cache(maxsize=16)
def bar_numbers(bars: tuple[int, ...], market: Market) -> Positions:
    """Number of each bar from the first one: one that the market made and nobody delivered counts as well."""
    ts = pd.DatetimeIndex(np.array(bars, dtype="datetime64[us]"), tz="UTC")
    # One that was delivered outside of trading hours is a bar of its own.
    steps = np.maximum(market.sessions.bars_between(ts, market.bar), 1)
    numbers: Positions = np.concatenate([[0], np.cumsum(steps)]).astype(np.intp)
    return numbers
