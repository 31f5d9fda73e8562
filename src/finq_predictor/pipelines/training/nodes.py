"""Nodes of the training pipeline."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.adapters.search_store import SearchStore
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.evaluation.trial_ledger import configuration_hash
from finq_predictor.domain.features import FeatureSet
from finq_predictor.domain.fingerprint import hash_content, hash_frame
from finq_predictor.domain.ingestion.provenance import Provenance
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.models import MODELS
from finq_predictor.domain.modelling.origin import CodeVersion, TrainingSummary
from finq_predictor.domain.modelling.search import Hyperparameters, Settings
from finq_predictor.domain.modelling.splits import fold_masks, gap_table, purged_walk_forward
from finq_predictor.domain.modelling.training_profile import build_profile
from finq_predictor.domain.tables import OOS_PREDICTIONS, SEALED_PREDICTIONS, TRIALS
from finq_predictor.pipelines.training.fitting import (
    check_race,
    fit_calibrated,
    fit_race,
    members_first,
    model_of,
    side_by_side,
)
from finq_predictor.pipelines.training.guarding import build_guard
from finq_predictor.pipelines.training.history import effective_history, told
from finq_predictor.pipelines.training.leakage import leak_table
from finq_predictor.pipelines.training.params import ModelConfig, TrainingParams
from finq_predictor.pipelines.training.plan import Plan
from finq_predictor.pipelines.training.samples import Samples, make_samples
from finq_predictor.pipelines.training.search import KEEPS_NOTHING, Kept, search_race
from finq_predictor.pipelines.training.uniting import named_members, with_members

logger = logging.getLogger(__name__)
# Parameters that make no difference to one model of the race, or are said of it apart.
NO_CHOICE = ("models", "threads", "leak_meter", "study", "min_effective_years")


def make_folds(gold: pd.DataFrame, feature_set: FeatureSet, params: TrainingParams, *, market: Market) -> pd.DataFrame:
    """Lay out the walk-forward with its gap arithmetic.

    Args:
        gold: Gold frame.
        feature_set: Columns in the order the models read them.
        params: Parameters of the training.
        market: The market.

    Returns:
        One row per fold with the columns of :func:`~finq_predictor.domain.modelling.splits.gap_table`.

    Raises:
        SplitError: If the gap is shorter than the label, or there are too few dates.
        ConfigurationError: If a model cannot learn from what it is told to, or a prior is about no feature.
    """
    plan = Plan(params, market)
    check_race(params, feature_set)
    samples = _samples(gold, feature_set, plan)
    folds = purged_walk_forward(
        samples.keys[TS],
        samples.keys["label_end"],
        n_folds=params.n_folds,
        min_train_fraction=params.min_train_fraction,
        gap=params.gap,
        label_bars=plan.label_bars,
        sessions=samples.sessions,
    )
    first, last = (effective_history(samples, fold.train, plan) for fold in (folds[0], folds[-1]))
    told(first, last, plan)
    return gap_table(folds)


def search_hyperparameters(
    gold: pd.DataFrame,
    feature_set: FeatureSet,
    folds: pd.DataFrame,
    params: TrainingParams,
    search_store: SearchStore = KEEPS_NOTHING,
    code_version: CodeVersion | None = None,
    *,
    market: Market,
) -> tuple[Hyperparameters, pd.DataFrame]:
    """Choose the parameters of every model inside the training window of the first fold.

    That window is part of the training of every later fold, so no test row has a say. Trials that are kept of the same
    search are not made again: one that was killed goes on, and finds what it would have found.

    Args:
        gold: Gold frame.
        feature_set: Columns in the order the models read them.
        folds: Gap table.
        params: Parameters of the training.
        search_store: Where trials are kept.
        code_version: Which code runs; trials of other code are not gone on with.
        market: The market.

    Returns:
        Parameters by model, and the trials: ``trial, model, objective, value, duration_s, state, params``.
    """
    plan = Plan(params, market)
    samples = _samples(gold, feature_set, plan)
    train, _ = fold_masks(folds.iloc[0], samples.keys[TS], samples.keys["label_end"])
    found = search_race(samples.take(np.flatnonzero(train)), plan, Kept(search_store, code_version))
    trials = [frame for _, frame in found.values() if len(frame)]
    chosen = {name: settings for name, (settings, _) in found.items()}
    return (
        Hyperparameters({name: with_members(settings, params, chosen) for name, settings in chosen.items()}),
        pd.concat(trials, ignore_index=True) if trials else TRIALS.empty(),
    )


def walk_forward(
    gold: pd.DataFrame,
    feature_set: FeatureSet,
    folds: pd.DataFrame,
    hyperparameters: Hyperparameters,
    params: TrainingParams,
    *,
    market: Market,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit every model on every training window and predict every row of the block that follows, labelled or not.

    What happened in the last block is sealed: there is what was said, and what came of it is only joined when a
    candidate has passed everything before.

    Args:
        gold: Gold frame.
        feature_set: Columns in the order the models read them.
        folds: Gap table.
        hyperparameters: Parameters by model.
        params: Parameters of the training.
        market: The market.

    Returns:
        ``ts, instrument, fold, model, kind, score, probability, p_yes, p_no, label, forward_return, label_end``; the
        last three are missing where there is no outcome. Then the sealed block without those three.
    """
    plan = Plan(params, market)
    samples = _samples(gold, feature_set, plan, every_row=True)
    lines = [gap for _, gap in folds.iterrows()]
    # The longest windows first, so that no thread is left alone with one at the end.
    tasks = [(gap, name) for gap in reversed(lines) for name in members_first(params.models, params)]

    done: list[int] = []

    def predict(task: tuple[pd.Series, str]) -> pd.DataFrame:
        gap, name = task
        found = _predict_fold(gap, name, hyperparameters[name], samples, plan)
        done.append(gap["fold"])
        if done.count(gap["fold"]) == len(params.models):
            logger.info("walk-forward: fold %d of %d on %d rows", gap["fold"], len(lines), gap["n_train"])
        return found

    parts = side_by_side(predict, tasks, params)
    predictions = pd.concat(parts, ignore_index=True)
    ordered = predictions.sort_values(["model", TS, INSTRUMENT], kind="stable", ignore_index=True)
    sealed = ordered["fold"].isin(folds.loc[folds["sealed"], "fold"])
    said = ordered.loc[sealed, list(SEALED_PREDICTIONS.names)].reset_index(drop=True)
    return OOS_PREDICTIONS.typed(ordered[~sealed].reset_index(drop=True)), SEALED_PREDICTIONS.typed(said)


