"""The pipelines by name: one per stage, one per market, what a market does together, and all of it.

Every node is ``<stage>.<market>.<node>``, every dataset ``<market>.<dataset>``, so that
``--pipelines=ingestion``, ``--pipelines=equity`` and ``--namespaces=features.equity`` all mean what they say.
"""

from __future__ import annotations

from collections.abc import Callable

from kedro.pipeline import Pipeline

from finq_predictor.domain.market.markets import MARKETS, Market
from finq_predictor.domain.scheduling.intents import INTENTS, PREDICTIONS, SCREENING
from finq_predictor.pipelines.evaluation.pipeline import create_pipeline as evaluation
from finq_predictor.pipelines.evaluation.pipeline import create_predictions, create_screening
from finq_predictor.pipelines.features.pipeline import create_pipeline as features
from finq_predictor.pipelines.ingestion.pipeline import create_pipeline as ingestion
from finq_predictor.pipelines.monitoring.pipeline import create_pipeline as monitoring
from finq_predictor.pipelines.sentiment.pipeline import create_pipeline as sentiment
from finq_predictor.pipelines.training.pipeline import create_pipeline as training

STAGES: dict[str, Callable[[Market], Pipeline]] = {
    "ingestion": ingestion,
    "sentiment": sentiment,
    "features": features,
    "training": training,
    "evaluation": evaluation,
    "monitoring": monitoring,
}


def register_pipelines() -> dict[str, Pipeline]:
    """Wire every stage for every market.

    Returns:
        Pipelines by the name that ``kedro run --pipelines`` takes.
    """
    cells = {(stage, market): _cell(stage, market) for stage in STAGES for market in MARKETS}
    by_stage = {stage: sum((cells[stage, market] for market in MARKETS), Pipeline([])) for stage in STAGES}
    by_market = {market: sum((cells[stage, market] for stage in STAGES), Pipeline([])) for market in MARKETS}
    by_intent = {
        f"{market}_{intent}": sum((cells[stage, market] for stage in stages), Pipeline([]))
        for intent, stages in INTENTS.items()
        for market in MARKETS
    }
    # Of what a market's pipeline does, too, the part that is due every morning; beside it, what is said is recorded.
    scheduled = {f"{market}_{PREDICTIONS}": _named(create_predictions, "evaluation", market) for market in MARKETS}
    # Of the same stage, what is worth a look before anything is trained anew.
    screening = {f"{market}_{SCREENING}": _named(create_screening, "evaluation", market) for market in MARKETS}
    return {
        **by_stage,
        **by_market,
        **by_intent,
        **scheduled,
        **screening,
        "__default__": sum(cells.values(), Pipeline([])),
    }


def _cell(stage: str, market: str) -> Pipeline:
    """One stage of one market."""
    return _named(STAGES[stage], stage, market)


def _named(create: Callable[[Market], Pipeline], stage: str, market: str) -> Pipeline:
    """A pipeline of one market: the market prefixes data and parameters, the stage only names nodes."""
    inner = Pipeline(create(MARKETS[market]), namespace=market)
    return Pipeline(inner, namespace=stage, prefix_datasets_with_namespace=False)
