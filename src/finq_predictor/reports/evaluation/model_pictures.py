"""Pictures of what the models say: how soon it is old, where it holds, and what is gained by abstaining."""

from __future__ import annotations

from collections.abc import Callable

from finq_predictor.domain.registry import Registry
from finq_predictor.reports.evaluation.plots.abstention import abstention_plot
from finq_predictor.reports.evaluation.plots.features import decay_plot, parts_plot
from finq_predictor.reports.evaluation.results import EvaluationResults, ModelStudy
from finq_predictor.reports.figures import Figure

MODEL_PICTURES: Registry[Callable[[ModelStudy, EvaluationResults], Figure]] = Registry("picture of the models")
"""Name -> what draws it. The pipeline saves each under its name."""


@MODEL_PICTURES.register("model_decay")
def _decay(found: ModelStudy, results: EvaluationResults) -> Figure:
    return decay_plot(found.validation.features, results.market, "word")


@MODEL_PICTURES.register("model_parts")
def _parts(found: ModelStudy, results: EvaluationResults) -> Figure:
    return parts_plot(found.validation.features, found.validation.stability, results.market)


@MODEL_PICTURES.register("abstention")
def _abstention(found: ModelStudy, results: EvaluationResults) -> Figure:
    return abstention_plot(found.abstention, results.candidates)
