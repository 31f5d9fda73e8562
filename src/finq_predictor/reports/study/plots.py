"""Pictures of a study: families beside each other, what a random split would pretend, and where the gaps lie."""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.domain.market.markets import Market
from finq_predictor.reports.figures import Figure, finish, new_figure, patch
from finq_predictor.reports.style import ACCENT, BACKGROUND, BAD, FAINT, INK


def families_plot(spread: pd.DataFrame, study: pd.DataFrame, metric: str, market: Market) -> Figure:
    """Every family over every horizon: its mean, the results of its seeds and paths, and their interval where one.

    Args:
        spread: As `study_figures.spread_of` gives it.
        study: The table ``study``.
        metric: The figure that is drawn.
        market: The market.
    """
    shown = spread[spread["metric"] == metric]
    horizons = sorted(shown["horizon"].unique())
    names = sorted(shown["model"].unique(), reverse=True)
    figure, panels = new_figure(1, len(horizons), size=(3.2 * len(horizons) + 1.6, 0.42 * len(names) + 1.5))
    for axes, horizon in zip(panels, horizons, strict=True):
        for place, name in enumerate(names):
            runs = study[(study["horizon"] == horizon) & (study["model"] == name) & (study["metric"] == metric)]
            values = runs["value"].to_numpy(float)
            if len(values) == 1:
                low, high = runs["ci_low"].to_numpy(float), runs["ci_high"].to_numpy(float)
                axes.hlines(place, low, high, color=BACKGROUND, lw=1.5)
            else:
                axes.plot(values, np.full(len(values), place), "|", ms=9, color=BACKGROUND)
            axes.plot(np.mean(values), place, "o", ms=5, color=ACCENT)
        axes.set_yticks(range(len(names)), names if horizon == horizons[0] else [""] * len(names))
        axes.set_ylim(-0.6, len(names) - 0.4)
        axes.axvline(0.0, color=FAINT, lw=0.8)
        finish(axes, f"Over {market.span(int(horizon))}", metric.replace("_", " "))
    return figure


def leaks_plot(leaks: pd.DataFrame, market: Market) -> Figure:
    """What a random split would have pretended, beside the purged one, by horizon; a mark for each seed."""
    horizons = sorted(leaks["horizon"].unique())
    figure, (axes,) = new_figure(size=(7.6, 3.2))
    for split, offset, colour in (("random_rows", -0.2, BACKGROUND), ("purged", 0.2, ACCENT)):
        for place, horizon in enumerate(horizons):
            values = leaks[(leaks["split"] == split) & (leaks["horizon"] == horizon)]["auc"].to_numpy(float)
            bar = axes.bar(place + offset, np.nanmean(values), width=0.36, color=colour)
            axes.bar_label(bar, fmt="%.3f", fontsize=8, color=INK, padding=4)
            axes.plot(np.full(len(values), place + offset), values, "_", ms=10, color=INK)
    axes.axhline(0.5, color=FAINT, lw=0.8)
    axes.set_xticks(range(len(horizons)), [market.span(int(horizon)) for horizon in horizons])
    axes.set_ylim(0.4, max(0.7, float(np.nanmax(leaks["auc"].to_numpy(float))) + 0.06))
    finish(axes, "What a random split would pretend", None, "AUC")
    handles = [patch(BACKGROUND, "random rows (leaks)"), patch(ACCENT, "purged in time (honest)")]
    figure.legend(handles=handles, loc="outside lower center", frameon=False, fontsize=8.5, ncols=2)
    return figure


def gaps_plot(gaps: pd.DataFrame, market: Market) -> Figure:
    """The last bars before each test: where training ends, where its last label is known, and where the test begins.

    Args:
        gaps: ``horizon``, and the columns of the table ``folds``.
        market: The market.
    """
    lines = gaps.sort_values(["horizon", "fold"], ascending=[False, False], ignore_index=True)
    figure, (axes,) = new_figure(size=(7.6, 0.34 * len(lines) + 1.6))
    day = pd.Timedelta("1D")
    for place, line in lines.iterrows():
        label = (line["train_end"] - line["test_start"]) / day, (line["label_end_max"] - line["test_start"]) / day
        start = min(label[0] * 1.6, label[0] - 2.0)
        axes.hlines(place, start, label[0], color=ACCENT, lw=6)
        axes.hlines(place, *label, color=BACKGROUND, lw=6)
        axes.hlines(place, 0.0, -start / 4, color=BAD if line["sealed"] else INK, lw=6)
    names = [f"{market.span(int(one.horizon))}, block {one.fold}" for one in lines.itertuples()]
    axes.set_yticks(range(len(lines)), names)
    axes.set_ylim(-0.7, len(lines) - 0.3)
    axes.axvline(0.0, color=FAINT, lw=0.8)
    finish(axes, "The gap before each test", "Days before and after the test begins")
    handles = [
        patch(ACCENT, "trained on"),
        patch(BACKGROUND, "until the last label is known"),
        patch(INK, "test"),
        patch(BAD, "test, sealed"),
    ]
    figure.legend(handles=handles, loc="outside lower center", frameon=False, fontsize=8.5, ncols=4)
    return figure
