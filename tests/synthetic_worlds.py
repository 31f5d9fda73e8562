"""Whole worlds, cheap enough for hundreds: from the simulator's bars to the decision, by the nodes of the pipelines.

A world is what a run is, with a short list of features, with logistic regression and few trees, and without a search.
The gate, its levels, the sealed window and the costs are those of the configuration. A small world has no news, as
writing them takes most of its time; a whole one has the size of a run and its news.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from finq_predictor.adapters.invocation import Invocation
from finq_predictor.adapters.sources.simulated import SimulatedSource
from finq_predictor.domain.evaluation.trial_ledger import TrialLedger
from finq_predictor.domain.ingestion.provenance import trace
from finq_predictor.domain.market.markets import Market, get_market
from finq_predictor.domain.modelling.origin import CodeVersion
from finq_predictor.domain.promotion.decision import Decision
from finq_predictor.domain.tables import LEAK_METER
from finq_predictor.pipelines.evaluation import nodes as evaluation
from finq_predictor.pipelines.evaluation.champion import follow_champion
from finq_predictor.pipelines.evaluation.measuring import compute_metrics
from finq_predictor.pipelines.evaluation.neutral import neutralise_outcomes
from finq_predictor.pipelines.evaluation.params import EvaluationParams
from finq_predictor.pipelines.evaluation.sealed import seal_window
from finq_predictor.pipelines.evaluation.trials import enter_trials, identify_rows
from finq_predictor.pipelines.evaluation.worth import trade_on_paper
from finq_predictor.pipelines.features.nodes import build_gold
from finq_predictor.pipelines.features.params import FeaturesParams
from finq_predictor.pipelines.training import nodes as training
from finq_predictor.pipelines.training.params import ModelConfig, TrainingParams
from finq_predictor.replay.stages import Stages
from synthetic_values import make_delivery

NOW = pd.Timestamp("2026-01-05 12:00", tz="UTC")
FAMILIES = ("momentum", "volatility")
TREES = {"n_estimators": 40, "learning_rate": 0.05, "max_depth": 3, "min_child_weight": 200, "max_bin": 64}
SMALL: Mapping[str, Mapping[str, Any]] = {
    "equity": {"instruments": 40, "years": 5, "articles_per_year": 0.0},
    "fx": {"years": 1.5, "articles_per_year": 0.0},
}
# The defaults of the simulator are the size of a run.
WHOLE: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Verdict:
    """What was decided about a world.

    Attributes:
        preset: Kind of market.
        market: Name of the market.
        seed: Of the world.
        decision: The decision.
    """

    preset: str
    market: str
    seed: int
    decision: Decision

    @property
    def promoted(self) -> bool:
        """Whether something was promoted."""
        return self.decision.decision == "promote"


class Laboratory:
    """Makes worlds of one market under the project's own parameters.

    Args:
        project: Root of the project.
        market: Name of the market.
        size: Options of the simulated market; None takes a small one without news.
    """

    def __init__(self, project: Path, market: str, size: Mapping[str, Any] | None = None) -> None:
        bootstrap_project(project)
        # A context makes the database of its data root: not one in the project, and not one for two laboratories.
        with (
            tempfile.TemporaryDirectory() as root,
            KedroSession.create(project, env="base", runtime_params={"data_root": root}) as session,
        ):
            params = session.load_context().params[market]
        self.market: Market = get_market(market)
        self.size = dict(SMALL[market] if size is None else size)
        self.stages = Stages(self.market, params["ingestion"], params["sentiment"])
        families = FAMILIES if self.size.get("articles_per_year") == 0 else (*FAMILIES, "news")
        self.features: FeaturesParams = params["features"].model_copy(update={"families": families})
        models = params["training"].models
        # All of the configured race, rules and priors as they are; what is fitted freely gets a size for small worlds.
        race = {name: config for name, config in models.items() if name not in ("logistic", "xgboost")}
        race |= {"logistic": ModelConfig(params={"C": 0.001, "clip": 4.0}), "xgboost": ModelConfig(params=TREES)}
        self.training: TrainingParams = params["training"].model_copy(update={"models": race, "threads": 1})
        self.evaluation: EvaluationParams = params["evaluation"].model_copy(update={"n_bootstrap": 100})

    def gold(self, preset: str, seed: int, signal: float = 1.0) -> tuple[dict[str, pd.DataFrame], Any, pd.DataFrame]:
        """Silver, the feature set and gold of a world."""
        options = {"preset": preset, "seed": seed, "signal": signal, **self.size}
        bronze = {
            table: SimulatedSource(self.market.name, table, **options).read() for table in self.market.source_tables
        }
        silver = self.stages.silver(bronze)
        feature_set, gold = build_gold(self.stages.panel(silver), self.features, market=self.market)
        return silver, feature_set, gold

    def judge(self, preset: str, seed: int, signal: float = 1.0) -> Verdict:
        """Make a world and decide about the models that were trained in it."""
        silver, feature_set, gold = self.gold(preset, seed, signal)
        market, params = self.market, self.evaluation
        provenance = trace(silver["bars"], [make_delivery(source=f"simulated:simulated-{preset}-{seed}")])
        given = (gold, feature_set)
        folds = training.make_folds(*given, self.training, market=market)
        chosen, trials = training.search_hyperparameters(*given, folds, self.training, market=market)
        oos, sealed = training.walk_forward(*given, folds, chosen, self.training, market=market)
        code = CodeVersion("0" * 64, None, {})
        summary = training.summarise_training(*given, folds, trials, provenance, code, self.training, market=market)
        candidates = training.fit_candidates(*given, chosen, summary, self.training, market=market)
        rows = identify_rows(oos, gold, folds, summary, NOW, Invocation())
        tried = enter_trials(rows, trials, summary, TrialLedger())
        reference = [silver[table] for table in market.reference_tables]
        neutral = neutralise_outcomes(gold, silver["bars"], summary, None, params, market=market)
        *measured, _ = compute_metrics(oos, neutral, summary, params, market=market)
        daily, measures, *_ = trade_on_paper(
            oos, silver["bars"], tried, rows, summary, params, *reference, market=market
        )
        trained = evaluation.gather_training(candidates, oos, folds, trials, LEAK_METER.empty(), provenance)
        decision, _ = evaluation.decide_promotion(
            trained,
            evaluation.gather_measures(*measured, daily, measures),
            follow_champion(None, gold, neutral, market=market),
            seal_window(sealed, gold, neutral, summary, tried, rows, market=market),
            None,
            params,
            market=market,
        )
        return Verdict(preset, market.name, seed, decision)
