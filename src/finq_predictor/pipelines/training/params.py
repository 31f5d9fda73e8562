"""Parameters of the training pipeline."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from finq_predictor.domain.market.markets import get_market


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


class ModelConfig(BaseModel):
    """One model of the race.

    Attributes:
        model: Its kind, a key of ``domain.modelling.models.MODELS``; None takes the name it has in the race.
        params: Fixed parameters.
        search: Ranges of the parameters that are searched; empty means no search.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    search: dict[str, SearchRange] = Field(default_factory=dict)


class SearchParams(BaseModel):
    """The search for parameters, inside the training window of the first fold.

    Attributes:
        trials: Trials per model; 0 searches nothing.
        inner_folds: Purged folds inside the window over which a trial is judged.
        max_rows: Rows used at most, spread evenly over time; None uses all.
        objective: ``"log_loss"`` (lower is better) or ``"rank_ic"`` (higher is better).
        timeout_s: Stop after this many seconds; None keeps the result the same on every machine.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    trials: int = Field(default=8, ge=0)
    inner_folds: int = Field(default=2, ge=1)
    max_rows: int | None = Field(default=100_000, gt=0)
    objective: Literal["log_loss", "rank_ic"] = "log_loss"
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
    max_rows: int = Field(default=40_000, gt=0)
    test_fraction: float = Field(default=0.25, gt=0, lt=1)


class TrainingParams(BaseModel):
    """How models are trained and judged.

    Attributes:
        market: Name of the market.
        horizon: Label horizon in bars; None takes the market's.
        seed: Seed of everything random.
        n_folds: Test blocks of the walk-forward.
        min_train_fraction: Share of the dates before the first test block.
        purge_bars: Bars left out before a test; None computes entry lag plus horizon.
        embargo_bars: Bars left out in addition.
        calibration_fraction: Share of the last dates of a training window on which probabilities are calibrated.
        max_train_rows: Rows a model is fitted on at most, spread evenly over time; None uses all.
        threads: Fits that run side by side; results do not depend on it, memory does.
        models: The race, by name.
        search: The search for parameters.
        leak_meter: The measurement of leakage.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    market: str
    horizon: int | None = Field(default=None, gt=0)
    seed: int = 0
    n_folds: int = Field(default=4, ge=1)
    min_train_fraction: float = Field(default=0.4, gt=0, lt=1)
    purge_bars: int | None = Field(default=None, ge=0)
    embargo_bars: int = Field(default=5, ge=0)
    calibration_fraction: float = Field(default=0.25, gt=0, lt=1)
    max_train_rows: int | None = Field(default=None, gt=0)
    threads: int = Field(default=2, ge=1)
    models: dict[str, ModelConfig] = Field(min_length=1)
    search: SearchParams = SearchParams()
    leak_meter: LeakMeterParams

    @property
    def label_horizon(self) -> int:
        """Horizon of the label in bars."""
        return self.horizon or get_market(self.market).horizon

    @property
    def label_bars(self) -> int:
        """Bars from a decision to the end of its label."""
        return get_market(self.market).entry_lag + self.label_horizon

    @property
    def purge(self) -> int:
        """Bars left out before a test for the labels' sake."""
        return self.label_bars if self.purge_bars is None else self.purge_bars
