"""Choosing parameters with Optuna, inside the training window of the first fold and nowhere else."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from finq_predictor.adapters.search_store import SearchStore
from finq_predictor.domain.arrays import Positions
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.evaluation.metrics import bar_times, log_loss, rank_ic
from finq_predictor.domain.fingerprint import hash_content, hash_frame
from finq_predictor.domain.modelling.origin import CodeVersion
from finq_predictor.domain.modelling.search import Setting, Settings, TrialState
from finq_predictor.domain.modelling.splits import purged_walk_forward
from finq_predictor.domain.tables import TRIALS
from finq_predictor.pipelines.training.fitting import cores, model_of, new_model, outcomes
from finq_predictor.pipelines.training.params import ModelConfig, SearchRange
from finq_predictor.pipelines.training.plan import Plan
from finq_predictor.pipelines.training.samples import Samples, thin
from finq_predictor.pipelines.training.selecting import learned_frame

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

_NUMBER = "number"
logger = logging.getLogger(__name__)


KEEPS_NOTHING = SearchStore()


@dataclass(frozen=True)
class Kept:
    """Where the trials of a search are kept, and what else than its data and parameters they depend on.

    Attributes:
        store: Where they are kept.
        code: Which code runs.
    """

    store: SearchStore = KEEPS_NOTHING
    code: CodeVersion | None = None


def search_race(samples: Samples, plan: Plan, kept: Kept = Kept()) -> dict[str, tuple[Settings, pd.DataFrame]]:
    """Search the parameters of every model of the race, side by side; how many fits run at once changes nothing.

    Args:
        samples: Rows of the first training window only.
        plan: The training.
        kept: Where trials are kept; those that are known of the same search are not made again.

    Returns:
        What :func:`search_model` says of each model.
    """
    names, params = list(plan.params.models), plan.params
    searched = [name for name in names if params.models[name].search] if params.search.trials else []
    if searched:
        # As everything that threads import, before there are any.
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
    content = content_of(samples) if searched and kept.store != KEEPS_NOTHING else ""
    studies = {
        name: kept.store.open(name, search_key(name, content, plan, kept.code), _direction(plan)) for name in searched
    }

    def search(name: str) -> tuple[Settings, pd.DataFrame]:
        if name not in studies:
            return dict(params.models[name].params), TRIALS.empty()
        return _Search(name, samples, plan, pool, studies[name]).run()

    # The searches only wait for fits: all of them share the cores, and the last one has them for itself.
    with cores(params) as pool, ThreadPoolExecutor(max_workers=len(names)) as searches:
        return dict(zip(names, searches.map(search, names), strict=True))


def search_key(name: str, content: str, plan: Plan, code: CodeVersion | None) -> str:
    """Hash of all that a trial of a search depends on: a search that is other in anything is another search.

    How many trials are made is none of it, so that more of them go on from those that are known.

    Args:
        name: Name in the race.
        content: Hash of the rows, see :func:`content_of`.
        plan: The training.
        code: Which code runs.

    Returns:
        16 hexadecimal digits.
    """
    params = plan.params
    asked = {"models", "threads", "leak_meter", "study", "search", "calibration_fraction", "max_train_rows"}
    found = hash_content(
        {
            **params.model_dump(mode="json", exclude=asked),
            "search": params.search.model_dump(mode="json", exclude={"trials", "timeout_s"}),
            "of_the_model": params.models[name].model_dump(mode="json"),
            "model": model_of(name, params),
            "market": plan.market.name,
            "horizon": plan.horizon,
            "label_bars": plan.label_bars,
            "content": content,
            "code": None if code is None else code.code_hash,
            "packages": {} if code is None else dict(code.packages),
        }
    )
    return found[:16]


def content_of(samples: Samples) -> str:
    """Hash of rows: features, their names, outcomes, and the bars of the market."""
    digest = sha256("\n".join(samples.names).encode())
    for part in (samples.matrix, samples.y, samples.sessions.asi8):
        digest.update(np.ascontiguousarray(part).data)
    digest.update(hash_frame(samples.keys).encode())
    return digest.hexdigest()


class _Search:
    """The search of one model: what is known of it is lived again, and then it goes on.

    What comes next depends on the state of a random generator, which nobody keeps. Asking again for the trials that
    are known brings it to where it was; only their fits are left out.
    """

    def __init__(self, name: str, samples: Samples, plan: Plan, pool: Executor, kept: Study) -> None:
        self._name, self._samples, self._plan, self._pool, self._kept = name, samples, plan, pool, kept
        self._config = plan.params.models[name]
        self._splits = list(_inner_splits(samples, plan))
        # Trials that run at the same time share nothing, those that follow each other what was made of a fold.
        self._shared: list[list[dict[Any, Any]]] = [
            [{} for _ in self._splits] for _ in range(plan.params.search.at_once)
        ]
        self._done: dict[int, FrozenTrial] = {}

    def run(self) -> tuple[Settings, pd.DataFrame]:
        """Make the trials that are not known.

        Returns:
            The parameters to use (fixed ones and the best found) and the trials; the value of a pruned trial is the
            mean over the inner folds it has seen.
        """
        import optuna

        params = self._plan.params
        study = optuna.create_study(
            direction=_direction(self._plan),
            sampler=optuna.samplers.TPESampler(seed=params.seed, n_startup_trials=4),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
        )
        # The configured values are the first trial: a search can only improve on them.
        study.enqueue_trial(
            {key: self._config.params[key] for key in self._config.search if key in self._config.params}
        )
        known, total, at_once = self._known(), params.search.trials, params.search.at_once
        if known:
            logger.info("search %s: %d of %d trials are known", self._name, min(len(known), total), total)
        began = monotonic()
        with ThreadPoolExecutor(max_workers=at_once) as lanes:
            for first in range(0, total, at_once):
                if params.search.timeout_s is not None and self._done and monotonic() - began > params.search.timeout_s:
                    break
                asked = [study.ask() for _ in range(first, min(first + at_once, total))]
                tried = [{**self._config.params, **_suggest(trial, self._config)} for trial in asked]
                # Trials of a batch know nothing of each other, so that it makes no difference which of them ends first.
                ended = list(lanes.map(partial(self._try, known), asked, tried, range(len(asked))))
                for trial, end in zip(asked, ended, strict=True):
                    study.tell(trial, end.value if end.state.name == "COMPLETE" else None, state=end.state)
                    if trial.number not in known:
                        self._show(end, study.best_value)
        best = study.best_params
        return {**self._config.params, **best}, _trials_frame(self._name, self._done, params.search.objective)

    def _known(self) -> dict[int, FrozenTrial]:
        """Trials that are kept, by their number; where two processes made one, both made the same."""
        found: dict[int, FrozenTrial] = {}
        for trial in self._kept.get_trials(deepcopy=False):
            if trial.state.is_finished():
                found.setdefault(int(trial.user_attrs[_NUMBER]), trial)
        return found

    def _try(self, known: Mapping[int, FrozenTrial], trial: Trial, chosen: Settings, lane: int) -> FrozenTrial:
        if trial.number not in known:
            self._done[trial.number] = made = self._make(trial, chosen, lane)
            self._kept.add_trial(made)
            return made
        before = known[trial.number]
        if before.params != trial.params:
            raise StoreError(
                f"Trial {trial.number} of the search of {self._name} was kept with {before.params}, and is to be "
                f"{trial.params} now: what is kept was changed. Remove the kept search {self._kept.study_name}, and it "
                "begins anew."
            )
        for step, value in before.intermediate_values.items():
            trial.report(value, step)
        self._done[trial.number] = before
        return before

    def _make(self, trial: Trial, chosen: Settings, lane: int) -> FrozenTrial:
        """Fit and judge, fold by fold, until it is clear that others are better."""
        from optuna.trial import TrialState as State
        from optuna.trial import create_trial

        began, params = datetime.now(), self._plan.params
        values: list[float] = []
        ahead: list[Future[float]] = []
        means: dict[int, float] = {}
        state = State.COMPLETE
        for step in range(len(self._splits)):
            # The next fold is begun before it is known whether the trial goes on: a core would idle meanwhile.
            coming = range(len(ahead), min(step + params.threads, len(self._splits)))
            ahead += [self._pool.submit(self._value, chosen, later, lane) for later in coming]
            values.append(ahead[step].result())
            means[step] = float(np.mean(values))
            trial.report(means[step], step)
            if step + 1 < len(self._splits) and trial.should_prune():
                for fold in ahead[step + 1 :]:
                    fold.cancel()
                # What runs already goes on, and the next trial must not fit beside it on what both would share.
                wait(ahead)
                state = State.PRUNED
                break
        made = create_trial(
            state=state,
            value=means[max(means)],
            params=trial.params,
            distributions=trial.distributions,
            intermediate_values=means,
            user_attrs={_NUMBER: trial.number},
        )
        made.datetime_start = began
        return made

    def _value(self, chosen: Settings, step: int, lane: int) -> float:
        train, test = self._splits[step]
        params, samples = self._plan.params, self._samples
        model = new_model(self._name, chosen, params)
        told = learned_frame(model, samples, train, params)
        learned = outcomes(self._name, samples, train, params)
        model.fit(told, learned, seed=params.seed, shared=self._shared[lane][step])
        return _judge(model.predict_score(samples.frame(test)), samples, test, self._plan)

    def _show(self, end: FrozenTrial, best: float) -> None:
        search, number = self._plan.params.search, end.user_attrs[_NUMBER] + 1
        value = f"{end.value:.5f}" if end.state.name == "COMPLETE" else "pruned"
        logger.info(
            "search %s: trial %d of %d, %s %s, best %.5f",
            *(self._name, number, search.trials, search.objective, value, best),
        )


def _direction(plan: Plan) -> str:
    return "maximize" if plan.params.search.objective == "rank_ic" else "minimize"


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


def _trials_frame(name: str, trials: Mapping[int, FrozenTrial], objective: str) -> pd.DataFrame:
    rows = [
        {
            "trial": number,
            "model": name,
            "objective": objective,
            "value": np.nan if trial.value is None else trial.value,
            "duration_s": trial.duration.total_seconds() if trial.duration else np.nan,
            "state": TrialState(trial.state.name.lower()).value,
            "params": json.dumps(trial.params, sort_keys=True),
        }
        for number, trial in sorted(trials.items())
    ]
    return TRIALS.typed(pd.DataFrame(rows, columns=list(TRIALS.names)))
