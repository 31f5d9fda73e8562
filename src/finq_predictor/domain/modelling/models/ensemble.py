"""Models that are made from others: a weighted mean of what their members say, in log-odds on one scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array, FeatureMatrix, Vector
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.modelling.models import MODELS, create_model, restore_model
from finq_predictor.domain.modelling.models.base import (
    Contributions,
    Device,
    Distribution,
    HeldOut,
    Member,
    Model,
    ModelKind,
    log_odds,
    to_matrix,
)
from finq_predictor.domain.modelling.models.priors import positive
from finq_predictor.domain.modelling.models.restoring import number, numbers, require

_PARTS = {"model", "params"}
SCALED_ON = 20_000
"""Rows from which the scale of a member is learned, spread evenly over those of the training."""


@dataclass(frozen=True)
class Voice:
    """A fitted member and how its log-odds are read.

    Attributes:
        model: The member.
        share: Its weight; those of all members sum to 1.
        center: Mean of its log-odds on rows of the training.
        spread: Their standard deviation; a member that says the same of everybody, 0, adds nothing.
    """

    model: Model
    share: float
    center: float
    spread: float


class Ensemble(Model):
    """A weighted mean of the log-odds of members, each on the scale that it had in training.

    The score of a row depends on that row only: a mean of ranks within a day would not. The mean of standardised
    log-odds is as broad as ``strength`` says, or, where nothing is said, as its members on average. Where all of them
    state odds, so does the mean.

    Args:
        members: By name ``model``, a key of the registry, and its ``params``. In a race: names of other models of it,
            which then are fitted once for themselves and for their ensembles.
        seeds: Under how many seeds each member that draws numbers is fitted; it is their mean that has a weight.
        strength: Standard deviation that the log-odds of each member are given. That states how much the mean is
            believed before any outcome, as for published rules.
    """

    kind: ClassVar[ModelKind] = ModelKind.CANDIDATE
    modules: ClassVar[tuple[str, ...]] = ("scipy.special",)

    def __init__(self, members: Mapping[str, Any], seeds: int = 1, strength: float | None = None, **others: Any):
        told = {} if strength is None else {"strength": strength}
        super().__init__(members=members, seeds=seeds, **told, **others)
        if type(seeds) is not int or not 1 <= seeds <= 100:
            raise ConfigurationError(f"Model {self.name!r} got seeds {seeds!r}; expected a number from 1 to 100.")
        self.strength = None if strength is None else positive(strength, "strength")
        self.named = tuple(_members(self.name, members, seeds))
        unfitted = [create_model(member.model, member.params) for member in self.named]
        self.states_odds = strength is not None or all(model.states_odds for model in unfitted)
        self.voices: dict[str, Voice] = {}
        self.intercept = self.spread = 0.0
        self._used: tuple[Model, ...] = tuple(unfitted)

    @property
    def members(self) -> tuple[Member, ...]:
        """What it is made from; a member that draws numbers is there once for each seed."""
        return self.named

    def needs(self) -> tuple[Distribution, ...]:
        """Libraries of all its members."""
        return tuple(dict.fromkeys((*self.requires, *(need for model in self._used for need in model.needs()))))

    def imports(self) -> tuple[str, ...]:
        """Modules of all its members."""
        return tuple(dict.fromkeys((*self.modules, *(name for model in self._used for name in model.imports()))))

    def unite(self, fitted: Mapping[str, Model], X: pd.DataFrame, held_out: HeldOut | None = None) -> Self:
        """See :meth:`Model.unite`."""
        self.features = tuple(map(str, X.columns))
        self._unite(fitted, to_matrix(X, self.features), held_out)
        return self

    def to_device(self, device: Device) -> None:
        """Move the members that can go there."""
        for voice in self.voices.values():
            if device in voice.model.devices():
                voice.model.to_device(device)

    def importance(self) -> dict[str, float] | None:
        """Mean of the importances of the members that have some, by their weights."""
        told = [(voice.share, found) for voice in self.voices.values() if (found := voice.model.importance())]
        whole = sum(share * sum(found.values()) for share, found in told)
        if not whole:
            return None
        return {name: sum(share * found[name] for share, found in told) / whole for name in self.features}

    def _fit(self, matrix: FeatureMatrix, y: Vector, seed: int) -> None:
        self._fit_again(matrix, y, seed, {})

    def _fit_again(self, matrix: FeatureMatrix, y: Vector, seed: int, shared: dict[Any, Any]) -> None:
        fitted: dict[str, Model] = {}
        for member in self.named:
            model = create_model(member.model, member.params)
            model.features = self.features
            model._fit_again(matrix, y, seed + member.seed, shared)
            fitted[member.label] = model
        rows = np.linspace(0, len(matrix) - 1, min(len(matrix), SCALED_ON)).astype(np.intp)
        self._unite(fitted, matrix[rows], None)

    def _unite(self, fitted: Mapping[str, Model], matrix: FeatureMatrix, held_out: HeldOut | None) -> None:
        said = {member.label: log_odds(fitted[member.label].score_matrix(matrix)) for member in self.named}
        shares = self._shares(held_out)
        self.voices = {
            label: Voice(fitted[label], share, float(odds.mean()), float(odds.std()) if odds.std() > 1e-9 else 0.0)
            for (label, odds), share in zip(said.items(), shares.tolist(), strict=True)
        }
        own = sum(voice.share * voice.spread for voice in self.voices.values())
        self.spread = own if self.strength is None else self.strength
        self.intercept = sum(voice.share * voice.center for voice in self.voices.values())

    def _shares(self, held_out: HeldOut | None) -> Vector:  # noqa: ARG002 - for ensembles that weigh
        """Weights of the members, not below 0, that sum to 1."""
        return self._of_models(np.full(len(self.groups), 1.0 / len(self.groups)))

    @property
    def groups(self) -> dict[str, list[int]]:
        """Positions of the members by the model of the race they are, whatever their seed."""
        found: dict[str, list[int]] = {}
        for position, member in enumerate(self.named):
            found.setdefault(member.name, []).append(position)
        return found

    def _of_models(self, shares: Vector) -> Vector:
        """Give each seed of a model its part of the weight of the model."""
        parts = np.zeros(len(self.named))
        for share, positions in zip(shares, self.groups.values(), strict=True):
            parts[positions] = share / len(positions)
        return parts

    def _weight(self, voice: Voice) -> float:
        return voice.share * self.spread / voice.spread if voice.spread else 0.0

    def _score(self, matrix: FeatureMatrix) -> Vector:
        from scipy.special import expit

        odds = np.full(len(matrix), self.intercept)
        for voice in self.voices.values():
            if weight := self._weight(voice):
                odds += weight * (log_odds(voice.model.score_matrix(matrix)) - voice.center)
        scores: Vector = expit(odds)
        return scores

    def _contributions(self, matrix: FeatureMatrix) -> Contributions | None:
        values, base = np.zeros(matrix.shape), np.full(len(matrix), self.intercept)
        for voice in self.voices.values():
            if weight := self._weight(voice):
                found = voice.model._contributions(matrix)
                if found is None:
                    return None
                values += weight * found.values
                base += weight * (found.base - voice.center)
        return Contributions(values, base)

    def _learned(self) -> dict[str, Any]:
        voices = {
            label: {
                "model": voice.model.name,
                "state": voice.model.state(),
                "share": voice.share,
                "center": voice.center,
                "spread": voice.spread,
            }
            for label, voice in self.voices.items()
        }
        return {"members": voices, "intercept": self.intercept, "spread": self.spread}

    def _restore(self, learned: dict[str, Any]) -> None:
        kept = learned["members"]
        require(list(kept) == [member.label for member in self.named], "the names of its members", list(kept))
        for member in self.named:
            told = kept[member.label]
            require(told["model"] == member.model, f"the model of {member.label}", told["model"])
            model = restore_model(member.model, told["state"])
            require(model.features == self.features, f"the features of {member.label}", model.features)
            share, center, spread = numbers([told[name] for name in ("share", "center", "spread")], member.label, 3)
            require(0.0 <= share <= 1.0 and spread >= 0.0, f"the weight of {member.label}", told)
            self.voices[member.label] = Voice(model, float(share), float(center), float(spread))
        whole = sum(voice.share for voice in self.voices.values())
        require(abs(whole - 1.0) < 1e-9, "the sum of the weights", whole)
        self.intercept = number(learned["intercept"], "the intercept")
        self.spread = number(learned["spread"], "the spread", 0.0)


def _members(name: str, given: Any, seeds: int) -> list[Member]:
    if not isinstance(given, Mapping) or not given:
        raise ConfigurationError(
            f"Model {name!r} has members {given!r}; expected model and params by name, such as "
            "{line: {model: logistic, params: {}}}, or in a race a list of names of it."
        )
    found: list[Member] = []
    for label, spec in given.items():
        if not isinstance(spec, Mapping) or not {"model"} <= set(spec) <= _PARTS:
            raise ConfigurationError(f"Member {label!r} of {name!r} is {spec!r}; expected model and params.")
        model = MODELS[str(spec["model"])]
        if issubclass(model, Ensemble):
            raise ConfigurationError(f"Member {label!r} of {name!r} is an ensemble itself; name its members instead.")
        count = seeds if model.seeded else 1
        found += [
            Member(str(label), f"{label} {seed}" if seed else str(label), model.name, spec.get("params") or {}, seed)
            for seed in range(count)
        ]
    if len({member.label for member in found}) != len(found):
        raise ConfigurationError(f"Members of {name!r} have names of which one is another with a seed: {list(given)}.")
    if len(found) < 2:
        raise ConfigurationError(
            f"Model {name!r} has one member, {found[0].label!r}; expected two, or a model that draws numbers under "
            "several seeds."
        )
    return found


def odds_on_one_scale(odds: Array) -> Array:
    """Columns (n, m) with mean 0 and standard deviation 1; 0 throughout where one does not vary."""
    spread = odds.std(axis=0)
    scaled: Array = np.where(spread > 1e-9, (odds - odds.mean(axis=0)) / np.where(spread > 1e-9, spread, 1.0), 0.0)
    return scaled
