"""Features as they were known at given moments: the past is asked as the present is, and answers no later bar."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Positions
from finq_predictor.domain.columns import INSTRUMENT, TS, UTC_MICROSECONDS
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.features._registry import FeatureSet
from finq_predictor.domain.features.views import STATES, Codes, judge, limits_of, require_features
from finq_predictor.domain.market.markets import get_market

BAR_TS, AGE = "bar_ts", "age_hours"
_NONE = np.iinfo(np.int64).min  # what NumPy holds for a time that is missing


@dataclass(frozen=True)
class History:
    """What was known at each of the moments that were asked for.

    Attributes:
        table: The rows that were asked for, all of them in their order, with ``bar_ts`` (the bar that answers; missing
            where there is none), ``age_hours`` (open hours since then) and the features (float32); what is not known or
            too old is NaN.
        features: Names of the features.
        codes: (N, M) place of the state of each value in :data:`~finq_predictor.domain.features.views.STATES`.
    """

    table: pd.DataFrame
    features: tuple[str, ...]
    codes: Codes

    def states(self) -> pd.DataFrame:
        """The states of the values, a column for each feature, aligned with the table."""
        columns = {
            name: pd.Categorical.from_codes(self.codes[:, place], [str(state) for state in STATES])
            for place, name in enumerate(self.features)
        }
        return pd.DataFrame(columns, index=self.table.index)


def as_of(
    entities: pd.DataFrame, gold: pd.DataFrame, feature_set: FeatureSet, features: Collection[str] | None = None
) -> History:
    """Join features onto moments: of each instrument the last bar that had closed by then.

    Args:
        entities: ``instrument, ts`` (UTC) and whatever else; rows may repeat and need no order.
        gold: ``ts, instrument`` and at least the features that are asked for, sorted by ts.
        feature_set: What gold holds.
        features: Which features; None is all of them.

    Returns:
        A row for every row that was asked for, in its order and with its index.

    Raises:
        DataError: If a column is missing, or a moment is missing or has no zone.
        UnknownNameError: If there is no such feature; near misses are suggested.
    """
    names = require_features(feature_set, features)
    asked = _moments(entities)
    codes, instruments = pd.factorize(gold[INSTRUMENT])
    wanted = pd.Index(instruments).get_indexer(pd.Index(entities[INSTRUMENT].astype("str")))
    bars = pd.DatetimeIndex(gold[TS]).as_unit("us").asi8
    place = _last_before(codes, bars, wanted, asked)
    found = place >= 0
    values = np.full((len(place), len(names)), np.nan)
    values[found] = gold[list(names)].to_numpy(dtype=np.float32)[place[found]]
    closes, age = np.full(len(place), _NONE), np.full(len(place), np.nan)
    if found.any():
        closes[found] = bars[place[found]]
        first, last = (pd.Timestamp(int(one), unit="us", tz="UTC") for one in (closes[found].min(), asked.max()))
        time = get_market(feature_set.market).sessions.open_time(first, last)
        age[found] = time.hours(closes[found], asked[found])
    told, states = judge(values, found, age, limits_of(feature_set, names))
    answered = {BAR_TS: pd.DatetimeIndex(closes.view("datetime64[us]"), tz="UTC"), AGE: age}
    table = pd.DataFrame(told.astype(np.float32), columns=pd.Index(names, dtype="str"), index=entities.index)
    beside = entities.assign(**answered)
    return History(pd.concat([beside, table], axis=1), names, states)


def _moments(entities: pd.DataFrame) -> Positions:
    for column in (INSTRUMENT, TS):
        if column not in entities:
            raise DataError(
                f"The rows that are asked for have no column {column!r}; they have {', '.join(map(str, entities))}. "
                f"Give {INSTRUMENT} and {TS}, the moment in UTC."
            )
    moments = entities[TS]
    if not isinstance(moments.dtype, pd.DatetimeTZDtype):
        raise DataError(f"The column {TS!r} is {moments.dtype}; give moments with a zone, such as 2024-01-31T21:00Z.")
    if moments.isna().any():
        raise DataError(f"{int(moments.isna().sum())} of the {len(moments)} rows have no {TS!r}; give each a moment.")
    ticks: Positions = pd.DatetimeIndex(moments.astype(UTC_MICROSECONDS)).asi8
    return ticks


def _last_before(codes: Positions, bars: Positions, wanted: Positions, asked: Positions) -> Positions:
    """Place of the last row of an instrument at or before a moment, -1 where there is none."""
    order = np.argsort(codes, kind="stable")  # by instrument, then by time, as the table is sorted by time
    starts = np.searchsorted(codes[order], np.arange(codes.max(initial=-1) + 2))
    place = np.full(len(asked), -1, dtype=np.intp)
    for code in np.unique(wanted[wanted >= 0]):
        own = order[starts[code] : starts[code + 1]]
        mine = wanted == code
        last = np.searchsorted(bars[own], asked[mine], side="right") - 1
        place[mine] = np.where(last >= 0, own[np.maximum(last, 0)], -1)
    return place
