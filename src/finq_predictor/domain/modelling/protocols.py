"""The protocols by which models may be judged, as configuration, and what each of them may decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from finq_predictor.domain.arrays import Positions
from finq_predictor.domain.modelling.combinatorial import Combination, combinatorial_purged
from finq_predictor.domain.modelling.splits import Fold, Gap, Window, purged_walk_forward


class Protocol(BaseModel):
    """How rows are divided into what is learned from and what is tested.

    Attributes:
        kind: ``expanding``: all of the past before each test block, as the gate judges. ``rolling``: a window of the
            past. ``combinatorial``: every combination of groups of dates, learned from on both sides; it shows how far
            results spread, and never decides about a promotion.
        window_bars: Of a rolling window, in bars.
        window_years: Or in years.
        n_groups: Groups of dates of combinations.
        n_test_groups: Groups that are tested at a time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["expanding", "rolling", "combinatorial"] = "expanding"
    window_bars: int | None = Field(default=None, gt=0)
    window_years: float | None = Field(default=None, gt=0)
    n_groups: int = Field(default=6, ge=2)
    n_test_groups: int = Field(default=2, ge=1)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        windows = (self.window_bars is not None) + (self.window_years is not None)
        if windows != (1 if self.kind == "rolling" else 0):
            raise ValueError(
                f"a protocol that is {self.kind} was given {windows} windows; give window_bars or window_years where "
                "it is rolling, and neither else"
            )
        if self.n_test_groups >= self.n_groups:
            raise ValueError(f"{self.n_test_groups} of {self.n_groups} groups cannot be tested: nothing would be left")
        return self

    @property
    def looks_ahead(self) -> bool:
        """Whether models learn from what comes after their tests: such a result is nobody's track record."""
        return self.kind == "combinatorial"

    @property
    def window(self) -> Window | None:
        """The rolling window; None where there is none."""
        return Window(self.window_bars, self.window_years) if self.kind == "rolling" else None


@dataclass(frozen=True)
class Split:
    """What one model is fitted on, and what it is then asked about.

    Attributes:
        number: From 1.
        train: Positions of the training rows, ascending.
        tests: Positions of the tested rows of each path through the history, by its number.
    """

    number: int
    train: Positions
    tests: dict[int, Positions]


@dataclass(frozen=True)
class Division:
    """What every protocol of a training shares.

    Attributes:
        n_folds: Test blocks of a walk-forward, of which the last is sealed, whatever the protocol.
        min_train_fraction: Share of the dates before the first test block.
        gap: Bars left out.
        label_bars: Bars from a row to the end of its label by construction.
        sessions: All bars of the market.
    """

    n_folds: int
    min_train_fraction: float
    gap: Gap
    label_bars: int
    sessions: pd.DatetimeIndex

    def walk_forward(self, ts: pd.Series, label_end: pd.Series, window: Window | None = None) -> list[Fold]:
        """Cut labelled rows as `splits.purged_walk_forward` does."""
        return purged_walk_forward(
            ts,
            label_end,
            n_folds=self.n_folds,
            min_train_fraction=self.min_train_fraction,
            gap=self.gap,
            label_bars=self.label_bars,
            sessions=self.sessions,
            window=window,
        )

    def sealed_from(self, ts: pd.Series, label_end: pd.Series) -> pd.Timestamp | None:
        """First bar of the sealed block; None where there is a single block, which may be looked at."""
        folds = self.walk_forward(ts, label_end)
        return folds[-1].test_start if len(folds) > 1 else None

    def open_rows(self, ts: pd.Series, label_end: pd.Series) -> Positions:
        """Positions of the rows that tell nothing of the sealed block: neither bar nor end of the label lies in it."""
        sealed = self.sealed_from(ts, label_end)
        if sealed is None:
            return np.arange(len(ts))
        return np.flatnonzero(((ts < sealed) & (label_end < sealed)).to_numpy())


def splits_of(protocol: Protocol, ts: pd.Series, label_end: pd.Series, division: Division) -> list[Split]:
    """Divide labelled rows by a protocol; the sealed block is in none of it.

    Args:
        protocol: The protocol.
        ts: Time of each row (n).
        label_end: When its label is known (n).
        division: What protocols share.

    Raises:
        SplitError: If the gap is shorter than a label, or there are too few dates.
    """
    if not protocol.looks_ahead:
        folds = division.walk_forward(ts, label_end, protocol.window)
        return [Split(fold.number, fold.train, {1: fold.test}) for fold in folds[: max(1, len(folds) - 1)]]
    rows, sealed = division.open_rows(ts, label_end), division.sealed_from(ts, label_end)
    sessions = division.sessions if sealed is None else division.sessions[division.sessions < sealed]
    found = combinatorial_purged(
        ts.iloc[rows],
        label_end.iloc[rows],
        n_groups=protocol.n_groups,
        n_test_groups=protocol.n_test_groups,
        gap=division.gap,
        label_bars=division.label_bars,
        sessions=sessions,
    )
    return [Split(each.number, rows[each.train], _by_path(each, rows)) for each in found]


def _by_path(combination: Combination, rows: Positions) -> dict[int, Positions]:
    """Tested rows of each path: several groups of a combination may be parts of the same one."""
    found: dict[int, Positions] = {}
    for one in combination.tested:
        found[one.path] = np.concatenate([found.get(one.path, rows[:0]), rows[one.rows]])
    return found
