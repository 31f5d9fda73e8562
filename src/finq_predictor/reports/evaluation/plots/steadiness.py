"""Where training ends and testing begins."""

from __future__ import annotations

from typing import Any

import pandas as pd

from finq_predictor.reports.figures import Axes, Figure, finish, new_figure, patch
from finq_predictor.reports.style import ACCENT, BAD, GOOD, INK, MUTED, WARN


def gap_plot(folds: pd.DataFrame) -> Figure:
    """Where training ends and testing begins, and a close look at the gap between the two."""
    heights = (max(2.0, 0.45 * len(folds)), 1.5)
    figure, (above, below) = new_figure(2, heights=heights, size=(8.6, 2.9 + 0.42 * len(folds)))
    for fold in folds.itertuples():
        _bar(above, fold.fold, fold.train_start, fold.train_end, ACCENT)
        _bar(above, fold.fold, fold.train_end, fold.test_start, WARN)
        _bar(above, fold.fold, fold.test_start, fold.test_end, GOOD)
        above.text(fold.test_end, fold.fold, f"  {int(fold.n_test):,} rows", va="center", size=8, color=MUTED)
    above.set_yticks(folds["fold"], [f"fold {number}" for number in folds["fold"]])
    above.invert_yaxis()
    above.margins(x=0.11)
    finish(above, "Trained on the past, tested on what came after")
    above.grid(visible=False, axis="y")
    handles = [patch(ACCENT, "training"), patch(WARN, "gap"), patch(GOOD, "test")]
    above.legend(handles=handles, loc="upper right", bbox_to_anchor=(1.0, 1.14), frameon=False, fontsize=8, ncols=3)
    _zoom(below, folds.iloc[-1])
    return figure


def _zoom(axes: Axes, fold: Any) -> None:
    gap = fold["test_start"] - fold["train_end"]
    _bar(axes, 0, fold["train_end"] - gap, fold["train_end"], ACCENT)
    _bar(axes, 0, fold["train_end"], fold["test_start"], WARN)
    _bar(axes, 0, fold["test_start"], fold["test_start"] + gap, GOOD)
    axes.vlines(fold["label_end_max"], -0.4, 0.95, color=BAD, lw=1.6)
    axes.text(fold["label_end_max"], 0.62, "last training label known ", ha="right", color=BAD, size=8)
    note = f"purge {int(fold['purge_bars'])} + embargo {int(fold['embargo_bars'])} bars"
    axes.text(fold["train_end"] + gap / 2, -0.62, note, ha="center", va="center", size=8.5, color=INK)
    axes.set_ylim(-0.9, 0.95)
    axes.set_yticks([])
    finish(axes, f"The gap of fold {fold['fold']}, enlarged: no label reaches into the test", "Date")


def _bar(axes: Axes, row: float, start: Any, end: Any, colour: str) -> None:
    axes.barh(row, end - start, left=start, height=0.6, color=colour)
