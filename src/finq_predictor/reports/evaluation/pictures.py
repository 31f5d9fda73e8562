"""All pictures of the evaluation."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import pandas as pd

from finq_predictor.domain.evaluation.skill import SKILLS
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.reports.evaluation import plots
from finq_predictor.reports.evaluation.terms import EvaluationTerms

NAMES = ("calibration", "pnl", "skill", "gap", "importance", "confusion", "leak_meter", "deciles")
DPI = 150


def draw_pictures(
    oos_predictions: pd.DataFrame,
    candidates: Mapping[str, ModelBundle],
    daily: pd.DataFrame,
    backtest: pd.DataFrame,
    folds: pd.DataFrame,
    leak_meter: pd.DataFrame,
    promotion: Mapping[str, Any],
    terms: EvaluationTerms,
    *,
    market: Market,
) -> dict[str, Any]:
    """Draw every picture once.

    Returns:
        ``plot_<name>`` -> matplotlib figure for the catalog, and ``plot_images``: name -> PNG bytes for report and
        tracking.
    """
    chosen, naive = str(promotion["candidate"]), str(promotion["best_naive"])
    kinds = oos_predictions.drop_duplicates("model").set_index("model")["kind"]
    names = sorted(kinds.index[kinds == "candidate"], key=lambda name: (name != chosen, name))
    outcome = market.outcome(candidates[chosen].horizon)
    figures = {
        "calibration": plots.calibration_plot(oos_predictions, names),
        "pnl": plots.pnl_plot(backtest, names, naive, terms.gate_strategy),
        "skill": plots.skill_plot(
            daily.set_index("ts"), names, naive, terms.rolling_days, SKILLS[terms.promotion.skill]
        ),
        "gap": plots.gap_plot(folds),
        "importance": plots.importance_plot(candidates[chosen].model.importance() or {}, chosen),
        "confusion": plots.confusion_plot(oos_predictions, chosen),
        "leak_meter": plots.leak_meter_plot(
            leak_meter, terms.promotion.max_purged_accuracy, terms.promotion.max_purged_auc
        ),
        "deciles": plots.decile_plot(oos_predictions, chosen, outcome),
    }
    return {
        **{f"plot_{name}": figure for name, figure in figures.items()},
        "plot_images": {name: _png(figure) for name, figure in figures.items()},
    }


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    # Without the software's name and date in it, the same picture has the same bytes.
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()
