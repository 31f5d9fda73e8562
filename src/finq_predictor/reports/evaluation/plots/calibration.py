"""Do the probabilities mean what they say, and how often was a call right?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.domain.evaluation.metrics import calibration_table, confusion
from finq_predictor.reports.figures import Figure, add_legend, add_note, finish, new_figure
from finq_predictor.reports.style import FAINT, INK, series_colours


def calibration_plot(oos: pd.DataFrame, candidates: list[str], bins: int = 10) -> Figure:
    """Do the probabilities mean what they say? Observed frequency against probability, in bins of equal mass."""
    figure, (above, below) = new_figure(2, heights=(3, 1), size=(5.9, 5.2), share_x=True)
    colours = series_colours(candidates)
    for name in candidates:
        known = oos.loc[oos["model"] == name, ["probability", "label"]].dropna()
        if known.empty:
            continue
        table = calibration_table(known["label"].to_numpy(), known["probability"].to_numpy(), bins)
        error = 2.0 * np.sqrt(table["frequency"] * (1.0 - table["frequency"]) / table["count"])
        above.errorbar(
            table["probability"],
            table["frequency"],
            yerr=error,
            color=colours[name],
            marker="o",
            ms=4.5,
            lw=1.4,
            capsize=2,
            label=name,
        )
        said = known["probability"].to_numpy(float)
        # Of a flat model they differ by rounding only, which no 40 bins divide.
        ends = (said.min() - 1e-4, said.max() + 1e-4)
        below.hist(said, bins=40, range=ends, histtype="step", color=colours[name], lw=1.3)
    low, high = above.get_xlim()
    above.plot([low, high], [low, high], color=FAINT, lw=1, ls="--", label="perfect calibration", zorder=0)
    finish(above, "Do the probabilities mean what they say?", None, "Observed frequency")
    add_note(above, "bars: two binomial standard errors", 0.99, 0.02, ha="right")
    finish(below, None, "Predicted probability", "Predictions")
    below.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    add_legend(above)
    return figure


def confusion_plot(oos: pd.DataFrame, model: str) -> Figure:
    """How often was a call right, in each direction?"""
    figure, (axes,) = new_figure(size=(4.2, 3.9))
    known = oos.loc[oos["model"] == model, ["probability", "label"]].dropna()
    true_no, false_yes, false_no, true_yes = confusion(known["label"].to_numpy(), known["probability"].to_numpy())
    counts = np.array([[true_yes, false_yes], [false_no, true_no]])
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
    for row in range(2):
        for column in range(2):
            tone = "white" if share[row, column] > 0.6 else INK
            text = f"{100 * share[row, column]:.1f} %\n{counts[row, column]:,}"
            axes.text(column, row, text, ha="center", va="center", color=tone, size=11)
    axes.set_xticks([0, 1], ["yes", "no"])
    axes.set_yticks([0, 1], ["yes\n(p > 0.5)", "no"])
    finish(axes, f"Calls of {model} (shares of each row)", "What happened", "What was called")
    axes.grid(visible=False)
    return figure