def summarise_training(
    gold: pd.DataFrame,
    feature_set: FeatureSet,
    folds: pd.DataFrame,
    trials: pd.DataFrame,
    provenance: Provenance,
    code_version: CodeVersion,
    params: TrainingParams,
    *,
    market: Market,
) -> TrainingSummary:
    """Record what the models are made from, without a time of day, so that equal runs say the same.

    Args:
        gold: Gold frame.
        feature_set: Columns in the order the models read them.
        folds: Gap table.
        trials: Trials of the search.
        provenance: Where the data came from.
        code_version: Which code ran.
        params: Parameters of the training.
        market: The market.
    """
    plan = Plan(params, market)
    samples = _samples(gold, feature_set, plan)
    empty = np.isnan(samples.matrix).all(axis=0)
    if empty.any():
        logger.warning("features without any value: %s", [n for n, e in zip(samples.names, empty, strict=True) if e])
    first, _ = fold_masks(folds.iloc[0], samples.keys[TS], samples.keys["label_end"])
    whole = effective_history(samples, np.arange(len(samples)), plan)
    return TrainingSummary(
        market=market.name,
        horizon=plan.horizon,
        seed=params.seed,
        source=provenance.source,
        source_id=provenance.source_id,
        simulated=provenance.simulated,
        data_hash=hash_frame(gold),
        feature_set_hash=hash_content(feature_set.to_dict()),
        code_hash=code_version.code_hash,
        git_commit=code_version.git_commit,
        packages=code_version.packages,
        trained_from=samples.keys[TS].min().isoformat(),
        trained_to=samples.keys[TS].max().isoformat(),
        n_rows=len(samples),
        n_instruments=int(samples.keys[INSTRUMENT].nunique()),
        n_features=len(samples.names),
        empty_features=tuple(name for name, bad in zip(samples.names, empty, strict=True) if bad),
        label_rate=float(samples.y.mean()),
        n_folds=len(folds),
        n_trials=len(trials),
        label_blocks=whole.blocks,
        effective_years=whole.years,
        first_window_years=effective_history(samples, np.flatnonzero(first), plan).years,
        least_years=params.min_effective_years,
        models=tuple(params.models),
        configurations={name: configuration_of(name, feature_set, plan) for name in params.models},
    )


