"""Time splits of panels that cannot leak: whole dates, purged by label ends, with an embargo.

scikit-learn's ``TimeSeriesSplit(gap)`` counts rows; in a panel one date has many rows, and labels of one date end on
another. Here train and test are cut between dates, and a training row whose label reaches into the test is dropped
(Lopez de Prado, 2018, chapter 7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from finq_predictor.domain.arrays import Positions
from finq_predictor.domain.errors import SplitError
from finq_predictor.domain.tables import FOLDS

Mask = np.ndarray[Any, np.dtype[np.bool_]]

DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Gap:
    """Bars left out between training and test.

    Attributes:
        purge_bars: Bars left out because labels reach over them; None computes the label's reach (entry lag plus
            horizon), less is refused.
        embargo_bars: Bars left out in addition.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    purge_bars: Annotated[int, Field(ge=0)] | None = None
    embargo_bars: Annotated[int, Field(ge=0)] = 0

    def purge(self, label_bars: int) -> int:
        """Bars left out for labels that end so many bars after their row.

        Raises:
            SplitError: If a training label could be read from the test; with the arithmetic.
        """
        purge = label_bars if self.purge_bars is None else self.purge_bars
        if min(purge, self.embargo_bars, label_bars) < 0:
            raise SplitError(
                f"purge {purge}, embargo {self.embargo_bars} and label {label_bars} bars: none may be negative."
            )
        if purge < label_bars:
            raise SplitError(
                f"The gap is shorter than the label: a label ends {label_bars} bars after its row, the purge is "
                f"{purge} bars, so the last {label_bars - purge} training labels would be read from the test. "
                f"Set purge_bars to {label_bars} or more (embargo_bars, now {self.embargo_bars}, comes on top), or to "
                "null."
            )
        return purge


