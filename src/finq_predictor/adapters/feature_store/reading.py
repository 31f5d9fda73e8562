"""The feature store as a library: what holds now, what held a few bars ago, and what was known at past moments."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.adapters.feature_store.historical import historical, is_made_up
from finq_predictor.adapters.feature_store.opening import open_store
from finq_predictor.adapters.feature_store.stored import OnlineStore, Place, Standing
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.domain.arrays import Array, Matrix, Positions
from finq_predictor.domain.columns import INSTRUMENT
from finq_predictor.domain.errors import ConfigurationError, StoreError
from finq_predictor.domain.features.history import AGE, BAR_TS, History
from finq_predictor.domain.features.views import STATES, Codes, judge, lagged, limits_of, require_features
from finq_predictor.domain.market.calendars.base import OpenTime
from finq_predictor.domain.market.markets import get_market

_AHEAD = pd.Timedelta(days=8)


@dataclass(frozen=True)
class Online:
    """What holds of some instruments at a moment.

    Attributes:
        market: Name of the market.
        instruments: N names, as they were asked for.
        columns: M names of features; with ``__lag_5`` behind it what it was five bars before.
        values: (N, M); NaN where nothing may be told.
        codes: (N, M) places of their states in :data:`~finq_predictor.domain.features.views.STATES`.
        bars: (N,) closes of the bars that answer, microseconds since 1970; -1 where there is none.
        age_hours: (N,) open hours since then; NaN where there is none.
    """

    market: str
    instruments: tuple[str, ...]
    columns: tuple[str, ...]
    values: Matrix
    codes: Codes
    bars: Positions
    age_hours: Array

    def rows(self) -> Iterator[dict[str, Any]]:
        """A plain row for each value: instrument, feature, value, state, the bar and its age."""
        for place, name in enumerate(self.instruments):
            bar = _iso(int(self.bars[place]))
            age = None if bar is None else float(self.age_hours[place])
            for column, feature in enumerate(self.columns):
                value = float(self.values[place, column])
                yield {
                    INSTRUMENT: name,
                    "feature": feature,
                    "value": None if value != value else value,
                    "state": STATES[self.codes[place, column]].value,
                    BAR_TS: bar,
                    AGE: age,
                }

    def to_frame(self) -> pd.DataFrame:
        """``instrument, bar_ts, age_hours`` and a column for each feature, a row for each instrument."""
        closes = np.where(self.bars < 0, np.iinfo(np.int64).min, self.bars).view("datetime64[us]")
        frame = pd.DataFrame(self.values, columns=pd.Index(self.columns, dtype="str"))
        frame.insert(0, INSTRUMENT, pd.array(list(self.instruments), dtype="str"))
        frame.insert(1, BAR_TS, pd.DatetimeIndex(closes, tz="UTC"))
        frame.insert(2, AGE, self.age_hours)
        return frame


class FeatureStore:
    """Features of a folder of data, for notebooks and other programs.

    Args:
        root: Folder of the data.
        store: The online store; None opens the one that the environment names, else the file below the data.
    """

    def __init__(self, root: Path | str, store: OnlineStore | None = None) -> None:
        self.root = Path(root)
        self.store = open_store(self.root) if store is None else store
        self._times: dict[str, tuple[int, int, OpenTime]] = {}

    def online(
        self,
        market: str,
        instruments: Sequence[str],
        features: Collection[str] | None = None,
        *,
        now: pd.Timestamp,
        lags: Sequence[int] = (),
    ) -> Online:
        """The newest values of some instruments, and what is known of each.

        Args:
            market: Name of the market.
            instruments: Whose values; one that is not held is answered as not found.
            features: Which features; None is all of them.
            now: The moment against which age is measured (UTC).
            lags: Of each feature also its value so many bars before, by the calendar of the market.

        Raises:
            StoreError: If nothing of the market is held, or the store does not answer.
            UnknownNameError: If there is no such feature; near misses are suggested.
            ConfigurationError: If a lag is less than one bar.
        """
        if any(lag < 1 for lag in lags):
            raise ConfigurationError(f"The lags are {list(lags)}; give bars before the newest one, 1 or more.")
        names, steps, calendar = tuple(instruments), (0, *lags), get_market(market)
        asked: dict[str, list[int | None]] = {}

        def wanted(standing: Standing) -> Iterator[Place]:
            asked.clear()
            for name in names:
                if name in standing.newest:
                    asked[name] = lagged(standing.closes, standing.newest[name], steps, calendar)
                    yield from ((bar, name) for bar in asked[name] if bar is not None)

        look = self.store.places(market, wanted)
        standing = _required(look.standing, market)
        packer = standing.packer(self.store.key)
        chosen = require_features(standing.feature_set, features)
        places = _positions(standing, chosen)
        values = np.full((len(names), len(steps), len(chosen)), np.nan)
        found = np.zeros((len(names), len(steps)), dtype=bool)
        bars = np.full(len(names), -1, dtype=np.int64)
        for row, name in enumerate(names):
            for step, bar in enumerate(asked.get(name, ())):
                packed = None if bar is None else look.rows.get((bar, name))
                known = None if bar is None or packed is None else packer.unpack(name, bar, packed)
                if known is not None:
                    values[row, step], found[row, step] = known.values[places], True
            bars[row] = standing.newest[name] if found[row, 0] else -1
        return self._told(standing, names, (chosen, steps), (values, found, bars), now)

    def historical(self, entities: pd.DataFrame, features: Collection[str] | None = None, *, market: str) -> History:
        """Features as they were known at moments of the past, out of gold.

        Args:
            entities: ``instrument, ts`` (UTC) and whatever else.
            features: Which features; None is all of them.
            market: Name of the market.

        Raises:
            StoreError: If there is no gold of the market; names the pipeline which makes it.
            DataError: If a column is missing, or a moment is missing or has no zone.
            UnknownNameError: If there is no such feature; near misses are suggested.
        """
        return historical(self.root, get_market(market), entities, features)

    def moment(self, market: str, clock: pd.Timestamp) -> pd.Timestamp:
        """What time it is on a market: that of the clock; a made-up one stands at its newest bar.

        Raises:
            StoreError: As :meth:`online`.
        """
        if not is_made_up(SnapshotStore(self.root, market).newest()):
            return clock
        return pd.Timestamp(int(standing_of(self.store, market).closes[-1]), unit="us", tz="UTC")

    def _told(
        self,
        standing: Standing,
        names: tuple[str, ...],
        asked: tuple[tuple[str, ...], tuple[int, ...]],
        read: tuple[Array, Array, Positions],
        now: pd.Timestamp,
    ) -> Online:
        (chosen, steps), (values, found, bars) = asked, read
        age = self._age(standing, bars, pd.Timestamp(now))
        limits = limits_of(standing.feature_set, chosen)
        # What a bar said of the past is as old as the bar.
        parts = [judge(values[:, step], found[:, step], age, limits) for step in range(len(steps))]
        columns = tuple(name if not lag else f"{name}__lag_{lag}" for lag in steps for name in chosen)
        told, codes = (np.concatenate(each, axis=1) for each in zip(*parts, strict=True))
        return Online(standing.market, names, columns, told, codes, bars, age)

    def _age(self, standing: Standing, bars: Positions, now: pd.Timestamp) -> Array:
        """Open hours since each bar; NaN where there is none."""
        age = np.full(len(bars), np.nan)
        here = bars >= 0
        if here.any():
            moment = now.value // 1000
            starts = bars[here]
            time = self._open_time(standing.market, int(starts.min()), moment)
            age[here] = time.hours(starts, np.full(len(starts), moment))
        return age

    def _open_time(self, market: str, first: int, last: int) -> OpenTime:
        """The open hours of a range; laid out a week ahead, and anew when that is over."""
        known = self._times.get(market)
        if known is None or first < known[0] or last > known[1]:
            start, end = (pd.Timestamp(tick, unit="us", tz="UTC") for tick in (first, max(first, last)))
            time = get_market(market).sessions.open_time(start, end + _AHEAD)
            known = self._times[market] = (first, (end + _AHEAD).value // 1000, time)
        return known[2]


def standing_of(store: OnlineStore, market: str) -> Standing:
    """What a store holds of a market.

    Raises:
        StoreError: If it holds nothing that can be used, or does not answer.
    """
    return _required(store.standing(market), market)


def _required(standing: Standing | None, market: str) -> Standing:
    if standing is None:
        raise StoreError(
            f"The feature store holds nothing of {market} that can be used. "
            "Fill it with: finq features materialize, or kedro run --pipelines=features"
        )
    return standing


def _positions(standing: Standing, chosen: tuple[str, ...]) -> Positions:
    place = {name: place for place, name in enumerate(standing.feature_set.names)}
    return np.array([place[name] for name in chosen], dtype=np.intp)


def _iso(bar: int) -> str | None:
    return None if bar < 0 else pd.Timestamp(bar, unit="us", tz="UTC").isoformat()
