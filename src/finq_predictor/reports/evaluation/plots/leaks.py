"""How much of the apparent skill is only a leaking split?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.reports.figures import Figure, dashed, finish, new_figure, patch, say_instead
from finq_predictor.reports.style import ACCENT, BACKGROUND, BAD, FAINT, INK

PANELS = {"accuracy": "Accuracy", "auc": "AUC"}
SPLITS = {"random_rows": (-0.2, BACKGROUND), "purged": (0.2, ACCENT)}


def leak_meter_plot(meter: pd.DataFrame, accuracy_limit: float, auc_limit: float) -> Figure:
    """How much of the apparent skill is only a leaking split?"""
    if meter.empty:
        figure, (axes,) = new_figure(size=(7.6, 1.2))
        say_instead(axes, "The leak meter was not read.")
        return figure
    figure, panels = new_figure(1, 2, size=(7.6, 3.6))
    models = list(dict.fromkeys(meter["model"]))
    places = np.arange(len(models))
    limits = (accuracy_limit, auc_limit)
    for axis, (measure, title), limit in zip(panels, PANELS.items(), limits, strict=True):
        table = meter.pivot_table(index="model", columns="split", values=measure).reindex(models)
        for split, (offset, colour) in SPLITS.items():
            if split in table:
                bars = axis.bar(places + offset, table[split], width=0.36, color=colour)
                axis.bar_label(bars, fmt="%.3f", fontsize=8, color=INK, padding=2)
        axis.axhline(limit, color=BAD, lw=1.2, ls="--")
        axis.axhline(0.5, color=FAINT, lw=0.8)
        axis.set_xticks(places, models)
        axis.set_ylim(0.4, max(0.7, float(np.nanmax(table.to_numpy())) + 0.06))
        finish(axis, title)
        axis.grid(visible=False, axis="x")
    panels[0].set_ylabel("Out of sample")
    handles = [
        patch(BACKGROUND, "random rows (leaks)"),
        patch(ACCENT, "purged in time (honest)"),
        dashed(BAD, "alarm for the honest split"),
    ]
    figure.legend(handles=handles, loc="outside lower center", frameon=False, fontsize=8.5, ncols=3)
    return figure
