"""All pictures of the evaluation by name: each is drawn once, for report, tracked runs and the folder of plots."""

from __future__ import annotations

from collections.abc import Callable

from finq_predictor.domain.columns import TS
from finq_predictor.domain.evaluation.skill import SKILLS
from finq_predictor.domain.registry import Registry
from finq_predictor.reports.evaluation import plots
from finq_predictor.reports.evaluation.results import EvaluationResults
from finq_predictor.reports.figures import Figure

PICTURES: Registry[Callable[[EvaluationResults], Figure]] = Registry("picture")
"""Name -> what draws it. The pipeline saves each under its name."""
OF_ONE_MODEL = ("importance", "confusion", "deciles")
"""Pictures of the model that is decided about; the others are about all models, or about the test."""


def draw_pictures(results: EvaluationResults) -> dict[str, Figure]:
    """Draw every picture: name -> figure."""
    return {name: draw(results) for name, draw in PICTURES.items()}


@PICTURES.register("calibration")
def _calibration(results: EvaluationResults) -> Figure:
    return plots.calibration_plot(results.trained.oos_predictions, results.candidates)


@PICTURES.register("pnl")
def _profit(results: EvaluationResults) -> Figure:
    backtest, strategy = results.measures.backtest, results.terms.gate_strategy
    return plots.pnl_plot(backtest, results.candidates, results.best_naive, strategy)


@PICTURES.register("capacity")
def _capacity(results: EvaluationResults) -> Figure:
    capacity = results.worth.capacity
    return plots.capacity_plot(
        capacity[capacity["strategy"] == results.terms.gate_strategy],
        results.candidates,
        results.terms.backtest.capital,
    )


@PICTURES.register("skill")
def _skill(results: EvaluationResults) -> Figure:
    daily, terms = results.measures.daily_skill.set_index(TS), results.terms
    measure = SKILLS[terms.promotion.skill]
    return plots.skill_plot(daily, results.candidates, results.best_naive, terms.rolling_days, measure)


@PICTURES.register("gap")
def _gap(results: EvaluationResults) -> Figure:
    return plots.gap_plot(results.trained.folds)


@PICTURES.register("importance")
def _importance(results: EvaluationResults) -> Figure:
    return plots.importance_plot(results.bundle.model.importance() or {}, results.candidate)


@PICTURES.register("confusion")
def _calls(results: EvaluationResults) -> Figure:
    return plots.confusion_plot(results.trained.oos_predictions, results.candidate)


@PICTURES.register("leak_meter")
def _leaks(results: EvaluationResults) -> Figure:
    limits = results.terms.promotion
    return plots.leak_meter_plot(results.trained.leak_meter, limits.max_purged_accuracy, limits.max_purged_auc)


@PICTURES.register("deciles")
def _deciles(results: EvaluationResults) -> Figure:
    outcome = results.market.outcome(results.bundle.horizon)
    return plots.decile_plot(results.trained.oos_predictions, results.candidate, outcome)
