"""The one procedure by which a model is fitted and calibrated, in every fold and at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from finq_predictor.domain.arrays import Positions
from finq_predictor.domain.modelling.calibration import PlattCalibrator
from finq_predictor.domain.modelling.models import Model, create_model
from finq_predictor.domain.modelling.search import Settings
from finq_predictor.domain.modelling.splits import Fold, purged_holdout
from finq_predictor.pipelines.training.params import TrainingParams
from finq_predictor.pipelines.training.plan import Plan
from finq_predictor.pipelines.training.samples import Samples, label_blocks, thin

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Fitted:
    """A model with its calibration.

    Attributes:
        model: Fitted on the whole window.
        calibrator: Fitted on the last, purged part of the window, by a model that had not seen it.
        held_out: Calibrated probabilities of that part.
    """

    model: Model
    calibrator: PlattCalibrator
    held_out: np.ndarray[Any, np.dtype[np.float64]]


def side_by_side(function: Callable[[Task], Result], tasks: Iterable[Task], threads: int) -> list[Result]:
    """Apply a function to tasks in parallel, one core each, so that results do not depend on the number of threads.

    Args:
        function: Something that spends its time outside the interpreter lock, such as a fit.
        tasks: Its arguments.
        threads: How many run at once.

    Returns:
        Results in the order of the tasks.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1), ThreadPoolExecutor(max_workers=threads) as pool:
        return list(pool.map(function, tasks))


def new_model(name: str, chosen: Settings, params: TrainingParams) -> Model:
    """Make an unfitted model of the race.

    Args:
        name: Name in the race.
        chosen: Its parameters.
        params: Parameters of the training.
    """
    return create_model(model_of(name, params), chosen)


def model_of(name: str, params: TrainingParams) -> str:
    """Key of ``MODELS`` behind a name in the race."""
    return params.models[name].model or name


def fit_rows(model: Model, samples: Samples, rows: Positions, params: TrainingParams) -> Model:
    """Fit a model on some rows, thinned to the most that is allowed."""
    used = thin(rows, params.max_train_rows, params.seed)
    return model.fit(samples.frame(used), samples.y[used], seed=params.seed)


def fit_calibrated(name: str, chosen: Settings, samples: Samples, rows: Positions, plan: Plan) -> Fitted:
    """Fit a model on a training window and calibrate it inside that window.

    Args:
        name: Name in the race.
        chosen: Its parameters.
        samples: Rows of the market.
        rows: Positions of the training window, labelled.
        plan: The training.
    """
    inner = holdout(samples, rows, plan.params.calibration_fraction, plan)
    early = fit_rows(new_model(name, chosen, plan.params), samples, rows[inner.train], plan.params)
    last = rows[inner.test]
    # A probability is calibrated at the hours at which it is acted upon.
    open_hours = last[~plan.market.is_masked(samples.keys["ts"].iloc[last])]
    last = open_hours if len(open_hours) else last
    score = early.predict_score(samples.frame(last))
    blocks = label_blocks(samples.keys["ts"].iloc[last], plan.label_bars, plan.market.bar_minutes)
    calibrator = PlattCalibrator().fit(score, samples.y[last], day=blocks, base_rate=float(samples.y[rows].mean()))
    model = fit_rows(new_model(name, chosen, plan.params), samples, rows, plan.params)
    return Fitted(model, calibrator, calibrator.transform(score))


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
