"""What every model is: a score per row, made from that row alone, and a state that is plain JSON."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array, FeatureMatrix, Vector
from finq_predictor.domain.errors import ConfigurationError, DataError, StoreError, closest

Distribution = tuple[str, ...]
"""A library by the name it is installed under; several names are builds of the same module, of which one is enough."""


class ModelKind(StrEnum):
    """What a model is there for: a naive baseline must be beaten, a candidate may be promoted."""

    NAIVE = "naive"
    CANDIDATE = "candidate"


class Device(StrEnum):
    """Where a model scores."""

    CPU = "cpu"
    CUDA = "cuda"


@dataclass(frozen=True)
class Contributions:
    """What each feature adds to the log-odds of a score, exactly.

    Attributes:
        values: Of each feature (n, k), in the order of the model's features.
        base: What is said without any feature (n); ``base`` plus the sum of a row is the log-odds of its score.
    """

    values: Array
    base: Vector


@dataclass(frozen=True)
class ClusterLearner:
    """How a model is fitted by several machines at once.

    Attributes:
        estimator: Of Spark's kind: ``fit`` takes a distributed table with the features and the label by name.
        learned: From what it has fitted to what :meth:`Model.from_state` reads as learned.
    """

    estimator: Any
    learned: Callable[[Any], dict[str, Any]]


@dataclass(frozen=True)
class Member:
    """A model that another one is made from.

    Attributes:
        name: What it is called, in a race its name there.
        label: The same, with its seed where there are several.
        model: Its key in the registry.
        params: Its parameters.
        seed: What is added to the seed of the fit.
    """

    name: str
    label: str
    model: str
    params: Mapping[str, Any]
    seed: int = 0


@dataclass(frozen=True)
class HeldOut:
    """What members said of rows of the training window that they had not been fitted on.

    Attributes:
        odds: Log-odds of each member (n, m), in the order of the members.
        y: Labels (n).
        block: Code of the block of days of each row (n).
    """

    odds: Array
    y: Vector
    block: Array


class Model(ABC):
    """Scores rows of features.

    A score lies in [0, 1] and rises with the chance that the label is 1; it is not yet a calibrated probability.
    The score of a row depends on that row only, bit by bit: the same alone as in a batch.
    Subclasses implement ``_fit``, ``_score``, ``_contributions``, ``_learned`` and ``_restore``; one whose fits on the
    same rows can share work overrides ``_fit_again`` as well.

    Attributes:
        name: Name in configuration, reports and the registry.
        kind: A baseline that must be beaten, or a candidate that may be promoted.
        requires: Libraries it needs beyond those of every prediction. They are pinned where it is registered, recorded
            with a run and packed into a bento.
        soft: Whether it learns from shares between 0 and 1, such as ranks, as well as from labels.
        seeded: Whether a fit draws anything at random; of one that does not, another seed gives the same model.
        states_odds: Whether its log-odds are a belief that was stated before the data, from which calibration starts;
            those of others count for nothing until outcomes speak for them.
        modules: What its methods import. Whoever fits on several threads imports them first, on one: two threads that
            import one library at the same moment may each find half of it.
        held_out_folds: Parts of the training window, each after what its members are fitted on, from which it learns
            how much they are worth; 0 for a model that does not.
        features: Names of the columns it was fitted on, in order; empty before the fit.
    """

    name: ClassVar[str]
    kind: ClassVar[ModelKind]
    requires: ClassVar[tuple[Distribution, ...]] = ()
    modules: ClassVar[tuple[str, ...]] = ()
    soft: ClassVar[bool] = False
    seeded: ClassVar[bool] = True
    states_odds: bool = False
    held_out_folds: int = 0

    def __init__(self, **params: Any) -> None:
        self.params = params
        self.features: tuple[str, ...] = ()

    def fit(self, X: pd.DataFrame, y: np.ndarray[Any, Any], *, seed: int, shared: dict[Any, Any] | None = None) -> Self:
        """Learn from labelled rows.

        Args:
            X: Features (n, k); NaN means missing, infinite values are refused.
            y: Labels 0 or 1 (n); for a model that is ``soft`` also shares between them, such as the rank of what
                followed among the instruments of a bar.
            seed: Seed of everything random in the fit.
            shared: One dictionary for every fit on these very rows, such as those of a search: there a model leaves
                what depends on the rows alone. The fitted model is the same with and without it. Fits that share
                it come one after the other.

        Returns:
            The model itself.

        Raises:
            DataError: If there is no row, only one class, a label that it cannot learn from, or an infinite feature.
        """
        labels = check_labels(y, rows=len(X), model=self.name, soft=self.soft)
        self.features = tuple(map(str, X.columns))
        matrix = to_matrix(X, self.features)
        if shared is None:
            self._fit(matrix, labels, seed)
        else:
            self._fit_again(matrix, labels, seed, shared)
        return self

    def predict_score(self, X: pd.DataFrame) -> Vector:
        """Score rows.

        Args:
            X: At least the columns the model was fitted on, in any order; NaN means missing.

        Returns:
            Scores in [0, 1] (n), never NaN.

        Raises:
            DataError: If a column is missing or holds an infinite value, or the model was never fitted.
        """
        if not self.features:
            raise DataError(f"Model {self.name!r} was asked for scores before it was fitted; call fit first.")
        return self.score_matrix(to_matrix(X, self.features))

    def score_matrix(self, matrix: FeatureMatrix) -> Vector:
        """Score a float32 matrix (n, k) with the columns in the order of :attr:`features`; nothing is checked."""
        return self._score(matrix)

    @property
    def members(self) -> tuple[Member, ...]:
        """The models it is made from, for one that is; it then unites what was fitted for their own sake, too."""
        return ()

    def unite(
        self,
        fitted: Mapping[str, Model],  # noqa: ARG002 - for models that are made from others
        X: pd.DataFrame,  # noqa: ARG002 - as fitted
        held_out: HeldOut | None = None,  # noqa: ARG002 - as fitted
    ) -> Self:
        """Become what fitted members are together.

        Args:
            fitted: By label of :attr:`members`, all fitted on the same rows.
            X: Some of these rows, from which the scale of each member is learned.
            held_out: What members said of rows that they had not been fitted on, where it asks for them.

        Raises:
            ConfigurationError: If it is made from no others.
        """
        raise ConfigurationError(f"Model {self.name!r} is made from no others; fit it.")

    def needs(self) -> tuple[Distribution, ...]:
        """Libraries that this very model needs: :attr:`requires`, and what those that it is made from require."""
        return self.requires

    def imports(self) -> tuple[str, ...]:
        """What the methods of this very model import: :attr:`modules`, and those of what it is made from."""
        return self.modules

    @property
    def naive(self) -> bool:
        """Whether it is a baseline that must be beaten."""
        return self.kind is ModelKind.NAIVE

    @classmethod
    def devices(cls) -> tuple[Device, ...]:
        """Devices on which the installed library can score; a model that knows none scores on the CPU."""
        return (Device.CPU,)

    def to_device(self, device: Device) -> None:  # noqa: B027 - staying is a complete answer
        """Move a fitted model to one of its :meth:`devices`; a model that has no choice stays where it is."""

    def importance(self) -> dict[str, float] | None:
        """Say how much each feature matters, summing to 1; None where the notion makes no sense."""
        return None

    def contributions(self, X: pd.DataFrame) -> Contributions | None:
        """Say what each feature adds to the log-odds of the score, row by row.

        Args:
            X: As for :meth:`predict_score`.

        Returns:
            Exact additive contributions; None where the model has none, which is then said and not guessed.

        Raises:
            DataError: If a column is missing or holds an infinite value, or the model was never fitted.
        """
        score = self.predict_score(X)
        found = self._contributions(to_matrix(X, self.features))
        if found is None:
            return None
        # Libraries add up in their own precision; what that loses goes to the base, so that the sum is the score's.
        return Contributions(found.values, log_odds(score) - found.values.sum(axis=1))

    def on_cluster(
        self,
        features: Sequence[str],  # noqa: ARG002 - read by models that a cluster can fit
        label: str,  # noqa: ARG002 - as features
        *,
        seed: int,  # noqa: ARG002 - as features
        workers: int,  # noqa: ARG002 - as features
    ) -> ClusterLearner:
        """How this model is fitted on a cluster of Spark.

        Args:
            features: Columns in order.
            label: Column of the labels 0 and 1.
            seed: Seed of everything random in the fit.
            workers: How many fit together, each on its part of the rows.

        Raises:
            ConfigurationError: If it is none of those that can.
        """
        raise ConfigurationError(
            f"Model {self.name!r} is fitted by one machine only; thin its rows (max_train_rows), or take one that a "
            "cluster can fit."
        )

    def state(self) -> dict[str, Any]:
        """Return everything :meth:`from_state` needs, as plain JSON values."""
        return {"params": self.params, "features": list(self.features), "learned": self._learned()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Rebuild a fitted model; its scores are the same bits.

        Raises:
            StoreError: If the state is not one of this model.
        """
        try:
            model = cls(**state["params"])
            model.features = _names(state["features"])
            model._restore(state["learned"])
        except (
            ArithmeticError,
            AttributeError,
            ConfigurationError,
            LookupError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            raise StoreError(
                f"The stored state is not one of model {cls.name!r}: {error!r}. Train it again."
            ) from error
        return model

    @abstractmethod
    def _fit(self, matrix: FeatureMatrix, y: Vector, seed: int) -> None: ...

    def _fit_again(
        self,
        matrix: FeatureMatrix,
        y: Vector,
        seed: int,
        shared: dict[Any, Any],  # noqa: ARG002 - a model that prepares nothing worth keeping begins anew
    ) -> None:
        self._fit(matrix, y, seed)

    @abstractmethod
    def _score(self, matrix: FeatureMatrix) -> Vector: ...

    @abstractmethod
    def _contributions(self, matrix: FeatureMatrix) -> Contributions | None: ...

    @abstractmethod
    def _learned(self) -> dict[str, Any]: ...

    @abstractmethod
    def _restore(self, learned: dict[str, Any]) -> None: ...


def _names(given: Any) -> tuple[str, ...]:
    """Names of the features of a stored model, each once."""
    if not isinstance(given, list) or not given or not all(isinstance(name, str) for name in given):
        raise ValueError("its features are no list of names")
    if len(set(given)) != len(given):
        raise ValueError("a feature is named twice")
    return tuple(given)


SMALLEST = 1e-6
"""Scores are kept so far away from 0 and 1 where their log-odds are taken."""


def log_odds(score: Any) -> Vector:
    """Log-odds of scores in [0, 1] (n), as the calibration reads them."""
    from scipy.special import logit

    odds: Vector = logit(np.clip(np.asarray(score, dtype=np.float64), SMALLEST, 1.0 - SMALLEST))
    return odds


def to_matrix(frame: pd.DataFrame, names: tuple[str, ...]) -> FeatureMatrix:
    """Take columns, in order, as a C-ordered float32 matrix; training and serving both come through here.

    Raises:
        DataError: If a column is missing (near misses are named) or holds an infinite value.
    """
    if missing := [name for name in names if name not in frame.columns]:
        hint = closest(missing[0], map(str, frame.columns))
        raise DataError(
            f"{len(missing)} of {len(names)} feature columns are missing: {missing[:10]}. A missing feature is never "
            f"filled in; compute the features with the feature set of the model. {hint}"
        )
    with np.errstate(over="ignore"):
        chosen = frame if tuple(frame.columns) == names else frame[list(names)]
        matrix = np.ascontiguousarray(chosen.to_numpy(dtype=np.float32))
    if np.isinf(matrix).any():
        columns = [name for name, bad in zip(names, np.isinf(matrix).any(axis=0), strict=True) if bad]
        raise DataError(
            f"Infinite values (or beyond float32) in feature columns {columns[:10]}; expected numbers or NaN. "
            "Correct the feature, or the bars it was made from."
        )
    return matrix


def check_labels(y: np.ndarray[Any, Any], *, rows: int, model: str, soft: bool = False) -> Vector:
    """Return labels as float64 after making sure that something can be learnt from them.

    Args:
        y: Labels (n).
        rows: How many there must be.
        model: For the error.
        soft: Whether shares between 0 and 1 will do.

    Raises:
        DataError: If their number is wrong, one is neither 0 nor 1 (nor between them, where soft), or all are the same.
    """
    labels = np.asarray(y, dtype=np.float64)
    if labels.shape != (rows,):
        raise DataError(f"Model {model!r} got {rows} rows and labels of shape {labels.shape}; expected one per row.")
    values = np.unique(labels)
    if not (((values >= 0.0) & (values <= 1.0)).all() if soft else np.isin(values, (0.0, 1.0)).all()):
        wanted = "numbers from 0 to 1" if soft else "0 and 1 only"
        raise DataError(f"Model {model!r} got labels {values[:5].tolist()}; expected {wanted}, without NaN.")
    if len(values) < 2:
        raise DataError(
            f"Model {model!r} got {rows} rows with the only label {values.tolist()}; both classes are needed. "
            "Take a longer training window, or check the labels."
        )
    return labels
