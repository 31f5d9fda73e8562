"""The pictures of the report: each answers one question, with labelled axes and units.

Figures are made without pyplot, so that drawing leaves no global state behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.evaluation.metrics import calibration_table, confusion
from finq_predictor.domain.evaluation.skill import SkillMeasure

INK, MUTED, GRID = "#1c2733", "#7b8794", "#e3e8ee"
CANDIDATES = ("#1f5fa8", "#c8642b", "#2f8f6b", "#7a4fa3", "#b03a5b")
NAIVE = "#9aa5b1"
GOOD, BAD, WARN = "#2f8f6b", "#b03a3a", "#d99a2b"
Figure = Any
Axes = Any


def palette(candidates: Sequence[str]) -> dict[str, str]:
    """Candidate -> colour, the same in every picture."""
    return {name: CANDIDATES[index % len(CANDIDATES)] for index, name in enumerate(candidates)}


def calibration_plot(oos: pd.DataFrame, candidates: Sequence[str], bins: int = 10) -> Figure:
    """Do the probabilities mean what they say? Observed frequency against probability, in bins of equal mass."""
    figure, (above, below) = _figure(2, heights=(3, 1), size=(7.2, 5.6), share_x=True)
    colours = palette(candidates)
    for name in candidates:
        known = oos.loc[oos["model"] == name, ["probability", "label"]].dropna()
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
        below.hist(known["probability"], bins=40, histtype="step", color=colours[name], lw=1.3)
    low, high = above.get_xlim()
    above.plot([low, high], [low, high], color=MUTED, lw=1, ls="--", label="perfect calibration", zorder=0)
    _finish(above, "Do the probabilities mean what they say?", None, "Observed frequency")
    above.text(
        0.99, 0.02, "bars: two binomial standard errors", transform=above.transAxes, ha="right", color=MUTED, size=8
    )
    _finish(below, None, "Predicted probability", "Predictions")
    below.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    _legend(above)
    return figure


def pnl_plot(backtest: pd.DataFrame, candidates: Sequence[str], naive: str, strategy: str) -> Figure:
    """What would it have earned, before and after costs, and how deep did it fall?"""
    figure, (above, below) = _figure(2, heights=(3, 1), size=(8.6, 5.6), share_x=True)
    colours = {**palette(candidates), naive: NAIVE}
    chosen = backtest[backtest["strategy"] == strategy]
    for name in (naive, *candidates):
        rows = chosen[chosen["model"] == name]
        net, gross = (100.0 * rows[f"{side}_return"].cumsum() for side in ("net", "gross"))
        above.plot(rows["ts"], net, color=colours[name], lw=1.8, label=f"{name}, after costs")
        if name != naive:
            above.plot(rows["ts"], gross, color=colours[name], lw=1, ls=":", label=f"{name}, before costs")
            below.plot(rows["ts"], net - net.cummax().clip(lower=0.0), color=colours[name], lw=1.2)
    above.axhline(0.0, color=MUTED, lw=0.8)
    title = "long-short, top against bottom" if strategy == "quantile" else "long above, short below a threshold"
    _finish(above, f"Paper profit, {title}", None, "Sum of returns, % of capital")
    _finish(below, None, "Date", "Fall from\nhigh, %")
    _legend(above)
    return figure


def skill_plot(
    daily: pd.DataFrame, candidates: Sequence[str], naive: str, window: int, measure: SkillMeasure
) -> Figure:
    """Is the skill steady? What the promotion is judged by, averaged over a window.

    Args:
        daily: Index: day; one column per model.
        candidates: Which columns are candidates.
        naive: The best naive baseline.
        window: Days in the rolling mean.
        measure: What the columns hold.
    """
    figure, axes = _figure(1, size=(8.6, 3.8))
    axes = axes[0]
    colours = {**palette(candidates), naive: NAIVE}
    for name in (naive, *candidates):
        values = daily[name].fillna(0.0)
        rolled = values.rolling(window, min_periods=max(2, window // 2)).mean()
        label = f"{name} (mean {values.mean():+.{measure.digits - 1}f})"
        axes.plot(rolled.index, rolled, color=colours[name], lw=1.6, label=label)
    axes.axhline(0.0, color=MUTED, lw=0.8)
    _finish(axes, f"Is the skill steady? Rolling {window}-day mean", "Date", measure.axis)
    _legend(axes)
    return figure


def gap_plot(folds: pd.DataFrame) -> Figure:
    """Where training ends and testing begins, and a close look at the gap between the two."""
    figure, (above, below) = _figure(2, heights=(max(2.0, 0.45 * len(folds)), 1.5), size=(8.6, 2.9 + 0.42 * len(folds)))
    for fold in folds.itertuples():
        _span(above, fold.fold, fold.train_start, fold.train_end, CANDIDATES[0])
        _span(above, fold.fold, fold.train_end, fold.test_start, WARN)
        _span(above, fold.fold, fold.test_start, fold.test_end, GOOD)
        above.text(fold.test_end, fold.fold, f"  {int(fold.n_test):,} rows", va="center", size=8, color=MUTED)
    above.set_yticks(folds["fold"], [f"fold {number}" for number in folds["fold"]])
    above.invert_yaxis()
    above.margins(x=0.11)
    _finish(above, "Trained on the past, tested on what came after", None, None)
    above.grid(visible=False, axis="y")
    handles = [_patch(CANDIDATES[0], "training"), _patch(WARN, "gap"), _patch(GOOD, "test")]
    above.legend(handles=handles, loc="upper right", bbox_to_anchor=(1.0, 1.14), frameon=False, fontsize=8, ncols=3)
    _zoom(below, folds.iloc[-1])
    return figure


def _zoom(axes: Axes, fold: Any) -> None:
    gap = fold["test_start"] - fold["train_end"]
    _span(axes, 0, fold["train_end"] - gap, fold["train_end"], CANDIDATES[0])
    _span(axes, 0, fold["train_end"], fold["test_start"], WARN)
    _span(axes, 0, fold["test_start"], fold["test_start"] + gap, GOOD)
    axes.axvline(fold["label_end_max"], color=BAD, lw=1.6)
    axes.text(fold["label_end_max"], 0.62, "last training label known ", ha="right", color=BAD, size=8)
    note = f"purge {int(fold['purge_bars'])} + embargo {int(fold['embargo_bars'])} bars"
    axes.text(fold["train_end"] + gap / 2, -0.62, note, ha="center", va="center", size=8.5, color=INK)
    axes.set_ylim(-0.9, 0.95)
    axes.set_yticks([])
    _finish(axes, f"The gap of fold {fold['fold']}, enlarged: no label reaches into the test", "Date", None)


def importance_plot(importance: Mapping[str, float], model: str, top: int = 15) -> Figure:
    """What does the model look at?"""
    figure, axes = _figure(1, size=(6.4, 4.6))
    axes = axes[0]
    shares = pd.Series(dict(importance), dtype=float).abs()
    shares = 100.0 * shares / max(shares.sum(), 1e-300)
    shown = shares.sort_values(kind="stable").tail(top)
    axes.barh(list(shown.index), shown.to_numpy(), color=CANDIDATES[0], height=0.66)
    rest = f"{len(shown)} of {len(shares)} features, {shown.sum():.0f} % of the total"
    _finish(axes, f"What {model} looks at", f"Share of importance, %  ({rest})", None)
    axes.grid(visible=False, axis="y")
    return figure


def confusion_plot(oos: pd.DataFrame, model: str) -> Figure:
    """How often was a call right, in each direction?"""
    figure, axes = _figure(1, size=(4.6, 4.2))
    axes = axes[0]
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
    _finish(axes, f"Calls of {model} (shares of each row)", "What happened", "What was called")
    axes.grid(visible=False)
    return figure


def leak_meter_plot(meter: pd.DataFrame, accuracy_limit: float, auc_limit: float) -> Figure:
    """How much of the apparent skill is only a leaking split?"""
    figure, axes = _figure(1, 2, size=(7.6, 3.6))
    models = list(dict.fromkeys(meter["model"]))
    places = np.arange(len(models))
    for axis, measure, limit in ((axes[0], "accuracy", accuracy_limit), (axes[1], "auc", auc_limit)):
        table = meter.pivot_table(index="model", columns="split", values=measure).reindex(models)
        for offset, split, colour in ((-0.2, "random_rows", NAIVE), (0.2, "purged", CANDIDATES[0])):
            if split in table:
                bars = axis.bar(places + offset, table[split], width=0.36, color=colour)
                axis.bar_label(bars, fmt="%.3f", fontsize=8, color=INK, padding=2)
        axis.axhline(limit, color=BAD, lw=1.2, ls="--")
        axis.axhline(0.5, color=MUTED, lw=0.8)
        axis.set_xticks(places, models)
        axis.set_ylim(0.4, max(0.7, float(np.nanmax(table.to_numpy())) + 0.06))
        _finish(
            axis,
            "Accuracy" if measure == "accuracy" else "AUC",
            None,
            "Out of sample" if measure == "accuracy" else None,
        )
        axis.grid(visible=False, axis="x")
    handles = [
        _patch(NAIVE, "random rows (leaks)"),
        _patch(CANDIDATES[0], "purged in time (honest)"),
        _line(BAD, "alarm for the honest split"),
    ]
    figure.legend(handles=handles, loc="outside lower center", frameon=False, fontsize=8.5, ncols=3)
    return figure


def decile_plot(oos: pd.DataFrame, model: str, outcome: str) -> Figure:
    """Does a higher probability go with a higher return? Mean forward return by decile of the probability."""
    figure, axes = _figure(1, size=(6.4, 3.8))
    axes = axes[0]
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
    axes.axhline(0.0, color=MUTED, lw=0.8)
    axes.set_xticks(table.index)
    _finish(
        axes,
        f"Does a higher probability of {model} earn more?",
        "Decile of probability (10: highest)",
        f"Mean {outcome}, bp",
    )
    axes.text(
        0.01,
        0.97,
        "bars: two standard errors, clustered by day",
        transform=axes.transAxes,
        va="top",
        color=MUTED,
        size=8,
    )
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


def _figure(
    rows: int,
    columns: int = 1,
    *,
    size: tuple[float, float],
    heights: Sequence[float] | None = None,
    share_x: bool = False,
) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure as MatplotlibFigure

    figure = MatplotlibFigure(figsize=size, layout="constrained", facecolor="white")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=share_x, height_ratios=heights)
    return figure, list(axes.ravel())


def _finish(axes: Axes, title: str | None, x_label: str | None, y_label: str | None) -> None:
    if title:
        axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK, pad=10)
    axes.set_xlabel(x_label or "", color=INK, fontsize=9)
    axes.set_ylabel(y_label or "", color=INK, fontsize=9)
    axes.tick_params(colors=INK, labelsize=8.5, length=0)
    axes.grid(visible=True, color=GRID, lw=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GRID)


def _legend(axes: Axes) -> None:
    axes.legend(frameon=False, fontsize=8.5, loc="best")


def _span(axes: Axes, row: float, start: Any, end: Any, colour: str) -> None:
    axes.barh(row, end - start, left=start, height=0.6, color=colour)


def _patch(colour: str, name: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(color=colour, label=name)


def _line(colour: str, name: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, lw=1.2, ls="--", label=name)