def configuration_of(name: str, feature_set: FeatureSet, plan: Plan) -> str:
    """Hash of all that a person chose about one model of the race.

    What a search finds inside its training window is no choice of a person; the ranges it searches are. How many fits
    run side by side makes no difference.
    """
    params = plan.params
    # A step that is left out is no choice: what was tried before there was such a step is the same trial.
    unused: dict[str, Any] = {} if params.selection.enabled else {"selection": True}
    if params.search.at_once == 1:
        unused["search"] = {"at_once"}
    if params.lookback is None or plan.horizon < params.lookback.from_horizon:
        unused["lookback"] = True
    of_its_members = [
        [model_of(member, params), _chosen_of(params.models[member])] for member in named_members(name, params)
    ]
    chosen = params.model_dump(mode="json", exclude={**dict.fromkeys(NO_CHOICE, True), **unused})
    return configuration_hash(
        {
            **chosen,
            "market": plan.market.name,
            "horizon": plan.horizon,
            "model": model_of(name, params),
            "of_the_model": _chosen_of(params.models[name]),
            **({"of_its_members": of_its_members} if of_its_members else {}),
            "features": hash_content(feature_set.to_dict()),
        }
    )


def _chosen_of(config: ModelConfig) -> dict[str, Any]:
    # What every model learned from before there was a choice is none.
    return config.model_dump(mode="json", exclude={"model", *(("learns",) if config.learns == "label" else ())})


def fit_candidates(
    gold: pd.DataFrame,
    feature_set: FeatureSet,
    hyperparameters: Hyperparameters,
    training_summary: TrainingSummary,
    params: TrainingParams,
    *,
    market: Market,
) -> dict[str, ModelBundle]:
    """Fit every model on all labelled rows, by the procedure of the walk-forward.

    Args:
        gold: Gold frame.
        feature_set: Columns in the order the models read them.
        hyperparameters: Parameters by model.
        training_summary: What the models are made from.
        params: Parameters of the training.
        market: The market.

    Returns:
        Bundles by name of the model; naive ones are among them.
    """
    plan = Plan(params, market)
    samples = _samples(gold, feature_set, plan)
    rows = np.arange(len(samples))
    profile = build_profile(samples.frame(rows), samples.y, np.empty(0))
    guard = build_guard(samples, rows, profile, plan)

    logger.debug("final fit on %d rows", len(rows))
    return {
        name: ModelBundle(
            market=market.name,
            name=name,
            horizon=plan.horizon,
            feature_set=feature_set,
            model=fitted.model,
            calibrator=fitted.calibrator,
            conformal=fitted.conformal,
            guard=guard,
            profile=profile.with_probability(fitted.held_out),
            origin=training_summary.origin(fitted.model.kind, fitted.model.params),
        )
        for name, fitted in fit_race(hyperparameters, samples, rows, plan).items()
    }


def measure_leak(
    gold: pd.DataFrame, feature_set: FeatureSet, params: TrainingParams, *, market: Market
) -> pd.DataFrame:
    """Measure what a random split would have pretended.

    Args:
        gold: Gold frame.
        feature_set: Columns in the order the models read them.
        params: Parameters of the training.
        market: The market.

    Returns:
        ``model, split, accuracy, auc, n``.
    """
    plan = Plan(params, market)
    return leak_table(_samples(gold, feature_set, plan), plan)


def _predict_fold(gap: pd.Series, name: str, chosen: Settings, samples: Samples, plan: Plan) -> pd.DataFrame:
    before, block = fold_masks(gap, samples.keys[TS], samples.keys["label_end"])
    train, test = np.flatnonzero(before & ~np.isnan(samples.y)), np.flatnonzero(block)
    fitted = fit_calibrated(name, chosen, samples, train, plan)
    score = fitted.model.predict_score(samples.frame(test))
    probability = fitted.calibrator.transform(score)
    p_values = fitted.conformal.p_values(probability)
    keys = samples.keys.iloc[test]
    return pd.DataFrame(
        {
            TS: keys[TS].array,
            INSTRUMENT: keys[INSTRUMENT].array,
            "fold": int(gap["fold"]),
            "model": name,
            "kind": fitted.model.kind.value,
            "score": score,
            "probability": probability,
            "p_yes": p_values.yes,
            "p_no": p_values.no,
            "label": keys["label"].to_numpy(float),
            "forward_return": keys["forward_return"].to_numpy(float),
            "label_end": keys["label_end"].array,
        }
    )


def _samples(gold: pd.DataFrame, feature_set: FeatureSet, plan: Plan, *, every_row: bool = False) -> Samples:
    MODELS.require(*(model_of(name, plan.params) for name in plan.params.models))
    return make_samples(gold, feature_set.names, plan.horizon, every_row=every_row)
