"""All pictures of the evaluation."""

from __future__ import annotations

from finq_predictor.domain.evaluation.skill import SKILLS
from finq_predictor.reports.evaluation import plots
from finq_predictor.reports.evaluation.results import EvaluationResults
from finq_predictor.reports.figures import Figure

OF_ONE_MODEL = ("importance", "confusion", "deciles")
"""Pictures of the model that is decided about; the others are about all models, or about the test."""
NAMES = ("calibration", "pnl", "skill", "gap", "importance", "confusion", "leak_meter", "deciles")


def draw_pictures(results: EvaluationResults) -> dict[str, Figure]:
    """Draw every picture once.

    Returns:
        Name, one of ``NAMES`` -> figure.
    """
    chosen, names, terms = results.candidate, results.candidates, results.terms
    oos, measures = results.trained.oos_predictions, results.measures
    daily, limits = measures.daily_skill.set_index("ts"), terms.promotion
    return {
        "calibration": plots.calibration_plot(oos, names),
        "pnl": plots.pnl_plot(measures.backtest, names, results.best_naive, terms.gate_strategy),
        "skill": plots.skill_plot(daily, names, results.best_naive, terms.rolling_days, SKILLS[limits.skill]),
        "gap": plots.gap_plot(results.trained.folds),
        "importance": plots.importance_plot(results.bundle.model.importance() or {}, chosen),
        "confusion": plots.confusion_plot(oos, chosen),
        "leak_meter": plots.leak_meter_plot(
            results.trained.leak_meter, limits.max_purged_accuracy, limits.max_purged_auc
        ),
        "deciles": plots.decile_plot(oos, chosen, results.market.outcome(results.bundle.horizon)),
    }
