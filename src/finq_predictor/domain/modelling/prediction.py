"""One model and one panel, asked for any bar: the prediction path shared by the API and by batch scoring."""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock, RLock
from typing import Generic, TypeVar

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import ConfigurationError, PredictionRefusedError, StoreError
from finq_predictor.domain.features import compute_features
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.panel import Panel

PREDICT = "predict"
ABSTAIN = "abstain"
COLUMNS = (TS, INSTRUMENT, "score", "probability", "prediction", "confidence", "decision", "reason")

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True)
class AbstentionRules:
    """When a probability is shown but not acted upon.

    Attributes:
        min_confidence: Abstain below this confidence, in [0, 1].
        max_missing_share: Abstain when more than this share of an instrument's features is missing, in [0, 1].

    Raises:
        ConfigurationError: If a rule lies outside [0, 1].
    """

    min_confidence: float = 0.0
    max_missing_share: float = 0.5

    def __post_init__(self) -> None:
        for name in ("min_confidence", "max_missing_share"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise ConfigurationError(f"{name} is {value}; expected a number from 0 to 1.")


class BoundedCache(Generic[K, V]):
    """A thread-safe cache of the most recently used values; a missing value is computed once.

    Args:
        size: How many values are kept, at least one.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ConfigurationError(f"A cache of size {size} holds nothing; expected 1 or more.")
        self._size = size
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = Lock()
        self._computing = RLock()

    def __len__(self) -> int:
        return len(self._values)

    def peek(self, key: K) -> V | None:
        """Return the value when it is there, without computing it."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def get(self, key: K, compute: Callable[[], V]) -> V:
        """Return the value, computing it at most once however many threads ask."""
        value = self.peek(key)
        if value is not None:
            return value
        with self._computing:
            value = self.peek(key)
            if value is None:
                value = compute()
                with self._lock:
                    self._values[key] = value
                    while len(self._values) > self._size:
                        self._values.popitem(last=False)
            return value


class Predictor:
    """Predictions of one model for every instrument of a panel, at any of its bars.

    The features come from the code and the feature set of training, the probability from the model's own calibrator;
    a missing feature stays missing. Safe to share between threads.

    Args:
        bundle: The trained model with its feature set.
        panel: Bars and other inputs of the same market; at least ``feature_set.lookback`` bars before the first bar
            that is asked for, otherwise features are missing there.
        rules: When to abstain.
        cache_size: How many bars' tables are remembered.

    Raises:
        FeatureSetMismatchError: If the features are defined differently now than when the model was trained.
        StoreError: If the panel is of another market, is empty or lacks an input of the features.
    """

    def __init__(
        self, bundle: ModelBundle, panel: Panel, rules: AbstentionRules | None = None, *, cache_size: int = 64
    ) -> None:
        _require_match(bundle, panel)
        self.bundle = bundle
        self.panel = panel
        self.rules = rules or AbstentionRules()
        self._bars = np.asarray(panel.ts.asi8)
        self._features: BoundedCache[pd.Timestamp, pd.DataFrame] = BoundedCache(cache_size)
        self._tables: BoundedCache[pd.Timestamp, pd.DataFrame] = BoundedCache(cache_size)

    @property
    def newest(self) -> pd.Timestamp:
        """The last bar of the panel."""
        return self.panel.ts[-1]

    @property
    def oldest(self) -> pd.Timestamp:
        """The first bar of the panel."""
        return self.panel.ts[0]

    def bar_at(self, asked: dt.date | dt.datetime | None) -> pd.Timestamp:
        """Find the bar that answers for a date or a time.

        Args:
            asked: A date means the last bar that closed by the end of that UTC day; a time (UTC when it has no zone)
                means the last bar that closed at or before it; None means the newest bar.

        Raises:
            PredictionRefusedError: If the date lies before the first or after the newest bar; says the valid range.
        """
        if asked is None:
            return self.newest
        moment = _last_moment(asked)
        if moment.date() > self.newest.date():
            raise PredictionRefusedError(
                f"No bar of {self.bundle.market} is known for {asked.isoformat()} yet. {self._range()} "
                "Leave the date out to be answered from the newest bar."
            )
        position = int(np.searchsorted(self._bars, _ticks(moment, self.panel.ts), side="right")) - 1
        if position < 0:
            raise PredictionRefusedError(
                f"{asked.isoformat()} is before the first bar of {self.bundle.market}. {self._range()}"
            )
        return self.panel.ts[position]

    def features_at(self, ts: pd.Timestamp) -> pd.DataFrame:
        """Features of every instrument that closed at a bar: ts, instrument, then the feature set's columns.

        Raises:
            PredictionRefusedError: If the panel has no bar at ``ts``.
        """
        if ts not in self.panel.ts:
            raise PredictionRefusedError(f"No bar of {self.bundle.market} closed at {ts.isoformat()}. {self._range()}")
        at = pd.DatetimeIndex([ts])
        return self._features.get(ts, lambda: compute_features(self.panel, self.bundle.feature_set, at=at))

    def predict_at(self, ts: pd.Timestamp) -> pd.DataFrame:
        """Predictions of every instrument at a bar.

        Returns:
            One row per instrument of the panel, in its order: ``ts``, ``instrument``, ``score``, calibrated
            ``probability`` (both NaN when the instrument has no bar at ``ts``), ``prediction`` (boolean, NA without a
            probability), ``confidence`` = 2 |probability - 0.5|, ``decision`` (predict or abstain) and ``reason``.

        Raises:
            PredictionRefusedError: If the panel has no bar at ``ts``.
        """

        def compute() -> pd.DataFrame:
            features = self.features_at(ts)
            return self.decide(ts, features, self.bundle.predict(features))

        return self._tables.get(ts, compute)

    def decide(self, ts: pd.Timestamp, features: pd.DataFrame, scored: pd.DataFrame) -> pd.DataFrame:
        """Turn scored rows into the table of :meth:`predict_at`.

        Args:
            ts: The bar.
            features: Rows of :meth:`features_at`, all or some.
            scored: ``score`` and ``probability`` of the same rows in the same order.

        Returns:
            The table of :meth:`predict_at`; instruments without a row in ``features`` have no probability.
        """
        names = pd.Index(self.panel.instruments)
        rows = names.get_indexer(features[INSTRUMENT])
        values = {name: np.full(len(names), np.nan) for name in ("score", "probability", "missing")}
        values["score"][rows] = scored["score"].to_numpy()
        values["probability"][rows] = scored["probability"].to_numpy()
        values["missing"][rows] = features[list(self.bundle.feature_set.names)].isna().sum(axis=1).to_numpy()
        confidence = np.abs(values["probability"] - 0.5) * 2.0
        reasons = [
            self._reason(ts, name, missing, sure)
            for name, missing, sure in zip(names, values["missing"], confidence, strict=True)
        ]
        prediction = pd.array(values["probability"] > 0.5, dtype="boolean")
        prediction[np.isnan(values["probability"])] = pd.NA
        return pd.DataFrame(
            {
                TS: pd.DatetimeIndex([ts] * len(names)),
                INSTRUMENT: names,
                "score": values["score"],
                "probability": values["probability"],
                "prediction": prediction,
                "confidence": confidence,
                "decision": [ABSTAIN if reason else PREDICT for reason in reasons],
                "reason": pd.Series(reasons, dtype=object),
            }
        )

    def last_bar(self, instrument: str, ts: pd.Timestamp) -> pd.Timestamp | None:
        """The last bar at or before ``ts`` at which an instrument closed; None when there is none."""
        column = self.panel.instruments.index(instrument)
        upto = int(np.searchsorted(self._bars, _ticks(ts, self.panel.ts), side="right"))
        closed = np.flatnonzero(np.isfinite(self.panel.fields["close"][:upto, column]))
        return self.panel.ts[closed[-1]] if closed.size else None

    def _reason(self, ts: pd.Timestamp, name: str, missing: float, confidence: float) -> str | None:
        if np.isnan(missing):
            last = self.last_bar(name, ts)
            since = f"its last bar closed at {last.isoformat()}" if last is not None else "it has no earlier bar"
            return f"stale: no bar at {ts.isoformat()}, {since}"
        total = len(self.bundle.feature_set.names)
        if missing > self.rules.max_missing_share * total:
            return f"missing features: {int(missing)} of {total} are not known at this bar"
        if np.isnan(confidence):
            return "the model gives no probability for these features"
        if confidence < self.rules.min_confidence:
            return f"low confidence: {confidence:.4f} is below the minimum {self.rules.min_confidence:g}"
        return None

    def _range(self) -> str:
        return f"Valid dates: {self.oldest.date().isoformat()} to {self.newest.date().isoformat()}."


def _require_match(bundle: ModelBundle, panel: Panel) -> None:
    bundle.feature_set.verify()
    if panel.market != bundle.market:
        raise StoreError(f"The model is for {bundle.market!r}, the bars are of {panel.market!r}; give it its own bars.")
    if not len(panel.ts):
        raise StoreError(f"There is no bar of {bundle.market}; run ingestion first.")
    absent = sorted(set(bundle.feature_set.inputs) - set(panel.available) - set(panel.fields))
    if absent:
        raise StoreError(
            f"The model {bundle.name!r} of {bundle.market} needs {', '.join(absent)}, which the silver data does not "
            "hold. Deliver those inputs again or train on what there is."
        )


def _last_moment(asked: dt.date | dt.datetime) -> pd.Timestamp:
    if not isinstance(asked, dt.datetime):
        asked = dt.datetime.combine(asked, dt.time.max)
    moment = pd.Timestamp(asked)
    return moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")


def _ticks(moment: pd.Timestamp, like: pd.DatetimeIndex) -> int:
    # Timestamp.value counts nanoseconds whatever the unit; the bars are compared in their own unit.
    return int(moment.as_unit(like.unit).asm8.astype(np.int64))
