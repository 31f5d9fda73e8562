"""What would it have earned, before and after costs?"""

from __future__ import annotations

import pandas as pd

from finq_predictor.domain.evaluation.capacity import MEASURED_SHARE
from finq_predictor.domain.evaluation.positions import QUANTILE
from finq_predictor.reports.figures import Figure, add_legend, add_note, draw_zero, finish, new_figure, say_instead
from finq_predictor.reports.style import BACKGROUND, series_colours


def pnl_plot(backtest: pd.DataFrame, candidates: list[str], naive: str, strategy: str) -> Figure:
    """What would it have earned, before and after costs, and how deep did it fall?"""
    figure, (above, below) = new_figure(2, heights=(3, 1), size=(8.6, 5.6), share_x=True)
    colours = {**series_colours(candidates), naive: BACKGROUND}
    chosen = backtest[backtest["strategy"] == strategy]
    for name in (naive, *candidates):
        rows = chosen[chosen["model"] == name]
        net, gross = (100.0 * rows[f"{side}_return"].cumsum() for side in ("net", "gross"))
        above.plot(rows["ts"], net, color=colours[name], lw=1.8, label=f"{name}, after costs")
        if name != naive:
            above.plot(rows["ts"], gross, color=colours[name], lw=1, ls=":", label=f"{name}, before costs")
            below.plot(rows["ts"], net - net.cummax().clip(lower=0.0), color=colours[name], lw=1.2)
    draw_zero(above)
    title = "long-short, top against bottom" if strategy == QUANTILE else "long above, short below a threshold"
    finish(above, f"Paper profit, {title}", None, "Sum of returns, % of capital")
    finish(below, None, "Date", "Fall from\nhigh, %")
    add_legend(above)
    return figure


def capacity_plot(capacity: pd.DataFrame, candidates: list[str], capital: float) -> Figure:
    """What Sharpe ratio is left after costs, at which capital?"""
    figure, (panel,) = new_figure(size=(8.6, 3.4))
    shown = capacity[capacity["model"].isin(candidates)].dropna(subset=["net_sharpe"])
    if shown.empty:
        say_instead(panel, "No traded value is known, no impact is charged, or nothing was traded.")
        return figure
    for name, colour in series_colours(candidates).items():
        rows = shown[shown["model"] == name]
        panel.plot(rows["capital"], rows["net_sharpe"], color=colour, lw=1.8, marker="o", ms=4, label=name)
        beyond = rows[rows["large_trades"] > MEASURED_SHARE]
        panel.plot(beyond["capital"], beyond["net_sharpe"], color="white", lw=0, marker="o", ms=2)
    draw_zero(panel)
    panel.axvline(capital, color=BACKGROUND, lw=1, ls=":")
    panel.set_xscale("log")
    finish(panel, "What is left by capital", "Capital, dotted: at work in the backtest", "Sharpe ratio after costs")
    add_note(panel, "hollow: trades larger than a tenth of the volume", 0.01, 0.03)
    add_legend(panel)
    return figure
