"""Where a model comes from: the code, the data and the training that made it, and its place in the registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from finq_predictor.domain.ingestion.provenance import preset_of
from finq_predictor.domain.modelling.models.base import ModelKind
from finq_predictor.domain.modelling.search import Settings


class ModelStatus(StrEnum):
    """Standing of a registered model."""

    PROMOTED = "promoted"
    PROVISIONAL = "provisional"


@dataclass(frozen=True)
class CodeVersion:
    """Which code runs.

    Attributes:
        code_hash: Hash of the package's own source.
        git_commit: The commit checked out around it, with ``+`` when files differ from it; None outside git.
        packages: Version of what computes, by name.
    """

    code_hash: str
    git_commit: str | None
    packages: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class TrainingFacts:
    """What is known about a training, without a time of day, so that equal runs say the same.

    Attributes:
        seed: Seed of everything random.
        source: Kind of source of the data, ``simulated`` or ``own``.
        source_id: Its identity, with the preset of a simulated market.
        simulated: Whether the data are made up.
        data_hash: Hash of the gold frame.
        feature_set_hash: Hash of the feature set.
        code_hash: Hash of the package's own source.
        git_commit: The commit; None outside git.
        packages: Version of what computes, by name.
        trained_from: First bar with a label, ISO 8601 in UTC.
        trained_to: Last bar with a label, ISO 8601 in UTC.
        n_rows: Rows with a label.
        n_instruments: Instruments among them.
        n_features: Features.
        empty_features: Features without any value.
        label_rate: Share of ones among the labels, in [0, 1].
        n_folds: Folds of the walk-forward.
        n_trials: Trials of the search, of all models.
        label_blocks: Stretches of days as long as a label among its rows; None where it was not counted.
        effective_years: Years that they are worth.
        first_window_years: Years that the first window of the walk-forward was worth.
        least_years: Years that it should have been worth.
    """

    seed: int
    source: str
    source_id: str
    simulated: bool
    data_hash: str
    feature_set_hash: str
    code_hash: str
    git_commit: str | None
    packages: Mapping[str, str]
    trained_from: str
    trained_to: str
    n_rows: int
    n_instruments: int
    n_features: int
    empty_features: tuple[str, ...]
    label_rate: float
    n_folds: int
    n_trials: int
    label_blocks: int | None = None
    effective_years: float | None = None
    first_window_years: float | None = None
    least_years: float | None = None

    @property
    def preset(self) -> str | None:
        """The preset that a simulated market was made with; None where there is none."""
        return preset_of(self.source_id) if self.simulated else None


@dataclass(frozen=True, kw_only=True)
class TrainingSummary(TrainingFacts):
    """A training of one market.

    Attributes:
        market: Name of the market.
        horizon: Horizon of the label in bars.
        models: The race, by name.
        configurations: Name of a model -> hash of all that was chosen about it.
    """

    market: str
    horizon: int
    models: tuple[str, ...]
    configurations: Mapping[str, str]

    def origin(self, kind: ModelKind, params: Settings) -> Origin:
        """What one of its models is made from.

        Args:
            kind: Baseline or candidate.
            params: Parameters the model was made with.
        """
        facts = {field.name: getattr(self, field.name) for field in fields(TrainingFacts)}
        return Origin(**facts, kind=kind, params=params)


@dataclass(frozen=True)
class RegisteredVersion:
    """The place of a model in the registry.

    Attributes:
        version: Version of the registered model.
        status: Its standing.
        run_id: Run it was registered from.
        registered_model: Name of the registered model.
    """

    version: str
    status: ModelStatus
    run_id: str
    registered_model: str


@dataclass(frozen=True, kw_only=True)
class Origin(TrainingFacts):
    """What one model is made from.

    Attributes:
        kind: Baseline or candidate.
        params: Parameters it was made with.
        registered: Its place in the registry; None before it is registered.
    """

    kind: ModelKind
    params: Settings
    registered: RegisteredVersion | None = None
