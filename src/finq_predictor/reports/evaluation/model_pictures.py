"""Pictures of what the models say, each taken for a feature: how soon it is old, and where it holds."""

from __future__ import annotations

from collections.abc import Callable

from finq_predictor.domain.evaluation.feature_validation.validating import Validation
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.registry import Registry
from finq_predictor.reports.evaluation.plots.features import decay_plot, parts_plot
from finq_predictor.reports.figures import Figure

MODEL_PICTURES: Registry[Callable[[Validation, Market], Figure]] = Registry("picture of the models")
"""Name -> what draws it. The pipeline saves each under its name."""


@MODEL_PICTURES.register("model_decay")
def _decay(found: Validation, market: Market) -> Figure:
    return decay_plot(found.features, market, "word")


@MODEL_PICTURES.register("model_parts")
def _parts(found: Validation, market: Market) -> Figure:
    return parts_plot(found.features, found.stability, market)
