"""The one procedure by which a model is fitted and calibrated, in every fold and at the end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from typing import Any, TypeVar

import numpy as np

from finq_predictor.domain.arrays import Array, Positions, Vector
from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.features import REGISTRY, FeatureSet
from finq_predictor.domain.fingerprint import hash_content
from finq_predictor.domain.modelling.calibration import PlattCalibrator, shrunk_base_rate
from finq_predictor.domain.modelling.conformal import ConformalSets
from finq_predictor.domain.modelling.models import MODELS, Model, create_model
from finq_predictor.domain.modelling.models.abilities import ProgressReporter, ReturnForecaster
from finq_predictor.domain.modelling.models.base import Member
from finq_predictor.domain.modelling.search import Hyperparameters, Settings
from finq_predictor.domain.modelling.splits import Fold, purged_holdout
from finq_predictor.pipelines.training.params import TrainingParams
from finq_predictor.pipelines.training.plan import Plan
from finq_predictor.pipelines.training.samples import Samples, label_blocks, rank_outcomes, thin
from finq_predictor.pipelines.training.selecting import learned_frame, prepare
from finq_predictor.pipelines.training.uniting import check_members, is_member, named_members, unite, with_members

logger = logging.getLogger(__name__)
Task = TypeVar("Task")
Result = TypeVar("Result")
Calibration = tuple[PlattCalibrator, ConformalSets, Vector]
Shared = dict[bytes, dict[Any, Any]]
"""What fits of one model on the same rows leave for each other, by the rows."""


@dataclass(frozen=True)
class Fitted:
    """A model with its calibration.

    Attributes:
        model: Fitted on the whole window.
        calibrator: Fitted on the last, purged part of the window, by a model that had not seen it.
        conformal: Sets of answers, learned from the same part.
        held_out: Calibrated probabilities of that part.
    """

    model: Model
    calibrator: PlattCalibrator
    conformal: ConformalSets
    held_out: Vector


def side_by_side(function: Callable[[Task], Result], tasks: Iterable[Task], params: TrainingParams) -> list[Result]:
    """Apply a function to tasks in parallel, one core each, so that results do not depend on the number of threads.

    Args:
        function: Something that spends its time outside the interpreter lock, such as a fit.
        tasks: Its arguments.
        params: Parameters of the training.

    Returns:
        Results in the order of the tasks.
    """
    with cores(params) as pool:
        return list(pool.map(function, tasks))


@contextmanager
def cores(params: TrainingParams) -> Iterator[Executor]:
    """Threads for work that spends its time outside the interpreter lock, one core each.

    Everything a fit imports is imported before: libraries that import each other are not whole yet for a second thread
    that asks for them at the same moment.
    """
    from threadpoolctl import threadpool_limits

    for name in dict.fromkeys((*(model_of(name, params) for name in params.models), params.leak_meter.model)):
        for module in MODELS[name].modules:
            import_module(module)
    for module in PlattCalibrator.modules:
        import_module(module)
    if params.selection.enabled:
        prepare()
    with threadpool_limits(limits=1), ThreadPoolExecutor(max_workers=params.threads) as pool:
        yield pool


def new_model(name: str, chosen: Settings, params: TrainingParams) -> Model:
    """Make an unfitted model of the race.

    Args:
        name: Name in the race.
        chosen: Its parameters.
        params: Parameters of the training.
    """
    model = create_model(model_of(name, params), with_members(chosen, params))
    if isinstance(model, ProgressReporter):
        model.report = logger.info
    return model


def model_of(name: str, params: TrainingParams) -> str:
    """Key of ``MODELS`` behind a name in the race."""
    return params.models[name].model or name


def fit_rows(
    name: str,
    chosen: Settings,
    samples: Samples,
    rows: Positions,
    params: TrainingParams,
    seed: int = 0,
    shared: Shared | None = None,
) -> Model:
    """Fit a model of the race that is made from no others on some rows, thinned to the most that is allowed.

    Args:
        name: Name in the race.
        chosen: Its parameters.
        samples: Rows of the market.
        rows: Positions of those that are learned from, labelled.
        params: Parameters of the training.
        seed: What is added to the seed of the training.
        shared: One for all fits of this model that follow each other, such as those of several seeds; None shares
            nothing. The fitted model is the same.
    """
    picked, model = thin(np.arange(len(rows)), params.max_train_rows, params.seed), new_model(name, chosen, params)
    told = learned_frame(model, samples, rows[picked], params)
    learned = outcomes(name, samples, rows, params)[picked]
    left = None if shared is None else shared.setdefault(sha256(rows[picked].tobytes()).digest(), {})
    return model.fit(told, learned, seed=params.seed + seed, shared=left)


def fit_model(
    name: str, chosen: Settings, samples: Samples, rows: Positions, plan: Plan, shared: Shared | None = None
) -> Model:
    """Fit any model of the race on some rows; what others are made from as well is fitted once on them.

    Args:
        name: Name in the race.
        chosen: Its parameters.
        samples: Rows of the market.
        rows: Positions of those it is fitted on, labelled.
        plan: The training.
        shared: See :func:`fit_rows`; what is made from others, or is a member of them, shares nothing besides.
    """
    params = plan.params

    def fit_member(member: Member, within: Positions) -> Model:
        key = (member.name, hash_content(dict(member.params)), member.seed, within.tobytes())
        return samples.fits.get(key, lambda: fit_rows(member.name, member.params, samples, within, params, member.seed))

    if named_members(name, params):
        return unite(new_model(name, chosen, params), samples, rows, plan, fit_member)
    if is_member(name, params):
        return fit_member(Member(name, name, model_of(name, params), chosen), rows)
    return fit_rows(name, chosen, samples, rows, params, shared=shared)


def members_first(names: Iterable[str], params: TrainingParams) -> list[str]:
    """Names of the race, those at the end that are made from others: they find their members fitted."""
    return sorted(names, key=lambda name: bool(named_members(name, params)))


def check_race(params: TrainingParams, feature_set: FeatureSet) -> None:
    """Make sure, before anything is fitted, that each model can learn as it is told to.

    Args:
        params: Parameters of the training.
        feature_set: What the models read.

    Raises:
        ConfigurationError: If a model learns ranks and takes labels only, or is made from what it cannot be made from.
        UnknownNameError: If a prior is about a feature that does not exist, or a member is not in the race; near
            misses are suggested.
    """
    for name, config in params.models.items():
        model = MODELS[model_of(name, params)]
        if config.learns == "rank" and not model.soft:
            soft = [key for key, known in MODELS.items() if known.soft]
            raise ConfigurationError(
                f"{name} is to learn ranks, and {model.name!r} takes labels only; ranks are for {', '.join(soft)}."
            )
        check_members(name, params)
        known = {*REGISTRY, *feature_set.names}
        for feature in config.params.get("priors") or {}:
            if feature not in known:
                raise UnknownNameError("feature of a prior", feature, known)


def outcomes(name: str, samples: Samples, rows: Positions, params: TrainingParams) -> Vector:
    """What a model of the race learns from rows: their labels, or their ranks among each other."""
    return rank_outcomes(samples, rows) if params.models[name].learns == "rank" else samples.y[rows]


def fit_calibrated(
    name: str, chosen: Settings, samples: Samples, rows: Positions, plan: Plan, shared: Shared | None = None
) -> Fitted:
    """Fit a model on a training window and calibrate it inside that window.

    Args:
        name: Name in the race.
        chosen: Its parameters.
        samples: Rows of the market.
        rows: Positions of the training window, labelled.
        plan: The training.
        shared: As :func:`fit_rows` takes it.
    """
    calibration = _calibrate(name, chosen, samples, rows, plan, shared)
    return Fitted(_fit_whole(name, chosen, samples, rows, plan, shared), *calibration)


def fit_race(chosen: Hyperparameters, samples: Samples, rows: Positions, plan: Plan) -> dict[str, Fitted]:
    """Fit and calibrate every model of the race on one window, as :func:`fit_calibrated` does.

    A model and its calibration are fitted side by side: the slowest model would otherwise be left with one core.

    Args:
        chosen: Parameters by name in the race.
        samples: Rows of the market.
        rows: Positions of the training window, labelled.
        plan: The training.
    """
    models: dict[str, Model] = {}
    calibrations: dict[str, Calibration] = {}

    def fit(half: tuple[str, bool]) -> None:
        name, whole = half
        if whole:
            fitted = _fit_whole(name, chosen[name], samples, rows, plan)
            models[name] = _learn_returns(fitted, samples, rows, plan.params)
        else:
            calibrations[name] = _calibrate(name, chosen[name], samples, rows, plan)

    names = members_first(plan.params.models, plan.params)
    side_by_side(fit, [(name, whole) for name in names for whole in (True, False)], plan.params)
    return {name: Fitted(models[name], *calibrations[name]) for name in plan.params.models}


def _fit_whole(
    name: str, chosen: Settings, samples: Samples, rows: Positions, plan: Plan, shared: Shared | None = None
) -> Model:
    return fit_model(name, chosen, samples, rows, plan, shared)


def _learn_returns(model: Model, samples: Samples, rows: Positions, params: TrainingParams) -> Model:
    """Let a model that forecasts returns learn them, from the rows that it was fitted on."""
    if isinstance(model, ReturnForecaster) and model.forecasts:
        picked = rows[thin(np.arange(len(rows)), params.max_train_rows, params.seed)]
        returns = samples.keys["forward_return"].to_numpy(np.float64)[picked]
        model.learn_returns(learned_frame(model, samples, picked, params), returns, seed=params.seed)
    return model


def _calibrate(
    name: str, chosen: Settings, samples: Samples, rows: Positions, plan: Plan, shared: Shared | None = None
) -> Calibration:
    inner = holdout(samples, rows, plan.params.calibration_fraction, plan)
    early = fit_model(name, chosen, samples, rows[inner.train], plan, shared)
    last = rows[inner.test]
    # A probability is calibrated at the hours at which it is acted upon.
    open_hours = last[~plan.market.is_masked(samples.keys["ts"].iloc[last])]
    last = open_hours if len(open_hours) else last
    score = early.predict_score(samples.frame(last))
    rate = shrunk_base_rate(samples.y[rows], _blocks(samples, rows, plan))
    blocks, believed = _blocks(samples, last, plan), 1.0 if early.states_odds else 0.0
    calibrator = PlattCalibrator().fit(score, samples.y[last], day=blocks, base_rate=rate, believed=believed)
    probability = calibrator.transform(score)
    return calibrator, ConformalSets.of(probability, samples.y[last]), probability


def holdout(samples: Samples, rows: Positions, fraction: float, plan: Plan) -> Fold:
    """Hold out the last dates of some rows, purged; positions in the fold count within ``rows``."""
    return purged_holdout(
        samples.keys["ts"].iloc[rows],
        samples.keys["label_end"].iloc[rows],
        fraction=fraction,
        gap=plan.params.gap,
        label_bars=plan.label_bars,
        sessions=samples.sessions,
    )


def _blocks(samples: Samples, rows: Positions, plan: Plan) -> Array:
    return label_blocks(samples.keys["ts"].iloc[rows], plan.label_bars, plan.market.bar_minutes)
