"""What does the model look at?"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from finq_predictor.reports.figures import Figure, finish, new_figure, say_instead
from finq_predictor.reports.style import ACCENT


def importance_plot(importance: Mapping[str, float], model: str, top: int = 15) -> Figure:
    """What does the model look at?"""
    figure, (axes,) = new_figure(size=(6.4, 4.6))
    if not importance:
        say_instead(axes, f"{model} has no importance of its features.")
        return figure
    shares = pd.Series(dict(importance), dtype=float).abs()
    shares = 100.0 * shares / max(shares.sum(), 1e-300)
    shown = shares.sort_values(kind="stable").tail(top)
    axes.barh(list(shown.index), shown.to_numpy(), color=ACCENT, height=0.66)
    rest = f"{len(shown)} of {len(shares)} features, {shown.sum():.0f} % of the total"
    finish(axes, f"What {model} looks at", f"Share of importance, %  ({rest})")
    axes.margins(y=0.02)
    axes.grid(visible=False, axis="y")
    return figure
