"""Which features there are for some inputs, and their values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import ConfigurationError, DataError, UnknownNameError
from finq_predictor.domain.features import (
    alpha158,
    alpha158_flow,
    cross_section,
    currencies,
    jumps,
    liquidity,
    macro,
    microstructure,
    moments,
    momentum,
    news,
    news_context,
    overnight,
    price_pattern,
    regime,
    residual,
    seasonality,
    sequence,
    session,
    trend,
    volatility,
    volume,
    volume_levels,
)
from finq_predictor.domain.features._blocks import fill_columns
from finq_predictor.domain.features._registry import REGISTRY, FeatureSet, FeatureSpec, definitions_hash, expand
from finq_predictor.domain.features.sets import HOUSE, Members, members_of
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.panel import Panel

Indices = np.ndarray[Any, np.dtype[Any]]
_MODULES = (
    trend,
    momentum,
    volatility,
    volume,
    price_pattern,
    microstructure,
    cross_section,
    session,
    news,
    macro,
    overnight,
    jumps,
    moments,
    liquidity,
    volume_levels,
    regime,
    seasonality,
    residual,
    news_context,
    currencies,
    alpha158,
    alpha158_flow,
    sequence,
)
THREADS = 2
"""How many compute at once where nobody says otherwise."""
FAMILIES = tuple(module.__name__.rpartition(".")[2] for module in _MODULES)


def select_features(
    market: Market,
    available: Collection[str],
    families: Collection[str] | None = None,
    members: Members | None = None,
) -> tuple[FeatureSpec, ...]:
    """Choose the features of a market whose inputs are all there.

    Args:
        market: The market.
        available: Names of panel fields that hold something, see ``Panel.available``.
        families: Families to use; None is all of the set.
        members: What the set is made of, see :func:`~finq_predictor.domain.features.sets.members_of`; None is the set
            of the house.

    Raises:
        UnknownNameError: If a family does not exist.
        ConfigurationError: If nothing is left.
    """
    known = dict.fromkeys((*FAMILIES, *(spec.family for spec in REGISTRY.values())))
    for family in families or ():
        if family not in known:
            raise UnknownNameError("feature family", family, known)
    of_set = members_of(HOUSE) if members is None else members
    fitting = [spec for spec in expand(market.name, available) if spec in of_set]
    found = [spec for spec in fitting if families is None or spec.family in families]
    if not found:
        raise ConfigurationError(
            f"No feature of {market.name} can be computed from {', '.join(sorted(available)) or 'nothing'} with the "
            f"families {', '.join(families or FAMILIES)} of its set; deliver at least open, high, low and close."
        )
    return tuple(found)


def left_out_features(market: Market, available: Collection[str], members: Members | None = None) -> tuple[str, ...]:
    """Names of the market's features whose inputs are not there.

    Args:
        market: The market.
        available: Names of panel fields that hold something.
        members: As for :func:`select_features`.
    """
    there = {spec.function for spec in expand(market.name, available)}
    of_set = members_of(HOUSE) if members is None else members
    ours = [spec for spec in REGISTRY.values() if spec.suits(market) and spec in of_set]
    return tuple(spec.name for spec in ours if spec.function not in there)


def make_feature_set(specs: Sequence[FeatureSpec], left_out: Sequence[str] = ()) -> FeatureSet:
    """Fix the columns, their order and their definitions.

    Args:
        specs: Features of one market from :func:`select_features`, in the order of the columns.
        left_out: Features whose inputs were not there, for the record.

    Raises:
        ConfigurationError: If there is no feature, or they are not of one market.
    """
    markets = sorted({market for spec in specs for market in spec.markets})
    if len(markets) != 1:
        raise ConfigurationError(
            f"A feature set is of one market, these {len(specs)} features are of {', '.join(markets) or 'none'}; "
            "choose them with select_features."
        )
    name = markets[0]
    return FeatureSet(
        market=name,
        names=tuple(spec.name for spec in specs),
        lookback=max(spec.lookback for spec in specs),
        definitions_hash=definitions_hash(name, specs),
        inputs=tuple(sorted({name for spec in specs for name in spec.inputs})),
        left_out=tuple(left_out),
    )


def compute_features(
    panel: Panel,
    feature_set: FeatureSet,
    at: pd.DatetimeIndex | None = None,
    *,
    dtype: str = "float64",
    threads: int = THREADS,
) -> pd.DataFrame:
    """Compute features.

    Args:
        panel: Bars and other inputs.
        feature_set: Which columns, in which order.
        at: Bars that are wanted; None is all. Only the last ``lookback`` bars up to them are read, and the values are
            the same, bit by bit, as when all are computed.
        dtype: ``"float64"``, or ``"float32"`` as models read them, which takes half of the memory.
        threads: How many compute at once; the values are the same, bit by bit.

    Returns:
        ``ts, instrument``, then one column per feature; sorted by ts and instrument; a row for every wanted bar at
        which an instrument has a close and is a member, see ``Panel.universe``. NaN where a feature is not known,
        never infinite.

    Raises:
        DataError: If the panel is of another market, lacks an input, or has no bar at a wanted time.
        FeatureSetMismatchError: If a feature does not exist in this code.
    """
    if panel.market != feature_set.market:
        raise DataError(f"The features are of {feature_set.market!r}, the panel is of {panel.market!r}; use its own.")
    specs = feature_set.specs()
    if absent := sorted(set(feature_set.inputs) - set(panel.available) - set(panel.fields)):
        raise DataError(f"The panel of {panel.market} lacks {', '.join(absent)}, which the features read.")
    wanted = np.arange(len(panel.ts)) if at is None else np.unique([panel.position(ts) for ts in at]).astype(np.intp)
    if not len(wanted):
        return _to_frame(panel, wanted, wanted, np.empty((len(specs), 0), dtype), feature_set.names)
    start = max(0, int(wanted[0]) - feature_set.lookback + 1)
    part = panel.rows(start, int(wanted[-1]) + 1)
    row, column = np.nonzero(part.universe[wanted - start])
    row = wanted[row] - start
    values = np.empty((len(specs), len(row)), dtype)
    fill_columns(part, int(wanted[0]) - start, specs, row, column, values, threads=threads)
    return _to_frame(part, row, column, values, feature_set.names)


def feature_parts(
    panel: Panel, feature_set: FeatureSet, *, bars: int, dtype: str = "float32", threads: int = THREADS
) -> Iterator[pd.DataFrame]:
    """The table of :func:`compute_features` in parts of some bars, one after the other: for what memory cannot hold.

    Args:
        panel: Bars and other inputs.
        feature_set: Which columns, in which order.
        bars: How many bars a part has; the last one may have fewer.
        dtype: As for :func:`compute_features`.
        threads: As for :func:`compute_features`.

    Raises:
        ConfigurationError: If a part has no bar.
        DataError: As :func:`compute_features`.
    """
    if bars < 1:
        raise ConfigurationError(f"A part of the features has {bars} bars; give 1 or more.")
    for start in range(0, len(panel.ts), bars):
        at = panel.ts[start : start + bars]
        yield compute_features(panel, feature_set, at=at, dtype=dtype, threads=threads)


def _to_frame(panel: Panel, row: Indices, column: Indices, values: Matrix, names: Sequence[str]) -> pd.DataFrame:
    frame = pd.DataFrame(values.T, columns=pd.Index(names, dtype="str"), copy=False)
    frame.insert(0, TS, panel.ts[row])
    frame.insert(1, INSTRUMENT, pd.array(list(panel.instruments), dtype="str").take(column))
    return frame
