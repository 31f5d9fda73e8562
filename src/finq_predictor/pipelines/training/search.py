"""Choosing parameters with Optuna, inside the training window of the first fold and nowhere else."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Positions
from finq_predictor.domain.evaluation.metrics import bar_times, log_loss, rank_ic
from finq_predictor.domain.modelling.search import Setting, Settings, TrialState
from finq_predictor.domain.modelling.splits import purged_walk_forward
from finq_predictor.domain.tables import TRIALS
from finq_predictor.pipelines.training.fitting import cores, new_model, outcomes
from finq_predictor.pipelines.training.params import ModelConfig, SearchRange
from finq_predictor.pipelines.training.plan import Plan
from finq_predictor.pipelines.training.samples import Samples, thin
from finq_predictor.pipelines.training.selecting import learned_frame

logger = logging.getLogger(__name__)


def search_race(samples: Samples, plan: Plan) -> dict[str, tuple[Settings, pd.DataFrame]]:
    """Search the parameters of every model of the race, side by side; how many fits run at once changes nothing.

    Args:
        samples: Rows of the first training window only.
        plan: The training.

    Returns:
        What :func:`search_model` says of each model.
    """
    names = list(plan.params.models)
    if plan.params.search.trials and any(config.search for config in plan.params.models.values()):
        # As everything that threads import, before there are any.
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
    # The searches only wait for fits: all of them share the cores, and the last one has them for itself.
    with cores(plan.params) as pool, ThreadPoolExecutor(max_workers=len(names)) as searches:
        return dict(zip(names, searches.map(lambda name: search_model(name, samples, plan, pool), names), strict=True))


def search_model(name: str, samples: Samples, plan: Plan, pool: Executor) -> tuple[Settings, pd.DataFrame]:
    """Search the parameters of one model.

    Args:
        name: Name in the race.
        samples: Rows of the first training window only.
        plan: The training.
        pool: Where fits run.

    Returns:
        The parameters to use (fixed ones and the best found) and the trials; the value of a pruned trial is the
        mean over the inner folds it has seen.
    """
    params = plan.params
    config = params.models[name]
    if not config.search or not params.search.trials:
        return dict(config.params), TRIALS.empty()
    import optuna

    study = optuna.create_study(
        direction="maximize" if params.search.objective == "rank_ic" else "minimize",
        sampler=optuna.samplers.TPESampler(seed=params.seed, n_startup_trials=4),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
    )
    # The configured values are the first trial: a search can only improve on them.
    study.enqueue_trial({key: config.params[key] for key in config.search if key in config.params})
    splits = list(_inner_splits(samples, plan))
    shared: list[dict[Any, Any]] = [{} for _ in splits]

    def value(chosen: Settings, step: int) -> float:
        train, test = splits[step]
        model = new_model(name, chosen, params)
        told = learned_frame(model, samples, train, params)
        model.fit(told, outcomes(name, samples, train, params), seed=params.seed, shared=shared[step])
        return _judge(model.predict_score(samples.frame(test)), samples, test, plan)

    def objective(trial: Any) -> float:
        chosen = {**config.params, **_suggest(trial, config)}
        values: list[float] = []
        ahead: list[Future[float]] = []
        for step in range(len(splits)):
            # The next fold is begun before it is known whether the trial goes on: a core would idle meanwhile.
            coming = range(len(ahead), min(step + params.threads, len(splits)))
            ahead += [pool.submit(value, chosen, later) for later in coming]
            values.append(ahead[step].result())
            trial.report(float(np.mean(values)), step)
            if step + 1 < len(splits) and trial.should_prune():
                for fold in ahead[step + 1 :]:
                    fold.cancel()
                # What runs already goes on, and the next trial must not fit beside it on what both would share.
                wait(ahead)
                raise optuna.TrialPruned
        return float(np.mean(values))

    def show(study: Any, trial: Any) -> None:
        value = "pruned" if trial.value is None else f"{trial.value:.5f}"
        logger.info(
            "search %s: trial %d of %d, %s %s, best %.5f",
            name,
            trial.number + 1,
            params.search.trials,
            params.search.objective,
            value,
            study.best_value,
        )

    study.optimize(objective, n_trials=params.search.trials, timeout=params.search.timeout_s, callbacks=[show])
    return {**config.params, **study.best_params}, _trials_frame(name, study.trials, params.search.objective)


def _inner_splits(samples: Samples, plan: Plan) -> Iterator[tuple[Positions, Positions]]:
    params = plan.params
    folds = purged_walk_forward(
        samples.keys["ts"],
        samples.keys["label_end"],
        n_folds=params.search.inner_folds,
        min_train_fraction=0.5,
        gap=params.gap,
        label_bars=plan.label_bars,
        sessions=samples.sessions,
    )
    share = 1.0 if params.search.max_rows is None else min(1.0, params.search.max_rows / len(samples))
    for fold in folds:
        yield tuple(thin(rows, max(1, int(len(rows) * share)), params.seed) for rows in (fold.train, fold.test))  # type: ignore[misc]


def _judge(score: np.ndarray[Any, Any], samples: Samples, rows: Positions, plan: Plan) -> float:
    params = plan.params
    judged = ~plan.market.is_masked(samples.keys["ts"].iloc[rows])
    score, rows = score[judged], rows[judged]
    if params.search.objective == "log_loss":
        return log_loss(samples.y[rows], score)
    keys = samples.keys.iloc[rows]
    return rank_ic(score, keys["forward_return"].to_numpy(), bar_times(keys["ts"]))


def _suggest(trial: Any, config: ModelConfig) -> dict[str, Setting]:
    return {name: _suggest_one(trial, name, span) for name, span in config.search.items()}


def _suggest_one(trial: Any, name: str, span: SearchRange) -> Any:
    if span.choices is not None:
        return trial.suggest_categorical(name, list(span.choices))
    if span.integer:
        return trial.suggest_int(name, int(span.low or 0), int(span.high or 0), step=int(span.step or 1), log=span.log)
    return trial.suggest_float(name, span.low, span.high, step=span.step, log=span.log)


def _trials_frame(name: str, trials: list[Any], objective: str) -> pd.DataFrame:
    rows = [
        {
            "trial": trial.number,
            "model": name,
            "objective": objective,
            "value": np.nan if trial.value is None else trial.value,
            "duration_s": trial.duration.total_seconds() if trial.duration else np.nan,
            "state": TrialState(trial.state.name.lower()).value,
            "params": json.dumps(trial.params, sort_keys=True),
        }
        for trial in trials
    ]
    return TRIALS.typed(pd.DataFrame(rows, columns=list(TRIALS.names)))
