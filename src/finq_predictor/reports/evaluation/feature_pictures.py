"""Pictures of the features by name: for the report, a notebook and the folder of plots."""

from __future__ import annotations

from collections.abc import Callable

from finq_predictor.domain.evaluation.feature_validation.validating import Validation
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.registry import Registry
from finq_predictor.reports.evaluation.plots.features import clusters_plot, decay_plot, parts_plot, strength_plot
from finq_predictor.reports.figures import Figure

FEATURE_PICTURES: Registry[Callable[[Validation, Market], Figure]] = Registry("picture of the features")
"""Name -> what draws it. The pipeline saves each under its name."""


@FEATURE_PICTURES.register("feature_strength")
def _strength(found: Validation, market: Market) -> Figure:
    return strength_plot(found.features, market)


@FEATURE_PICTURES.register("feature_decay")
def _decay(found: Validation, market: Market) -> Figure:
    return decay_plot(found.features, market)


@FEATURE_PICTURES.register("feature_parts")
def _parts(found: Validation, market: Market) -> Figure:
    return parts_plot(found.features, found.stability, market)


@FEATURE_PICTURES.register("feature_clusters")
def _clusters(found: Validation, market: Market) -> Figure:  # noqa: ARG001 - one signature
    return clusters_plot(found.correlations)
