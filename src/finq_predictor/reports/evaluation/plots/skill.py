"""Is the skill steady, and does a higher probability go with a higher return?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.domain.evaluation.skill import SkillMeasure
from finq_predictor.reports.figures import Figure, add_legend, add_note, draw_zero, finish, new_figure
from finq_predictor.reports.style import BACKGROUND, BAD, GOOD, INK, series_colours


def skill_plot(daily: pd.DataFrame, candidates: list[str], naive: str, window: int, measure: SkillMeasure) -> Figure:
    """Is the skill steady? What the promotion is judged by, averaged over a window.

    Args:
        daily: Index: day; one column per model.
        candidates: Which columns are candidates.
        naive: The best naive baseline.
        window: Days in the rolling mean.
        measure: What the columns hold.
    """
    figure, (axes,) = new_figure(size=(8.6, 3.8))
    colours = {**series_colours(candidates), naive: BACKGROUND}
    for name in (naive, *candidates):
        values = daily[name].fillna(0.0)
        rolled = values.rolling(window, min_periods=max(2, window // 2)).mean()
        label = f"{name} (mean {values.mean():+.{measure.digits - 1}f})"
        axes.plot(rolled.index, rolled, color=colours[name], lw=1.6, label=label)
    draw_zero(axes)
    finish(axes, f"Is the skill steady? Rolling {window}-day mean", "Date", measure.axis)
    add_legend(axes)
    return figure


def decile_plot(oos: pd.DataFrame, model: str, outcome: str) -> Figure:
    """Does a higher probability go with a higher return? Mean forward return by decile of the probability."""
    figure, (axes,) = new_figure(size=(6.4, 3.8))
    table = decile_returns(oos[oos["model"] == model])
    colours = [GOOD if value > 0 else BAD for value in table["mean"]]
    axes.bar(
        table.index,
        1e4 * table["mean"],
        yerr=1e4 * table["error"],
        color=colours,
        width=0.7,
        error_kw={"lw": 1, "ecolor": INK},
    )
    draw_zero(axes)
    axes.set_xticks(table.index)
    finish(
        axes,
        f"Does a higher probability of {model} earn more?",
        "Decile of probability (10: highest)",
        f"Mean {outcome}, bp",
    )
    add_note(axes, "bars: two standard errors, clustered by day", 0.01, 0.97, va="top")
    axes.grid(visible=False, axis="x")
    return figure


def decile_returns(oos: pd.DataFrame) -> pd.DataFrame:
    """Mean forward return per decile with two day-clustered standard errors.

    Deciles are cut per time where ten instruments are known, otherwise over all times.

    Returns:
        Index 1 to 10 (those that occur); ``mean`` and ``error`` as fractions.
    """
    known = oos[["ts", "probability", "forward_return"]].dropna()
    per_time = known.groupby("ts")["probability"].transform("size").median() >= 10
    rank = (known.groupby("ts")["probability"] if per_time else known["probability"]).rank(pct=True)
    decile = np.ceil(rank * 10.0).clip(1, 10).astype(int)
    daily = known.groupby([decile.rename("decile"), known["ts"].dt.floor("D").rename("day")])["forward_return"].mean()
    by_decile = daily.groupby("decile")
    error = 2.0 * by_decile.std() / np.sqrt(by_decile.size())
    return pd.DataFrame({"mean": by_decile.mean(), "error": error.fillna(0.0)})
