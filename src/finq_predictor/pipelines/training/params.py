"""Parameters of the training pipeline."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from finq_predictor.domain.evaluation.feature_validation.selection import SelectionRules
from finq_predictor.domain.modelling.protocols import Protocol
from finq_predictor.domain.modelling.splits import Gap


class SearchRange(BaseModel):
    """What the search may try for one parameter: a range, or a list of choices.

    Attributes:
        low: Smallest value.
        high: Largest value.
        log: Whether the range is searched on a logarithmic scale.
        step: Step between values, for whole numbers or a grid.
        integer: Whether values are whole numbers.
        choices: Values to choose from, instead of a range.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: float | None = None
    high: float | None = None
    log: bool = False
    step: float | None = None
    integer: bool = False
    choices: tuple[float | int | str | bool, ...] | None = None

    @model_validator(mode="after")
    def _is_range_or_choices(self) -> Self:
        has_range = self.low is not None and self.high is not None
        if has_range == (self.choices is not None):
            raise ValueError("give either low and high, or choices")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self


class LookbackLimit(BaseModel):
    """Over long horizons models with free weights are told of the recent past only.

    A history has few labels of a long horizon that do not overlap, and a feature that looks back over a year hardly
    moves between them: what is fitted on it is the regime of these years.

    Attributes:
        from_horizon: Bars of a horizon from which it applies.
        most_bars: Bars that a feature may look back.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    from_horizon: int = Field(gt=0)
    most_bars: int = Field(gt=0)


class ModelConfig(BaseModel):
    """One model of the race.

    Attributes:
        model: Its kind, a key of ``domain.modelling.models.MODELS``; None takes the name it has in the race.
        params: Fixed parameters.
        learns: ``"label"``, or ``"rank"``: the rank of what followed among the instruments of the bar, for models
            that take shares. What is predicted is the label all the same.
        search: Ranges of the parameters that are searched; empty means no search.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    learns: Literal["label", "rank"] = "label"
    search: dict[str, SearchRange] = Field(default_factory=dict)


class SearchParams(BaseModel):
    """The search for parameters, inside the training window of the first fold.

    Attributes:
        trials: Trials per model; 0 searches nothing.
        inner_folds: Purged folds inside the window over which a trial is judged.
        max_rows: Rows used at most, spread evenly over time; None uses all.
        objective: ``"log_loss"`` (lower is better) or ``"rank_ic"`` (higher is better).
        at_once: Trials of one model that are made at the same time. They know nothing of each other, so that another
            number is another search; what it finds does not depend on how many of them really run at once.
        timeout_s: Begin no trial after this many seconds; None keeps the result the same on every machine.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    trials: int = Field(default=8, ge=0)
    inner_folds: int = Field(default=2, ge=1)
    max_rows: int | None = Field(default=40_000, gt=0)
    objective: Literal["log_loss", "rank_ic"] = "log_loss"
    at_once: int = Field(default=1, ge=1)
    timeout_s: float | None = Field(default=None, gt=0)


class LeakMeterParams(BaseModel):
    """The measurement of what a random split would have pretended.

    Attributes:
        model: A model that can memorise.
        params: Its parameters; deep, so that the leak shows.
        max_rows: Rows at most. Whole instruments are sampled: the leak needs neighbouring days.
        test_fraction: Share of the rows, or of the dates, that is tested on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    params: dict[str, Any] = Field(default_factory=dict)
    max_rows: int = Field(default=20_000, gt=0)
    test_fraction: float = Field(default=0.25, gt=0, lt=1)


class StudyParams(BaseModel):
    """What `finq study` runs; the training of every day knows nothing of it.

    Attributes:
        horizons: Horizons in bars, each with labels in gold; empty takes that of the training.
        seeds: How many seeds, counted from that of the training. Models that draw nothing at random are run with the
            first one only.
        protocol: How rows are divided.
        n_bootstrap: Resamples behind each interval.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    horizons: tuple[Annotated[int, Field(gt=0)], ...] = ()
    seeds: int = Field(default=5, ge=1)
    protocol: Protocol = Protocol()
    n_bootstrap: int = Field(default=200, ge=100)


class TrainingParams(BaseModel):
    """How models are trained and judged.

    Attributes:
        horizon: Label horizon in bars; None takes the market's.
        seed: Seed of everything random.
        n_folds: Test blocks of the walk-forward.
        min_train_fraction: Share of the dates before the first test block.
        min_effective_years: Years that the first training window should be worth, by blocks of a label; with fewer a
            warning is written. Fits on less than about three follow the regime they have seen.
        gap: What is left out between training and test, in every split.
        calibration_fraction: Share of the last dates of a training window on which probabilities are calibrated.
        max_train_rows: Rows a model is fitted on at most, spread evenly over time; None uses all.
        threads: Fits that run side by side; results do not depend on it, memory does.
        models: The race, by name.
        lookback: Features that models with free weights are told of where the horizon is long; None tells them of all.
            Naive models and those that state their odds read what they are told to.
        selection: The choice of features inside every training window; naive models read what they are told to.
        search: The search for parameters.
        leak_meter: The measurement of leakage.
        study: What `finq study` runs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    horizon: int | None = Field(default=None, gt=0)
    seed: int = 0
    n_folds: int = Field(default=4, ge=1)
    min_train_fraction: float = Field(default=0.4, gt=0, lt=1)
    min_effective_years: float = Field(default=3.0, ge=0)
    gap: Gap = Gap()
    calibration_fraction: float = Field(default=0.25, gt=0, lt=1)
    max_train_rows: int | None = Field(default=None, gt=0)
    threads: int = Field(default=2, ge=1)
    models: dict[str, ModelConfig] = Field(min_length=1)
    lookback: LookbackLimit | None = None
    selection: SelectionRules = SelectionRules()
    search: SearchParams = SearchParams()
    leak_meter: LeakMeterParams
    study: StudyParams = StudyParams()
