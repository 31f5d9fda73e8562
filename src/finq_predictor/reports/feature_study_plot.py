"""The picture of a study: how much, how long, how steadily, and beside what."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.evaluation.feature_validation.validating import YEAR, Validation
from finq_predictor.domain.market.markets import Market
from finq_predictor.reports.figures import Axes, Figure, draw_zero, finish, new_figure, say_instead
from finq_predictor.reports.style import ACCENT, BACKGROUND, FAINT, series_colours

TWO_SIDED = 1.96


def study_plot(found: Validation, alike: pd.DataFrame, market: Market) -> Figure:
    """Four panels: mean with its interval, decay, years, and the features that say the same.

    Args:
        found: What was found about the studied features.
        alike: ``feature, other, correlation``; without rows where nothing was compared.
        market: The market.
    """
    figure, (mean, decay, years, beside) = new_figure(2, 2, size=(10.0, 6.4))
    table = found.features
    names = [f"{row.feature}, {market.span(int(row.horizon))}" for row in table.itertuples()]
    colours = series_colours(list(table["feature"].unique()))
    _means(mean, table, names)
    _decay(decay, table, colours)
    _years(years, found.stability, colours)
    _beside(beside, alike)
    return figure


def _means(axes: Axes, table: pd.DataFrame, names: list[str]) -> None:
    error = np.abs(table["mean"] / table["t"])
    places = np.arange(len(table))[::-1]
    kept = np.where(table["p_value"] <= 0.05, ACCENT, BACKGROUND)
    for place, middle, wide, colour in zip(places, table["mean"], TWO_SIDED * error, kept, strict=True):
        axes.errorbar(middle, place, xerr=wide, fmt="o", ms=4, capsize=2, color=colour)
    axes.set_yticks(places, names)
    axes.set_ylim(-0.6, len(table) - 0.4)
    axes.axvline(0.0, color=FAINT, lw=0.8)
    finish(axes, "How much? With its HAC interval", "Mean correlation with the outcome")


def _decay(axes: Axes, table: pd.DataFrame, colours: dict[str, str]) -> None:
    lags = [name for name in table.columns if name.startswith("lag_")]
    for row, values in zip(table.itertuples(), table[lags].to_numpy(), strict=True):
        dashes: Any = ["-", "--", ":"][list(table["horizon"].unique()).index(row.horizon) % 3]
        axes.plot(range(len(lags)), values, dashes, marker=".", color=colours[row.feature])
    axes.set_xticks(range(len(lags)), [name.removeprefix("lag_") for name in lags])
    draw_zero(axes)
    finish(axes, "How long? The feature of earlier bars", "Bars ago", "Mean correlation")


def _years(axes: Axes, stability: pd.DataFrame, colours: dict[str, str]) -> None:
    first = stability["horizon"].min()
    mine = stability[(stability["kind"] == YEAR) & (stability["horizon"] == first)]
    table = mine.pivot_table(index="part", columns="feature", values="mean", sort=True)
    if table.empty:
        say_instead(axes, "No year has a value.")
        return
    width = 0.8 / table.shape[1]
    for place, name in enumerate(table.columns):
        left = np.arange(len(table)) + place * width - 0.4
        axes.bar(left, table[name], width, align="edge", color=colours[name], label=name)
    axes.set_xticks(range(len(table)), table.index)
    draw_zero(axes)
    finish(axes, f"How steadily? By year, over {first} bar{'' if first == 1 else 's'}", None, "Mean correlation")
    if table.shape[1] > 1:
        axes.legend(frameon=False, fontsize=8)


def _beside(axes: Axes, alike: pd.DataFrame) -> None:
    shown = alike.dropna(subset=["correlation"]).head(8)[::-1]
    if shown.empty:
        say_instead(axes, "It was compared with no other feature.")
        return
    several = shown["feature"].nunique() > 1
    names = [f"{row.other} ({row.feature})" if several else row.other for row in shown.itertuples()]
    axes.barh(range(len(shown)), shown["correlation"], color=ACCENT, height=0.66)
    axes.set_yticks(range(len(shown)), names)
    axes.set_xlim(-1.0, 1.0)
    axes.axvline(0.0, color=FAINT, lw=0.8)
    finish(axes, "What says the same?", "Rank correlation with it")
