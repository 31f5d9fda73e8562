"""What is gained by answering only where a model is surest?"""

from __future__ import annotations

import pandas as pd

from finq_predictor.reports.figures import Figure, add_legend, add_note, finish, new_figure, say_instead
from finq_predictor.reports.style import series_colours


def abstention_plot(abstention: pd.DataFrame, candidates: list[str]) -> Figure:
    """Share of right answers against the share of rows that are answered."""
    figure, (axes,) = new_figure(size=(6.4, 4.0))
    colours = series_colours(candidates)
    shown = [name for name in candidates if (abstention["model"] == name).sum() > 1]
    if not shown:
        say_instead(axes, "No model is surer of one row than of another.")
        return figure
    for place, name in enumerate(shown):
        curve = abstention[abstention["model"] == name].sort_values("answered")
        # Beside each other, so that the intervals can be told apart.
        at = 100.0 * curve["answered"] * (1.0 + 0.02 * (place - (len(shown) - 1) / 2.0))
        error = [100.0 * (curve["accuracy"] - curve["ci_low"]), 100.0 * (curve["ci_high"] - curve["accuracy"])]
        axes.errorbar(
            at,
            100.0 * curve["accuracy"],
            yerr=error,
            color=colours[name],
            marker="o",
            ms=4,
            lw=1.3,
            capsize=2,
            label=name,
        )
    axes.set_xscale("log")
    ticks = [5, 10, 25, 50, 75, 100]
    axes.set_xticks(ticks, [f"{tick} %" for tick in ticks])
    axes.minorticks_off()
    finish(axes, "What is gained by abstaining?", "Rows answered, the surest first", "Right answers, %")
    add_note(axes, "bars: 95 % intervals, by days", 0.99, 0.02, ha="right")
    add_legend(axes)
    return figure
