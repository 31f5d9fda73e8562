"""Proof by recomputation from bronze: whatever is made of a delivery is made of what was known, at every layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, KNOWN_AT, TS, label_end
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.features import FeatureSet, compute_features, select_features
from finq_predictor.domain.features.audit import audit_look_ahead, certify_lookback
from finq_predictor.domain.labels import make_labels
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.search import Hyperparameters
from finq_predictor.domain.panel import Panel
from finq_predictor.pipelines.training.nodes import walk_forward
from finq_predictor.pipelines.training.params import TrainingParams
from finq_predictor.replay.differences import Difference, first_difference
from finq_predictor.replay.history import History
from finq_predictor.replay.stages import Stages
from finq_predictor.replay.walk import KEYS, name_of

EVER = pd.Timestamp("2200-01-01", tz="UTC")


@dataclass(frozen=True)
class Training:
    """A walk-forward as it was run, to be run again in part.

    Attributes:
        feature_set: What its models read.
        folds: Its gap table.
        hyperparameters: Of its models.
        params: Of the training.
        oos: What was predicted.
    """

    feature_set: FeatureSet
    folds: pd.DataFrame
    hyperparameters: Hyperparameters
    params: TrainingParams
    oos: pd.DataFrame


@dataclass(frozen=True)
class HistoryAudit:
    """What an audit of a market found.

    Attributes:
        market: Name of the market.
        times: When bronze was cut.
        features: How many features were recomputed.
        tables: Differences of silver, the first of each table.
        leaking: Names of features that change when what was delivered later is taken away.
        short: Names of features whose declared lookback does not suffice.
        labels: Difference of labels that were known, the first of each horizon.
        models: Differences of predictions of models that were fitted anew without what came later; None where no
            training was given.
    """

    market: str
    times: tuple[pd.Timestamp, ...]
    features: int
    tables: tuple[Difference, ...]
    leaking: tuple[str, ...]
    short: tuple[str, ...]
    labels: tuple[Difference, ...]
    models: tuple[Difference, ...] | None

    @property
    def clean(self) -> bool:
        """Whether nothing looks ahead and every lookback suffices."""
        return not (self.tables or self.leaking or self.short or self.labels or self.models)


def audit_history(
    history: History, stages: Stages, *, times: int, seed: int, training: Training | None = None
) -> HistoryAudit:
    """Cut bronze at sampled times by what was known, and make everything anew from what is left.

    Silver, tone, panel, features and labels up to a cut must be those made of all that was delivered. Of a training
    the first fold is run again with the data cut in the middle of its test: whatever a model learns, scalers and
    calibration included, must not know what is tested later.

    Args:
        history: What bronze held at each moment.
        stages: The pipelines up to the panel.
        times: How many times are sampled, from the second half of the history.
        seed: Which.
        training: A walk-forward as it was run; None leaves the models out.
    """
    market = history.market
    whole = stages.silver(history.until(EVER))
    panel = stages.panel(whole)
    later = np.arange(len(panel.ts) // 2, len(panel.ts))
    # Before anybody is known to be a member there is nothing to recompute.
    later = later[panel.universe[later].any(axis=1)]
    chosen = np.random.default_rng(seed).choice(later, size=min(times, len(later)), replace=False)
    at = [panel.ts[index] for index in sorted(chosen)]
    tables: dict[str, Difference] = {}
    panels: dict[pd.Timestamp, Panel] = {}
    for ts in at:
        past = stages.silver(history.until(history.decision_of(ts)))
        for found in _silver_differences(past, whole, ts, history.decision_of(ts)):
            tables.setdefault(found.table, found)
        panels[ts] = stages.panel(past)
    specs = select_features(market, panel.available)
    if training is not None:
        known = {spec.name for spec in specs}
        specs = (*specs, *(spec for spec in training.feature_set.specs() if spec.name not in known))
    ahead = audit_look_ahead(panel, specs, at, rebuild=panels.__getitem__)
    lookback = certify_lookback(panel, specs, at)
    return HistoryAudit(
        market=market.name,
        times=tuple(at),
        features=len(specs),
        tables=tuple(tables.values()),
        leaking=tuple(ahead.loc[ahead["leaks"], "feature"]),
        short=tuple(lookback.loc[~lookback["sufficient"], "feature"]),
        labels=tuple(_label_differences(panel, panels, market)),
        models=None if training is None else _model_differences(history, stages, training),
    )


def _silver_differences(
    past: Mapping[str, pd.DataFrame], whole: Mapping[str, pd.DataFrame], ts: pd.Timestamp, moment: pd.Timestamp
) -> list[Difference]:
    found = []
    for table, live in past.items():
        keys = KEYS[table]
        batch = whole[table][whole[table][keys[0]] <= (moment if keys[0] == KNOWN_AT else ts)]
        found.append(first_difference(live, batch, keys, layer="silver", table=name_of(table), bar=ts))
    return [difference for difference in found if difference is not None]


def _label_differences(panel: Panel, panels: Mapping[pd.Timestamp, Panel], market: Market) -> list[Difference]:
    """The first difference of each horizon among labels that were known at a cut."""
    whole = make_labels(panel, market, market.horizons)
    found: dict[int, Difference] = {}
    for ts, past in panels.items():
        then = make_labels(past, market, market.horizons)
        for horizon in market.horizons:
            end = label_end(horizon)
            names = [TS, INSTRUMENT, *(name for name in whole if name.endswith(f"_{horizon}"))]
            live, batch = (table.loc[table[end] <= ts, names] for table in (then, whole))
            difference = first_difference(live, batch, (TS, INSTRUMENT), layer="labels", table="gold", bar=ts)
            if difference is not None:
                found.setdefault(horizon, difference)
    return list(found.values())


def _model_differences(history: History, stages: Stages, training: Training) -> tuple[Difference, ...]:
    """Run the first fold again with everything cut in the middle of its test."""
    fold, market = training.folds.iloc[[0]], history.market
    first, last = fold["test_start"].iloc[0], fold["test_end"].iloc[0]
    tested = training.oos.loc[training.oos["fold"] == fold["fold"].iloc[0]]
    times = pd.DatetimeIndex(tested.loc[(tested[TS] >= first) & (tested[TS] <= last), TS].unique()).sort_values()
    if not len(times):
        raise DataError(f"There is no prediction of the first fold of {market.name}; run the training again.")
    middle = times[len(times) // 2]
    panel = stages.panel(stages.silver(history.until(history.decision_of(middle))))
    features = compute_features(panel, training.feature_set)
    narrow = features.drop(columns=[TS, INSTRUMENT]).astype("float32")
    horizon = training.params.horizon or market.horizon
    labels = make_labels(panel, market, [horizon]).drop(columns=[TS, INSTRUMENT])
    gold = pd.concat([features[[TS, INSTRUMENT]], narrow, labels], axis=1)
    again, _ = walk_forward(gold, training.feature_set, fold, training.hyperparameters, training.params, market=market)
    return tuple(_prediction_differences(again, tested, middle))


def _prediction_differences(again: pd.DataFrame, tested: pd.DataFrame, middle: pd.Timestamp) -> Sequence[Difference]:
    names = [TS, INSTRUMENT, "score", "probability"]
    found = []
    for model, live in again.groupby("model", sort=True):
        batch = tested[(tested["model"] == model) & (tested[TS] <= middle)]
        difference = first_difference(
            live[names], batch[names], (TS, INSTRUMENT), layer=str(model), table="oos_predictions", bar=middle
        )
        found += [] if difference is None else [difference]
    return found