@dataclass(frozen=True)
class Window:
    """How much of the past a training window that moves along reaches back over, before its gap.

    Attributes:
        bars: So many bars of the market.
        years: Or so many years of 365.25 days.
    """

    bars: int | None = None
    years: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is no length.

        Raises:
            SplitError: If both are given, or neither, or it is not positive.
        """
        if (self.bars is None) == (self.years is None) or not (self.bars or 0) + (self.years or 0.0) > 0:
            raise SplitError(
                f"A rolling window of {self.bars} bars and {self.years} years was given; give one of the two, above 0."
            )

    def first(self, bars: Positions, last: int) -> int:
        """Tick of the first bar of the window that ends with a bar; the first bar of all where there are fewer.

        Args:
            bars: Ticks of all bars (n), increasing.
            last: Position of the last bar of the window.
        """
        if self.bars is not None:
            return int(bars[max(0, last - self.bars + 1)])
        # A year later it is no longer within the year.
        return int(bars[last] - (self.years or 0.0) * 365.25 * DAY_US) + 1


@dataclass(frozen=True)
class Fold:
    """One training window and the block of dates it is tested on.

    Attributes:
        number: From 1, in time order.
        train: Positions of the training rows, ascending.
        test: Positions of the test rows, ascending.
        train_start: First date of training.
        train_end: Last date of training.
        label_end_max: When the last label of training is known; before ``test_start``.
        test_start: First date of the test.
        test_end: Last date of the test.
        purge_bars: Bars between training and test that labels need.
        embargo_bars: Further bars left out.
        n_purged: Rows before the test, and not before the window, that are in neither.
    """

    number: int
    train: Positions
    test: Positions
    train_start: pd.Timestamp
    train_end: pd.Timestamp
    label_end_max: pd.Timestamp
    test_start: pd.Timestamp
    test_end: pd.Timestamp
    purge_bars: int
    embargo_bars: int
    n_purged: int


def purged_walk_forward(
    ts: pd.Series,
    label_end: pd.Series,
    *,
    n_folds: int,
    min_train_fraction: float,
    gap: Gap,
    label_bars: int = 0,
    sessions: pd.DatetimeIndex | None = None,
    window: Window | None = None,
) -> list[Fold]:
    """Cut labelled rows into training windows, which expand or roll, and consecutive test blocks.

    Args:
        ts: Time of each row (n), any order, many rows per date.
        label_end: When the label of each row is known (n), never before ``ts``.
        n_folds: Number of test blocks, of about equally many whole UTC days.
        min_train_fraction: Share of the dates before the first test block, in (0, 1).
        gap: Bars left out before each test block.
        label_bars: Bars from ``ts`` to the end of a label by construction (entry lag plus horizon).
        sessions: All bars of the market; None counts the dates among ``ts``. Give it when some bars have no label.
        window: How far back training reaches; None reaches back to the first row.

    Returns:
        The folds. Every training label ends before the embargo before its test; no date is in both.

    Raises:
        SplitError: If the gap is shorter than a label, or there are too few dates.
    """
    purge, embargo = gap.purge(label_bars), gap.embargo_bars
    times, ends, dates, bars = timeline(ts, label_end, sessions)
    day_start = starts_of_days(dates)
    first = _first_test(day_start, n_folds, min_train_fraction, purge + embargo)
    blocks = np.split(dates[day_start[first] :], _cuts(day_start[first:], n_folds))
    return [
        _make_fold(number, times, ends, bars, block, (purge, embargo), window)
        for number, block in enumerate(blocks, start=1)
    ]


def purged_holdout(
    ts: pd.Series,
    label_end: pd.Series,
    *,
    fraction: float,
    gap: Gap,
    label_bars: int = 0,
    sessions: pd.DatetimeIndex | None = None,
) -> Fold:
    """Hold out the last share of the dates; the rules are those of :func:`purged_walk_forward`.

    Args:
        ts: Time of each row (n).
        label_end: When the label of each row is known (n).
        fraction: Share of the dates held out, in (0, 1).
        gap: Bars left out before it.
        label_bars: Bars from ``ts`` to the end of a label by construction.
        sessions: All bars of the market.
    """
    return purged_walk_forward(
        ts,
        label_end,
        n_folds=1,
        min_train_fraction=1.0 - fraction,
        gap=gap,
        label_bars=label_bars,
        sessions=sessions,
    )[0]


def timeline(
    ts: pd.Series, label_end: pd.Series, sessions: pd.DatetimeIndex | None
) -> tuple[Positions, Positions, Positions, Positions]:
    """Times and label ends of rows, the dates among them, and all bars of the market, in microseconds.

    Raises:
        SplitError: If a row has no label, or one that ends before it.
    """
    if len(ts) != len(label_end):
        raise SplitError(f"Got {len(ts)} times and {len(label_end)} label ends; expected one for each row.")
    times, ends = _ticks(ts), _ticks(label_end)
    if (ends < times).any():
        raise SplitError(f"{int((ends < times).sum())} labels end before their own row; expected label_end >= ts.")
    dates = np.unique(times)
    return times, ends, dates, dates if sessions is None else np.union1d(_ticks(sessions), dates)


def starts_of_days(dates: Positions) -> Positions:
    """Positions of the dates with which a UTC day begins: a day cut in two would be ranked by two models at once."""
    found: Positions = np.unique(dates // DAY_US, return_index=True)[1]
    return found


def gap_table(folds: Sequence[Fold]) -> pd.DataFrame:
    """Lay out the gap arithmetic, one row per fold, with the columns of the table ``folds``.

    Of several folds the last is sealed: its test is what a promotion is confirmed on, and nothing is chosen by it.
    """
    rows = [
        {name: getattr(fold, name, None) for name in FOLDS.names}
        | {"fold": fold.number, "n_train": len(fold.train), "n_test": len(fold.test)}
        | {"sealed": fold.number == len(folds) > 1}
        for fold in folds
    ]
    return FOLDS.typed(pd.DataFrame(rows, columns=list(FOLDS.names)))


def sealed_from(folds: pd.DataFrame) -> pd.Timestamp | None:
    """First bar of the sealed window of a gap table; None where no fold is sealed."""
    sealed = folds.loc[folds["sealed"], "test_start"]
    return None if sealed.empty else pd.Timestamp(sealed.min())


def fold_masks(gap: pd.Series, ts: pd.Series, label_end: pd.Series) -> tuple[Mask, Mask]:
    """Find the rows of one line of the gap table again.

    Args:
        gap: One row of :func:`gap_table`.
        ts: Time of each labelled row (n).
        label_end: When its label is known (n).

    Returns:
        Masks of training and test rows (n); the same rows as in the fold the line describes.
    """
    train = (ts >= gap["train_start"]) & (ts <= gap["train_end"]) & (label_end <= gap["label_end_max"])
    test = (ts >= gap["test_start"]) & (ts <= gap["test_end"])
    return train.to_numpy(), test.to_numpy()


def _first_test(day_start: Positions, n_folds: int, min_train_fraction: float, gap: int) -> int:
    """Number of the first day of the first test block; ``day_start`` is the bar at which each day starts."""
    if n_folds < 1 or not 0.0 < min_train_fraction < 1.0:
        raise SplitError(
            f"n_folds is {n_folds} and min_train_fraction {min_train_fraction}; expected >= 1, and between 0 and 1."
        )
    n_days = len(day_start)
    first = round(n_days * min_train_fraction)
    bars = int(day_start[first]) if first < n_days else 0
    if bars - gap < 1 or n_days - first < n_folds:
        raise SplitError(
            f"Too few dates: {n_days} labelled dates x {min_train_fraction:g} leave {bars} bars before the first test, "
            f"minus a gap of {gap} = {bars - gap} to train on, and {n_days - first} for {n_folds} test blocks. "
            "Bring a longer history, fewer folds, or a shorter horizon."
        )
    return first


def _cuts(day_start: Positions, n_folds: int) -> Positions:
    """Bars, counted from the first test, at which the blocks after the first begin."""
    starts = [block[0] for block in np.array_split(day_start, n_folds)[1:]]
    cuts: Positions = np.array(starts, dtype=np.intp) - day_start[0]
    return cuts


def _make_fold(
    number: int,
    times: Positions,
    ends: Positions,
    bars: Positions,
    block: Positions,
    gap: tuple[int, int],
    window: Window | None,
) -> Fold:
    purge, embargo = gap
    test_start, test_end = block[0], block[-1]
    start = int(np.searchsorted(bars, test_start))
    last = start - 1 - purge - embargo
    if last < 0:
        raise SplitError(f"Fold {number} has no bar left to train on before a gap of {purge + embargo} bars.")
    known = (times <= bars[last]) & (ends < bars[start - embargo])
    recent = times >= (bars[0] if window is None else window.first(bars, last))
    train = np.flatnonzero(known & recent)
    test = np.flatnonzero((times >= test_start) & (times <= test_end))
    if not len(train):
        raise SplitError(f"Fold {number} has no row to train on: no label ends before its test of {len(block)} dates.")
    return Fold(
        number=number,
        train=train,
        test=test,
        train_start=_stamp(times[train].min()),
        train_end=_stamp(times[train].max()),
        label_end_max=_stamp(ends[train].max()),
        test_start=_stamp(test_start),
        test_end=_stamp(test_end),
        purge_bars=purge,
        embargo_bars=embargo,
        n_purged=int((recent & (times < test_start)).sum()) - len(train),
    )


def _ticks(moments: pd.Series | pd.DatetimeIndex) -> Positions:
    index = pd.DatetimeIndex(moments)
    if index.hasnans:
        raise SplitError("A time or label end is missing; split labelled rows only.")
    index = index.tz_localize("UTC") if index.tz is None else index.tz_convert("UTC")
    ticks: Positions = index.as_unit("us").asi8
    return ticks


def _stamp(tick: np.intp) -> pd.Timestamp:
    return pd.Timestamp(int(tick), unit="us", tz="UTC")
