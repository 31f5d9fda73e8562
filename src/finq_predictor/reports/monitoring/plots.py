"""The pictures of the monitoring page: how far features are from training, and in which direction."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from finq_predictor.domain.modelling.training_profile import ColumnProfile
from finq_predictor.domain.monitoring.drift.base import shares_in_training, shares_now
from finq_predictor.domain.monitoring.drift.features import DISTANCE, USUAL
from finq_predictor.reports.figures import Axes, Figure, finish, new_figure
from finq_predictor.reports.style import ACCENT, BACKGROUND, BAD, INK

MOST_BARS, MOST_PANELS, PANELS_IN_A_ROW = 20, 6, 3


def moved_plot(features: pd.DataFrame) -> Figure:
    """How far features lie from training, beside how far windows of that length usually do.

    Args:
        features: Drift rows of features, the most unusual first; so many as there is room for are shown.
    """
    shown = features.head(MOST_BARS).iloc[::-1]
    figure, (axes,) = new_figure(size=(9, 1.2 + 0.26 * len(shown)))
    places = np.arange(len(shown))
    colours = [BAD if drifted else ACCENT for drifted in shown["drifted"]]
    axes.barh(places, shown[DISTANCE.name].fillna(0.0), color=colours, height=0.7, label="now (red: drifted)")
    axes.plot(shown[USUAL], places, "|", color=INK, markersize=11, markeredgewidth=2, label="usual")
    axes.set_yticks(places, shown["name"])
    axes.set_xlim(0, 1)
    finish(axes, x_label=f"{DISTANCE.meaning} from training (0: the same, 1: no overlap)")
    axes.margins(y=0.02)
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper right", ncols=2, fontsize=8.5, frameon=False)
    return figure


def spread_plot(names: list[str], profiles: Mapping[str, ColumnProfile], current: pd.DataFrame) -> Figure:
    """The share of rows per training bin, then and now, one panel per feature.

    Args:
        names: Features; each is in ``profiles`` and a column of ``current``.
        profiles: What they looked like in training.
        current: Rows of the current window.
    """
    rows = -(-len(names) // PANELS_IN_A_ROW)
    figure, panels = new_figure(rows, PANELS_IN_A_ROW, size=(9, 0.5 + 2.1 * rows))
    for place, (axes, name) in enumerate(zip(panels, names, strict=False)):
        _draw_spread(axes, profiles[name], current[name].to_numpy(dtype="float64"))
        axes.set_title(name, fontsize=9, color=INK)
        if place % PANELS_IN_A_ROW == 0:
            axes.set_ylabel("Rows, %", fontsize=9, color=INK)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    drawn = panels[0].get_legend_handles_labels()
    figure.legend(*drawn, loc="outside upper right", ncols=2, fontsize=8.5, frameon=False)
    figure.supxlabel("Bin of the feature's value, by the quantiles of training (none: missing)", fontsize=9, color=INK)
    return figure


def _draw_spread(axes: Axes, column: ColumnProfile, values: np.ndarray) -> None:
    then, now = shares_in_training(column), shares_now(column, values)
    bins = np.append(np.arange(len(then) - 1), len(then))  # a gap before the missing ones
    axes.bar(bins - 0.2, 100 * then, width=0.4, color=BACKGROUND, label="training")
    axes.bar(bins + 0.2, 100 * now, width=0.4, color=ACCENT, label="now")
    finish(axes)
    axes.grid(visible=False, axis="x")
    axes.set_xticks([bins[0], bins[-2], bins[-1]], ["low", "high", "none"])
