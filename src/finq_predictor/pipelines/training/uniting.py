"""Models of the race that are made from others of it: each member is fitted once, for itself and for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from finq_predictor.domain.arrays import Positions
from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.modelling.models import Model
from finq_predictor.domain.modelling.models.base import HeldOut, Member, log_odds
from finq_predictor.domain.modelling.search import Settings
from finq_predictor.domain.modelling.splits import purged_walk_forward
from finq_predictor.pipelines.training.params import TrainingParams
from finq_predictor.pipelines.training.plan import Plan
from finq_predictor.pipelines.training.samples import Samples, label_blocks, thin

MEMBERS = "members"
SCALED_ON = 20_000
"""Rows from which the scale of a member is learned, spread evenly over the training window."""
FIRST_SHARE = 0.4
"""Share of the dates of a window that comes before the first part of it that members are asked about."""

FitMember = Callable[[Member, Positions], Model]


def named_members(name: str, params: TrainingParams) -> tuple[str, ...]:
    """Names in the race of what a model of it is made from; empty for one that is made from nothing."""
    given = params.models[name].params.get(MEMBERS)
    return tuple(map(str, given)) if isinstance(given, list | tuple) else ()


def is_member(name: str, params: TrainingParams) -> bool:
    """Whether a model of the race is asked for by another one as well."""
    return any(name in named_members(other, params) for other in params.models)


def check_members(name: str, params: TrainingParams) -> None:
    """Make sure that what a model of the race is made from is in the race, and is no such model itself.

    Raises:
        ConfigurationError: If one is, members are not named by the race, or it is to be searched.
        UnknownNameError: If one is not in the race; near misses are suggested.
    """
    given = params.models[name].params.get(MEMBERS)
    if given is not None and not isinstance(given, list | tuple):
        raise ConfigurationError(
            f"{name} has members {given!r}; expected a list of names of the race, so that each is fitted once."
        )
    if given is not None and params.models[name].search:
        raise ConfigurationError(f"{name} is made from others of the race, and they are searched; it is not itself.")
    for member in named_members(name, params):
        if member not in params.models:
            raise UnknownNameError(f"member of {name}", member, params.models)
        if named_members(member, params):
            raise ConfigurationError(f"{member}, a member of {name}, has members itself; name those instead.")


def with_members(chosen: Settings, params: TrainingParams, found: Mapping[str, Settings] | None = None) -> Settings:
    """Parameters of a model in which its members are told by what they are, and not by their names in the race.

    Args:
        chosen: Its parameters.
        params: Parameters of the training.
        found: Parameters of the race as they were searched; what is configured, where nothing was.
    """
    given: Any = chosen.get(MEMBERS)
    if not isinstance(given, list | tuple):
        return chosen
    race = found or {name: config.params for name, config in params.models.items()}
    spelt: dict[str, Any] = {
        name: {"model": params.models[name].model or name, "params": dict(race[name])} for name in map(str, given)
    }
    return {**chosen, MEMBERS: spelt}


def unite(model: Model, samples: Samples, rows: Positions, plan: Plan, fit_member: FitMember) -> Model:
    """Make a model from members that are fitted on some rows.

    Args:
        model: The unfitted model.
        samples: Rows of the market.
        rows: Positions of a training window, labelled.
        plan: The training.
        fit_member: Fits a member on rows.
    """
    fitted = {member.label: fit_member(member, rows) for member in model.members}
    held_out = _held_out(model, samples, rows, plan, fit_member) if model.held_out_folds else None
    return model.unite(fitted, samples.frame(thin(rows, SCALED_ON, plan.params.seed)), held_out)


def _held_out(model: Model, samples: Samples, rows: Positions, plan: Plan, fit_member: FitMember) -> HeldOut:
    """What members say of later parts of a window, fitted on what is known before each."""
    keys = samples.keys.iloc[rows]
    folds = purged_walk_forward(
        keys["ts"],
        keys["label_end"],
        n_folds=model.held_out_folds,
        min_train_fraction=FIRST_SHARE,
        gap=plan.params.gap,
        label_bars=plan.label_bars,
        sessions=samples.sessions,
    )
    parts = []
    for fold in folds:
        asked = samples.frame(rows[fold.test])
        fitted = [fit_member(member, rows[fold.train]) for member in model.members]
        odds = np.column_stack([log_odds(member.predict_score(asked)) for member in fitted])
        # Each is on the scale of what it was fitted on; only how it orders rows of one part is compared.
        parts.append((odds - odds.mean(axis=0)) / np.where(odds.std(axis=0) > 1e-9, odds.std(axis=0), np.inf))
    asked_rows = rows[np.concatenate([fold.test for fold in folds])]
    blocks = label_blocks(samples.keys["ts"].iloc[asked_rows], plan.label_bars, plan.market.bar_minutes)
    return HeldOut(np.concatenate(parts), samples.y[asked_rows], blocks)
