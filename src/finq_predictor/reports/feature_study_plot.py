"""The picture of a study: how much, how long, how steadily, and beside what."""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.domain.evaluation.feature_validation.hac import errors_wide
from finq_predictor.domain.evaluation.feature_validation.validating import YEAR, Validation
from finq_predictor.domain.market.markets import Market
from finq_predictor.reports.figures import Axes, Figure, add_legend, draw_zero, finish, new_figure, say_instead
from finq_predictor.reports.style import ACCENT, BACKGROUND, FAINT, series_colours

STYLES = ("-", "--", ":")


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
    _decay(decay, table, colours, market)
    _years(years, found.stability, colours)
    _beside(beside, alike)
    return figure


def _means(axes: Axes, table: pd.DataFrame, names: list[str]) -> None:
    error = np.abs(table["mean"] / table["t"])
    wide_by = [errors_wide(int(row.n_bars), int(row.horizon)) for row in table.itertuples()]
    places = np.arange(len(table))[::-1]
    kept = np.where(table["p_value"] <= 0.05, ACCENT, BACKGROUND)
    for place, middle, wide, colour in zip(places, table["mean"], wide_by * error, kept, strict=True):
        axes.errorbar(middle, place, xerr=wide, fmt="o", ms=4, capsize=2, color=colour)
    axes.set_yticks(places, names)
    axes.set_ylim(-0.6, len(table) - 0.4)
    axes.axvline(0.0, color=FAINT, lw=0.8)
    finish(axes, "How much? With its 95 % interval (HAC)", "Mean correlation with the outcome")


def _decay(axes: Axes, table: pd.DataFrame, colours: dict[str, str], market: Market) -> None:
    lags = [name for name in table.columns if name.startswith("lag_")]
    horizons, first = list(table["horizon"].unique()), table["feature"].iloc[0]
    for row, values in zip(table.itertuples(), table[lags].to_numpy(), strict=True):
        place = horizons.index(row.horizon)
        # One of each horizon names its line; the colours are those of the years below.
        name = f"over {market.span(int(row.horizon))}" if row.feature == first else None
        axes.plot(range(len(lags)), values, STYLES[place % 3], marker=".", color=colours[row.feature], label=name)
    axes.set_xticks(range(len(lags)), [name.removeprefix("lag_") for name in lags])
    draw_zero(axes)
    finish(axes, "How long? The feature of earlier bars", "Bars ago", "Mean correlation")
    add_legend(axes)


def _years(axes: Axes, stability: pd.DataFrame, colours: dict[str, str]) -> None:
    first = stability["horizon"].min()
    mine = stability[(stability["kind"] == YEAR) & (stability["horizon"] == first)]
    table = mine.pivot_table(index="part", columns="feature", values="mean", sort=True)
    table = table[[name for name in colours if name in table]]
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
        axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=table.shape[1])


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
    axes.set_xticks([-1.0, -0.5, 0.0, 0.5, 1.0])
    axes.axvline(0.0, color=FAINT, lw=0.8)
    finish(axes, "What says the same?", "Rank correlation with it")
