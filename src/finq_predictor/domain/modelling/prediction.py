"""One model and one panel, asked for any bar; batch scoring decides by the same function, without a panel."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Vector
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import PredictionRefusedError, StoreError
from finq_predictor.domain.features import compute_features
from finq_predictor.domain.market.markets import Market, get_market
from finq_predictor.domain.modelling.bundle import PROBABILITY, ModelBundle
from finq_predictor.domain.modelling.decisions import AbstentionRules, Action, decide_rows
from finq_predictor.domain.modelling.refusals import Limits
from finq_predictor.domain.panel import MEMBER, Panel

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_NANOSECONDS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}


def predict_rows(bundle: ModelBundle, features: pd.DataFrame, rules: AbstentionRules) -> pd.DataFrame:
    """Predictions for rows of features, whoever computed them.

    Args:
        bundle: The trained model with its feature set.
        features: ``ts``, ``instrument`` and every feature of the model; NaN means missing.
        rules: When to abstain.

    Returns:
        The table of :func:`~finq_predictor.domain.modelling.decisions.decide_rows`.
    """
    market, scored = get_market(bundle.market), bundle.predict(features)
    limits = know_limits(bundle, features, scored, market)
    return decide_rows(features, scored, bundle.feature_set, rules, market, limits)


def know_limits(bundle: ModelBundle, features: pd.DataFrame, scored: pd.DataFrame, market: Market) -> Limits:
    """What a model knows of rows beyond their probability; each row by itself.

    Args:
        bundle: The trained model.
        features: ``ts`` and every feature of the model; NaN means missing.
        scored: ``probability`` of the same rows in the same order.
        market: Its market.
    """
    return Limits(
        bundle.conformal.p_values(scored[PROBABILITY].to_numpy(dtype=np.float64)),
        bundle.place(features),
        bars_since(pd.Timestamp(bundle.origin.trained_to), features[TS], market),
        market.most_model_age_bars,
    )


def bars_since(trained_to: pd.Timestamp, ts: pd.Series, market: Market) -> Vector:
    """Bars of the market that closed after a training's last and up to times (n); 0 for times before it.

    Args:
        trained_to: The last bar that was trained on (UTC).
        ts: Closes of bars, in any order.
        market: Its calendar counts nights, week-ends and holidays as nothing.
    """
    asked = pd.DatetimeIndex(ts)
    later = asked[asked > trained_to].unique().sort_values()
    known = pd.DatetimeIndex([trained_to.as_unit(asked.unit)]).append(later)
    bars = np.concatenate([[0.0], np.cumsum(market.sessions.bars_between(known, market.bar))])
    age: Vector = bars[np.maximum(known.searchsorted(asked, side="right") - 1, 0)]
    return age


class Predictor:
    """Predictions of one model for every instrument of a panel, at any of its bars.

    The features come from the code and the feature set of training, the probability from the model's own calibrator;
    a missing feature stays missing. It remembers nothing and never changes.

    Args:
        bundle: The trained model with its feature set.
        panel: Bars and other inputs of the same market; at least ``feature_set.lookback`` bars before the first bar
            that is asked for, otherwise features are missing there.
        rules: When to abstain.

    Raises:
        FeatureSetMismatchError: If the features are defined differently now than when the model was trained.
        StoreError: If the panel is of another market, is empty or lacks an input of the features.
    """

    def __init__(self, bundle: ModelBundle, panel: Panel, rules: AbstentionRules | None = None) -> None:
        _require_match(bundle, panel)
        self.bundle = bundle
        self.panel = panel
        self.rules = rules or AbstentionRules()
        # As plain numbers: a batch asks for thousands of bars, and each is looked for.
        self._bars: list[int] = panel.ts.asi8.tolist()
        self._newest, self._oldest = panel.ts[-1], panel.ts[0]
        self._market = get_market(bundle.market)

    @property
    def newest(self) -> pd.Timestamp:
        """The last bar of the panel."""
        return self._newest

    @property
    def oldest(self) -> pd.Timestamp:
        """The first bar of the panel."""
        return self._oldest

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
        if moment.date() > self._newest.date():
            raise PredictionRefusedError(
                f"No bar of {self.bundle.market} is known for {asked.isoformat()} yet. {self._range()} "
                "Leave the date out to be answered from the newest bar."
            )
        position = bisect_right(self._bars, _ticks(moment, self.panel.ts.unit)) - 1
        if position < 0:
            raise PredictionRefusedError(
                f"{asked.isoformat()} is before the first bar of {self.bundle.market}. {self._range()}"
            )
        return self.panel.ts[position]

    def features_at(self, ts: pd.Timestamp) -> pd.DataFrame:
        """Features of every member that closed at a bar: ts, instrument, then the feature set's columns.

        Raises:
            PredictionRefusedError: If the panel has no bar at ``ts``.
        """
        if ts not in self.panel.ts:
            raise PredictionRefusedError(f"No bar of {self.bundle.market} closed at {ts.isoformat()}. {self._range()}")
        return compute_features(self.panel, self.bundle.feature_set, at=pd.DatetimeIndex([ts]))

    def predict_at(self, ts: pd.Timestamp) -> pd.DataFrame:
        """Predictions of every instrument at a bar.

        Returns:
            The table of :meth:`decide`.

        Raises:
            PredictionRefusedError: If the panel has no bar at ``ts``.
        """
        features = self.features_at(ts)
        return self.decide(ts, features, self.bundle.predict(features))

    def decide(self, ts: pd.Timestamp, features: pd.DataFrame, scored: pd.DataFrame) -> pd.DataFrame:
        """Turn scored rows of a bar into decisions about every instrument.

        Args:
            ts: The bar.
            features: Rows of :meth:`features_at`, all or some.
            scored: ``score`` and ``probability`` of the same rows in the same order.

        Returns:
            The table of :func:`~finq_predictor.domain.modelling.decisions.decide_rows`, one row per instrument of the
            panel in its order; those without a row in ``features`` have no probability and abstain.
        """
        limits = know_limits(self.bundle, features, scored, self._market)
        rows = decide_rows(features, scored, self.bundle.feature_set, self.rules, self._market, limits)
        here = set(rows[INSTRUMENT])
        if absent := [name for name in self.panel.instruments if name not in here]:
            rows = pd.concat([rows, self._absent(ts, absent)], ignore_index=True)
        return rows.iloc[pd.Index(rows[INSTRUMENT]).get_indexer(list(self.panel.instruments))].reset_index(drop=True)

    def members_at(self, ts: pd.Timestamp) -> frozenset[str]:
        """Who is a member at a bar of the panel, by what was known at it; everybody where nothing says who is."""
        member = self.panel.fields.get(MEMBER)
        if member is None:
            return frozenset(self.panel.instruments)
        flags = member[self.panel.position(ts)] > 0.0
        return frozenset(name for name, is_one in zip(self.panel.instruments, flags, strict=True) if is_one)

    def last_bar(self, instrument: str, ts: pd.Timestamp) -> pd.Timestamp | None:
        """The last bar at or before ``ts`` at which an instrument closed; None when there is none."""
        column = self.panel.instruments.index(instrument)
        upto = bisect_right(self._bars, _ticks(ts, self.panel.ts.unit))
        closed = np.flatnonzero(np.isfinite(self.panel.fields["close"][:upto, column]))
        return self.panel.ts[closed[-1]] if closed.size else None

    def _absent(self, ts: pd.Timestamp, names: list[str]) -> pd.DataFrame:
        """Rows of instruments that did not close at a bar, or were no members at it."""
        members = self.members_at(ts)
        nothing = np.full(len(names), np.nan)
        return pd.DataFrame(
            {
                TS: pd.DatetimeIndex([ts] * len(names)),
                INSTRUMENT: pd.array(names, dtype="str"),
                "score": nothing,
                "probability": nothing,
                "prediction": pd.array([pd.NA] * len(names), dtype="boolean"),
                "confidence": nothing,
                "decision": Action.ABSTAIN.value,
                "reason": pd.Series([self._why_absent(ts, name, name in members) for name in names], dtype=object),
                "p_yes": nothing,
                "p_no": nothing,
                "prediction_set": None,
                "coverage": self.rules.coverage,
                "conformal_decision": None,
                "flags": pd.Series(["no_bar" if name in members else "not_a_member" for name in names], dtype=object),
            }
        )

    def _why_absent(self, ts: pd.Timestamp, name: str, member: bool) -> str:
        if not member:
            return f"not a member: {name} was not in the index at {ts.isoformat()}, by what was known then"
        last = self.last_bar(name, ts)
        since = f"its last bar closed at {last.isoformat()}" if last is not None else "it has no earlier bar"
        return f"stale: no bar at {ts.isoformat()}, {since}"

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


def _last_moment(asked: dt.date | dt.datetime) -> dt.datetime:
    if not isinstance(asked, dt.datetime):
        return dt.datetime.combine(asked, dt.time.max, dt.UTC)
    return asked.replace(tzinfo=dt.UTC) if asked.tzinfo is None else asked.astimezone(dt.UTC)


def _ticks(moment: dt.datetime, unit: str) -> int:
    """Whole units since 1970 up to a moment; what is left of it is less than one."""
    nanoseconds = (moment - _EPOCH) // _MICROSECOND * 1000 + getattr(moment, "nanosecond", 0)
    return int(nanoseconds // _NANOSECONDS[unit])
