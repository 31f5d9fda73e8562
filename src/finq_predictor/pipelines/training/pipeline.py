"""From a gold frame to candidates with honest out-of-sample predictions."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from finq_predictor.domain.market.markets import Market
from finq_predictor.pipelines.steps import step
from finq_predictor.pipelines.training.nodes import (
    fit_candidates,
    make_folds,
    measure_leak,
    search_hyperparameters,
    summarise_training,
    walk_forward,
)

GOLD = ["gold", "feature_set"]
PARAMS = "params:training"


def create_pipeline(market: Market) -> Pipeline:
    """Build the training pipeline; it is the same for every market.

    Args:
        market: The market it will run for; the registry adds its namespace.
    """
    return Pipeline(
        [
            step(make_folds, [*GOLD, PARAMS], "folds", market=market),
            step(
                search_hyperparameters,
                [*GOLD, "folds", PARAMS, "search_store", "code_version"],
                ["hyperparameters", "trials"],
                market=market,
            ),
            step(
                walk_forward,
                [*GOLD, "folds", "hyperparameters", PARAMS],
                ["oos_predictions", "sealed_predictions"],
                market=market,
            ),
            step(
                summarise_training,
                [*GOLD, "folds", "trials", "provenance", "code_version", PARAMS],
                "training_summary",
                market=market,
            ),
            step(fit_candidates, [*GOLD, "hyperparameters", "training_summary", PARAMS], "candidates", market=market),
            step(measure_leak, [*GOLD, PARAMS], "leak_meter", market=market),
        ],
    )
