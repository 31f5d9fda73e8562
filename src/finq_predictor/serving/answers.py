"""What is served of one market, and the answers it gives."""

from __future__ import annotations

import copy
import datetime as dt
import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT
from finq_predictor.domain.errors import UnknownNameError
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.decisions import Action
from finq_predictor.domain.modelling.origin import ModelStatus
from finq_predictor.domain.modelling.prediction import Predictor
from finq_predictor.domain.modelling.staleness import STALE, why_stale
from finq_predictor.serving.cache import BoundedCache
from finq_predictor.serving.caveats import caveats_of
from finq_predictor.serving.shared_answers import SharedAnswers
from finq_predictor.serving.stored_features import StoredFeatures
from finq_predictor.serving.tracing import part

if TYPE_CHECKING:
    from finq_predictor.serving.contest import Contest

Answer = dict[str, Any]
SHARED, COMPUTED, STORED, REMEMBERED = "shared", "computed", "stored", "remembered"
# Between two looks of the metrics; what is more is not told.
_MOST_RETRIEVALS = 10_000


@dataclass(frozen=True)
class Served:
    """One market as it is served: a model, its bars and what is remembered of them so far.

    It never changes after it was built, except for what it remembers; a new champion or new bars make a new one.

    Attributes:
        market: The market.
        predictor: The model on its bars.
        cache_bars: Bars whose features and answers are remembered, besides the newest.
        fresh_hours: Newest bars older than this, counted while the market is open, answer nothing that may be acted
            upon; None takes the market's.
        snapshot: Id of the snapshot that model and bars are from; None where they are from none.
        shared: Where processes leave answers for each other; None where each computes its own.
        stored: Features that a run has left at hand; None where all are computed.
        loaded_at: When this process began to serve it, UTC.
        contest: What is tried beside it; None where nothing is.
        model: Name, version and standing of the model, as answers show them.
        signature: Market, model and version in a word, and the snapshot: what the log says of an answer.
    """

    market: Market
    predictor: Predictor
    cache_bars: int = 64
    fresh_hours: float | None = None
    snapshot: str | None = None
    shared: SharedAnswers | None = field(default=None, repr=False, compare=False)
    stored: StoredFeatures | None = field(default=None, repr=False, compare=False)
    loaded_at: pd.Timestamp = field(default_factory=lambda: pd.Timestamp.now("UTC"))
    contest: Contest | None = field(default=None, repr=False)
    model: Answer = field(init=False)
    signature: tuple[str, str | None] = field(init=False)
    _names: dict[str, str] = field(init=False, repr=False)
    _features: BoundedCache[pd.Timestamp, pd.DataFrame] = field(init=False, repr=False)
    _answers: BoundedCache[pd.Timestamp, dict[str, Answer]] = field(init=False, repr=False)
    _took: dict[pd.Timestamp, int] = field(init=False, repr=False)
    _retrievals: deque[float] = field(init=False, repr=False)
    _lookups: deque[str] = field(init=False, repr=False)
    _feature_lookups: deque[str] = field(init=False, repr=False)
    _open_hours: BoundedCache[pd.Timestamp, float] = field(init=False, repr=False)
    _stale: list[tuple[int, str | None] | None] = field(init=False, repr=False)
    _newest_s: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "model", describe_model(self.predictor.bundle))
        put(self, "_names", _spellings(self.predictor.panel.instruments))
        newest = self.predictor.newest
        put(self, "_features", BoundedCache(self.cache_bars + 1, newest))
        put(self, "_answers", BoundedCache(self.cache_bars + 1, newest))
        put(self, "_took", {})
        put(self, "_retrievals", deque(maxlen=_MOST_RETRIEVALS))
        put(self, "_lookups", deque(maxlen=_MOST_RETRIEVALS))
        put(self, "_feature_lookups", deque(maxlen=_MOST_RETRIEVALS))
        put(self, "_open_hours", BoundedCache(2))
        model = f"{self.market.name}:{self.model['name']}@{self.model['version']}"
        put(self, "signature", (model, self.snapshot))
        put(self, "_stale", [None])
        put(self, "_newest_s", newest.timestamp())

    def beside(self, contest: Contest | None) -> Served:
        """The same with what is tried beside it; both remember together."""
        other = copy.copy(self)
        object.__setattr__(other, "contest", contest)
        return other

    @property
    def simulated(self) -> bool:
        """Whether the model was trained on simulated data."""
        return self.predictor.bundle.origin.simulated

    @property
    def preset(self) -> str | None:
        """The preset of the simulated market that the model was trained on; None where there is none."""
        return self.predictor.bundle.origin.preset

    def find(self, given: str) -> str | None:
        """The instrument's name for what a client wrote: exact, or one without case and separators (``eur/usd``)."""
        return self._names.get(given) or self._names.get(_fold(given))

    def instrument(self, given: str) -> str:
        """Like :meth:`find`.

        Raises:
            UnknownNameError: If there is no such instrument; suggests near misses.
        """
        found = self.find(given)
        if found is None:
            raise UnknownNameError("instrument", given, self.predictor.panel.instruments)
        return found

    def bar_at(self, asked: dt.date | dt.datetime | None) -> pd.Timestamp:
        """The bar that answers for a date, see :meth:`Predictor.bar_at`."""
        return self.predictor.bar_at(asked)

    def remembered(self, ts: pd.Timestamp) -> dict[str, Answer] | None:
        """The answers at a bar when they are remembered; never computes."""
        return self._answers.peek(ts)

    def prepared(self, ts: pd.Timestamp) -> bool:
        """Whether the features at a bar are remembered."""
        return self._features.peek(ts) is not None

    def features_at(self, ts: pd.Timestamp) -> pd.DataFrame:
        """The features of :meth:`Predictor.features_at`: remembered, else at hand in the store, else computed; once."""
        known = self._features.peek(ts)
        if known is not None:
            self._feature_lookups.append(REMEMBERED)
            return known
        return self._features.get(ts, lambda: self._retrieved(ts))

    def answers(self, ts: pd.Timestamp) -> dict[str, Answer]:
        """The answers of all instruments at a bar, by instrument, computed once."""
        return self._answers.get(ts, lambda: self._shared_or_new(ts))

    def took_us(self, ts: pd.Timestamp) -> int | None:
        """Microseconds that the answers of a bar took this process; None where it had them from another one."""
        return self._took.get(ts)

    def members(self, ts: pd.Timestamp, answers: dict[str, Answer]) -> dict[str, Answer]:
        """The answers about members of the index at a bar, which are to be ranked; all where there is no index."""
        members = self.predictor.members_at(ts)
        return {name: answer for name, answer in answers.items() if name in members}

    def now(self, clock: pd.Timestamp) -> pd.Timestamp:
        """What time it is on this market: that of the clock; a made-up market stands at its newest bar."""
        return self.predictor.newest if self.simulated else clock

    def second(self, clock: float) -> float:
        """Like :meth:`now`, in seconds since 1970."""
        return self._newest_s if self.simulated else clock

    def seconds_of(self, bar: str) -> float:
        """Close of a bar as an answer shows it, in seconds since 1970."""
        return float(pd.Timestamp(bar).timestamp())

    def stale_at(self, clock: float) -> str | None:
        """Like :meth:`stale`, for seconds since 1970; looked at once a minute."""
        minute = int(clock // 60.0)
        known = self._stale[0]
        if known is None or known[0] != minute:
            known = self._stale[0] = (minute, self.stale(pd.Timestamp(60 * minute, unit="s", tz="UTC")))
        return known[1]

    def stale(self, clock: pd.Timestamp) -> str | None:
        """Why the newest bar is too old to act upon, or None where it is not.

        Args:
            clock: The moment, UTC; counted in whole minutes.
        """
        moment, newest = self.now(clock).floor("min"), self.predictor.newest
        hours = self._open_hours.get(moment, lambda: self.market.sessions.open_hours_between(newest, moment))
        return why_stale(newest, hours, self.fresh_hours or self.market.fresh_hours)

    def timed(self, answer: Answer, clock: pd.Timestamp, *, current: bool) -> Answer:
        """An answer as it is given at a moment: how old its bar is, and nothing to act upon from stale data.

        Args:
            answer: One of :meth:`answers`.
            clock: The moment, UTC.
            current: Whether it was asked what holds now, and not at a date.
        """
        return self.timer(clock)(answer, current)

    def timer(self, clock: pd.Timestamp) -> Callable[[Answer, bool], Answer]:
        """Like :meth:`timed`, for many answers at one moment: what they have in common is found once."""
        now, stale = self.now(clock), cache(lambda: self.stale(clock))
        age_of = cache(lambda bar: (now - pd.Timestamp(bar)) / pd.Timedelta(hours=1))

        def timed(answer: Answer, current: bool) -> Answer:
            bar = answer["feature_ts"]
            given = {**answer, "feature_age_hours": None if bar is None else age_of(bar)}
            reason = stale() if current and answer["decision"] == Action.PREDICT else None
            if reason is None:
                return given
            flags = [*given["flags"], STALE]
            return {**given, "decision": Action.ABSTAIN.value, "reason": reason, "flags": flags}

        return timed

    def _shared_or_new(self, ts: pd.Timestamp) -> dict[str, Answer]:
        """The answers at a bar as another process has computed them, or computed here and left for the others."""
        if self.shared is None or self.snapshot is None:
            self._lookups.append(COMPUTED)
            return self.describe(self._decided(ts))
        name = self._name(ts)
        found = self.shared.get(name)
        if found is not None and found.keys() == set(self.predictor.panel.instruments):
            self._lookups.append(SHARED)
            return found
        self._lookups.append(COMPUTED)
        found = self.describe(self._decided(ts))
        self.shared.put(name, found)
        return found

    def _name(self, ts: pd.Timestamp) -> str:
        """All that answers are made of: what is stored, which model and code, at which bar, by which rules."""
        made = (
            self.predictor.bundle.feature_set.definitions_hash,
            repr(self.predictor.rules),
            version("finq-predictor"),
        )
        mark = sha256("|".join(made).encode()).hexdigest()[:16]
        return f"{self.market.name}:{self.snapshot}:{self.model['version']}:{ts.isoformat()}:{mark}"

    def asked_most(self, most: int) -> list[pd.Timestamp]:
        """Bars before the newest that were asked for lately, the last one first."""
        return [ts for ts in self._answers.recent() if ts != self.predictor.newest][:most]

    def _decided(self, ts: pd.Timestamp) -> pd.DataFrame:
        started = time.perf_counter()
        features = self.features_at(ts)
        with part("model"):
            decided = self.predictor.decide(ts, features, self.predictor.bundle.predict(features))
        if len(self._took) > 2 * self.cache_bars:
            self._took.clear()
        self._took[ts] = int(1e6 * (time.perf_counter() - started))
        return decided

    def _retrieved(self, ts: pd.Timestamp) -> pd.DataFrame:
        started = time.perf_counter()
        with part("features"):
            stored = None if self.stored is None or ts not in self.predictor.panel.ts else self.stored.at(ts)
            features = self.predictor.features_at(ts) if stored is None else stored
        self._feature_lookups.append(COMPUTED if stored is None else STORED)
        self._retrievals.append(time.perf_counter() - started)
        return features

    def taken_retrievals(self) -> Iterator[float]:
        """Seconds that features took which were not remembered, each told once."""
        with suppress(IndexError):
            while True:
                yield self._retrievals.popleft()

    def taken_feature_lookups(self) -> Iterator[str]:
        """Where the features of bars were found, each told once."""
        with suppress(IndexError):
            while True:
                yield self._feature_lookups.popleft()

    def taken_lookups(self) -> Iterator[str]:
        """Where answers were found that this process had to look for, each told once."""
        with suppress(IndexError):
            while True:
                yield self._lookups.popleft()

    def describe(self, table: pd.DataFrame) -> dict[str, Answer]:
        """Turn a table of :meth:`Predictor.predict_at` into answers by instrument."""
        if table.empty:
            return {}
        ts = table["ts"].iloc[0]
        shared = self._shared(ts)
        columns = {name: table[name].to_numpy() for name in ("probability", "confidence", "decision", "reason")}
        rows = zip(table[INSTRUMENT], *columns.values(), strict=True)
        limits = dict(caveats_of(table, self.predictor.bundle))
        return {name: {**self._answer(name, ts, shared, *values), **limits[name]} for name, *values in rows}

    def _answer(
        self,
        name: str,
        ts: pd.Timestamp,
        shared: Answer,
        probability: float,
        confidence: float,
        decision: str,
        reason: str | None,
    ) -> Answer:
        known = bool(np.isfinite(probability))
        rises = bool(probability > 0.5)
        horizon = self.predictor.bundle.horizon
        feature_ts: pd.Timestamp | None = ts if known else self.predictor.last_bar(name, ts)
        return {
            "instrument": name,
            "market": self.market.name,
            "question": self.market.ask(name, horizon),
            "prediction": rises if known else None,
            "direction": self.market.direction(rises) if known else None,
            "probability": float(probability) if known else None,
            "confidence": float(confidence) if known else None,
            "decision": decision,
            "reason": reason,
            "feature_ts": iso(feature_ts),
            "feature_age_hours": None,  # known when it is given, see `timed`
            **shared,
        }

    def _shared(self, ts: pd.Timestamp) -> Answer:
        bundle, bars = self.predictor.bundle, self.predictor.panel.ts
        entry = int(bars.get_loc(ts)) + self.market.entry_lag
        leave = entry + bundle.horizon
        return {
            "horizon_bars": bundle.horizon,
            "label_window": {
                "entry_bar": self.market.entry_lag,
                "exit_bar": self.market.entry_lag + bundle.horizon,
                "entry_ts": iso(bars[entry]) if entry < len(bars) else None,
                "exit_ts": iso(bars[leave]) if leave < len(bars) else None,
            },
            "model": self.model,
            "simulated": self.simulated,
            "preset": self.preset,
            "snapshot": self.snapshot,
        }


def describe_model(bundle: ModelBundle) -> Answer:
    """Name, version and standing of a model, as every answer shows them."""
    return {
        "name": bundle.name,
        "version": bundle.version,
        "status": bundle.status.value,
        "provisional": bundle.status is ModelStatus.PROVISIONAL,
    }


def iso(ts: pd.Timestamp | None) -> str | None:
    """A time as ISO 8601 with zone, or None."""
    return None if ts is None else str(ts.isoformat())


def _fold(name: str) -> str:
    return re.sub(r"[^0-9a-z]", "", name.lower())


def _spellings(instruments: tuple[str, ...]) -> dict[str, str]:
    folded: dict[str, str | None] = {}
    for name in instruments:
        key = _fold(name)
        folded[key] = None if key in folded else name
    unique = {key: name for key, name in folded.items() if key and name is not None}
    return unique | {name: name for name in instruments}
