"""What is each feature worth alone, how long, how steadily, and beside which others?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.evaluation.feature_validation.clusters import leaves
from finq_predictor.domain.evaluation.feature_validation.validating import GROUP, YEAR
from finq_predictor.domain.market.markets import Market
from finq_predictor.reports.figures import Axes, Figure, add_note, draw_zero, finish, new_figure, patch, say_instead
from finq_predictor.reports.style import ACCENT, BACKGROUND, BAD, FAINT, LINE, SERIES

LEVEL = 0.05
SHOWN = 20
NOTHING = "No feature was validated."


def strongest(features: pd.DataFrame, most: int = SHOWN) -> pd.DataFrame:
    """The rows of the table ``feature_validation`` with the largest t, the first of equals first."""
    known = features.dropna(subset=["t"])
    return known.reindex(known["t"].abs().sort_values(ascending=False, kind="stable").index).head(most)


def strength_plot(features: pd.DataFrame, market: Market) -> Figure:
    """Which features are strongest, and are there more small p-values than luck has?"""
    shown = strongest(features)
    if shown.empty:
        return _instead()
    figure, (left, right) = new_figure(1, 2, size=(9.6, 0.9 + 0.24 * max(len(shown), 12)))
    places = np.arange(len(shown))[::-1]
    left.barh(places, shown["t"], color=np.where(shown["p_bh"] <= LEVEL, ACCENT, BACKGROUND), height=0.66)
    left.set_yticks(places, _names(shown, market))
    left.axvline(0.0, color=FAINT, lw=0.8)
    finish(left, "The strongest, of all features and horizons", "t (Newey and West)")
    left.grid(visible=False, axis="y")
    kept = [patch(ACCENT, "left after the adjustment (5 %)"), patch(BACKGROUND, "not")]
    figure.legend(handles=kept, loc="outside lower left", frameon=False, fontsize=8.5, ncols=2)
    p_values = features["p_value"].dropna()
    counts, edges = np.histogram(p_values, bins=20, range=(0.0, 1.0))
    right.bar(edges[:-1], counts, width=0.05, align="edge", color=ACCENT, edgecolor="white", lw=0.5)
    right.axhline(len(p_values) / 20, color=BAD, lw=1.2, ls="--")
    finish(right, "p-values of all of them", "p-value, before any adjustment", "Features x horizons")
    add_note(right, "dashed: what luck alone would give", 0.99, 0.97, va="top", ha="right")
    right.grid(visible=False, axis="x")
    return figure


def decay_plot(features: pd.DataFrame, market: Market, what: str = "feature") -> Figure:
    """How soon is old what the strongest features, or models, know?"""
    shown = strongest(features, 10)
    if shown.empty:
        return _instead()
    figure, (axes,) = new_figure(size=(8.6, 4.2))
    names = [name for name in features.columns if name.startswith("lag_")]
    lags = [int(name.removeprefix("lag_")) for name in names]
    places = np.arange(len(lags))
    for place, (label, values) in enumerate(zip(_names(shown, market), shown[names].to_numpy(), strict=True)):
        style = "-" if place < len(SERIES) else "--"
        axes.plot(places, values, style, marker=".", color=SERIES[place % len(SERIES)], lw=1.4, label=label)
    axes.set_xticks(places, lags)
    draw_zero(axes)
    finish(axes, f"How soon is it old? The {what} of earlier bars, the same outcome", "Bars ago", "Mean correlation")
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def parts_plot(features: pd.DataFrame, stability: pd.DataFrame, market: Market) -> Figure:
    """Is it there in every year, and in every sector?"""
    shown = strongest(features)
    if shown.empty:
        return _instead()
    mine = stability.merge(shown[["feature", "horizon"]], on=["feature", "horizon"])
    tables = {
        kind: part.pivot_table(index=["feature", "horizon"], columns="part", values="mean", sort=True)
        for kind in (YEAR, GROUP)
        if len(part := mine[mine["kind"] == kind].dropna(subset=["mean"]))
    }
    keys = pd.MultiIndex.from_frame(shown[["feature", "horizon"]])
    figure, panels = new_figure(1, len(tables), size=(3.0 + 3.6 * len(tables), 1.6 + 0.24 * max(len(shown), 8)))
    largest = max(float(np.nanmax(np.abs(table.to_numpy()), initial=1e-9)) for table in tables.values())
    titles = {YEAR: "By year", GROUP: "By sector" if _has_sectors(stability, market) else "By instrument"}
    for axes, (kind, table) in zip(panels, tables.items(), strict=True):
        image = _heat(axes, table.reindex(keys).to_numpy(), largest)
        axes.set_xticks(range(table.shape[1]), table.columns, rotation=60, ha="right")
        axes.set_yticks(range(len(keys)), _names(shown, market) if axes is panels[0] else [""] * len(keys))
        finish(axes, titles[kind])
        axes.grid(visible=False)
    figure.colorbar(image, ax=panels, shrink=0.7, label="Mean correlation")
    return figure


def clusters_plot(correlations: pd.DataFrame) -> Figure:
    """Which features say the same?"""
    if correlations.empty:
        return _instead()
    values = correlations.drop(columns="feature").to_numpy(float)
    order = leaves(values)
    figure, (axes,) = new_figure(size=(6.8, 6.0))
    image = _heat(axes, values[np.ix_(order, order)], 1.0)
    finish(
        axes, "Which features say the same? Rank correlation", f"{len(order)} features, those that are alike together"
    )
    axes.set_xticks([])
    step = -(-len(order) // 40)
    axes.set_yticks(range(0, len(order), step), correlations["feature"].to_numpy()[order][::step])
    axes.tick_params(labelsize=6.5 if len(order) > 20 else 8.5)
    axes.grid(visible=False)
    figure.colorbar(image, ax=axes, shrink=0.7)
    return figure


def _has_sectors(stability: pd.DataFrame, market: Market) -> bool:
    return market.instruments.has_sectors and bool((stability["kind"] == GROUP).any())


def _heat(axes: Axes, values: Any, largest: float) -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("house", [BAD, "white", ACCENT]).with_extremes(bad=LINE)
    return axes.imshow(values, cmap=colours, vmin=-largest, vmax=largest, aspect="auto", interpolation="nearest")


def _names(rows: pd.DataFrame, market: Market) -> list[str]:
    return [f"{row.feature}, {market.span(int(row.horizon))}" for row in rows.itertuples()]


def _instead() -> Figure:
    figure, (axes,) = new_figure(size=(7.6, 1.2))
    say_instead(axes, NOTHING)
    return figure
