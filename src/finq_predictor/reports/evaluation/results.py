"""What an evaluation found, as pictures, tracking and the report read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import pandas as pd

from finq_predictor.adapters.invocation import Invocation
from finq_predictor.domain.evaluation.feature_validation.validating import Validation
from finq_predictor.domain.evaluation.replay_record import ReplayRecord
from finq_predictor.domain.evaluation.survivorship import SurvivorshipBill
from finq_predictor.domain.ingestion.provenance import Provenance
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.models.base import ModelKind
from finq_predictor.domain.portfolio.judging import PortfolioVerdict
from finq_predictor.domain.promotion.decision import Decision
from finq_predictor.domain.promotion.log import LogRecord
from finq_predictor.domain.promotion.running_cost import RunningCosts
from finq_predictor.domain.risk.volatility import VolatilityVerdict
from finq_predictor.domain.tables import (
    ABSTENTION,
    ATTRIBUTION,
    CAPACITY,
    MODEL_COMPARISONS,
    OVERFITTING,
    PROFIT_PARTS,
    REGIMES,
    STRESS,
    TAIL_RISK,
    VOLATILITY_FORECAST,
)
from finq_predictor.reports.evaluation.terms import EvaluationTerms
from finq_predictor.reports.figures import Image


@dataclass(frozen=True)
class TrainedModels:
    """The candidates, and all that was written down while they were trained.

    Attributes:
        candidates: Name -> fitted model.
        oos_predictions: Walk-forward predictions of naive baselines and candidates.
        folds: One row per fold: where training ends, and where testing begins.
        trials: One row per trial of the search; empty without a search.
        leak_meter: Accuracy and AUC per model under a leaking and an honest split; empty where it was not read.
        provenance: Where the data came from.
    """

    candidates: Mapping[str, ModelBundle]
    oos_predictions: pd.DataFrame
    folds: pd.DataFrame
    trials: pd.DataFrame
    leak_meter: pd.DataFrame
    provenance: Provenance


@dataclass(frozen=True)
class Measures:
    """How good every model was out of sample, and what it would have earned.

    Attributes:
        metrics: ``model``, ``kind``, ``metric``, ``value``, ``ci_low``, ``ci_high`` (NaN without interval), ``n_days``.
        metrics_by_fold: ``model``, ``fold``, ``metric``, ``value``.
        daily_skill: ``ts``: the day; one column per model.
        backtest: One row per day, model and strategy.
        backtest_summary: One row per measure, model and strategy.
        costs: What it takes to answer with each model.
    """

    metrics: pd.DataFrame
    metrics_by_fold: pd.DataFrame
    daily_skill: pd.DataFrame
    backtest: pd.DataFrame
    backtest_summary: pd.DataFrame
    costs: RunningCosts = field(default_factory=RunningCosts)


@dataclass(frozen=True)
class Worth:
    """Why each model earned what it did on paper, and how far that can be believed.

    Attributes:
        parts: One row per part of the profit, and per kind of cost.
        capacity: One row per capital; without rows where no volume is known, or no impact is charged.
        attribution: One row per factor.
        overfitting: One row per strategy.
    """

    parts: pd.DataFrame = field(default_factory=PROFIT_PARTS.empty)
    capacity: pd.DataFrame = field(default_factory=CAPACITY.empty)
    attribution: pd.DataFrame = field(default_factory=ATTRIBUTION.empty)
    overfitting: pd.DataFrame = field(default_factory=OVERFITTING.empty)

    def of(self, name: str, model: str, strategy: str) -> pd.DataFrame:
        """The rows of one table about one model under one strategy."""
        table: pd.DataFrame = getattr(self, name)
        return table[(table["model"] == model) & (table["strategy"] == strategy)]


@dataclass(frozen=True)
class EvaluationResults:
    """All that was found about the candidates of one market.

    Attributes:
        market: The market.
        trained: The candidates, and how they were trained.
        measures: How good they are.
        promotion: The decision with all its checks.
        terms: The rules and wishes under which the figures stand.
        invocation: How the run that found it was started.
        worth: Why each model earned what it did on paper.
    """

    market: Market
    trained: TrainedModels
    measures: Measures
    promotion: Decision
    terms: EvaluationTerms
    invocation: Invocation
    worth: Worth = field(default_factory=Worth)

    @property
    def candidate(self) -> str:
        """The model that is decided about."""
        return self.promotion.candidate

    @property
    def bundle(self) -> ModelBundle:
        """The model that is decided about, fitted."""
        return self.trained.candidates[self.candidate]

    @property
    def best_naive(self) -> str:
        """The naive rule that is hardest to beat."""
        return self.promotion.best_naive

    @property
    def candidates(self) -> list[str]:
        """The candidates that were tested, the one that is decided about first, the others by name."""
        kinds = self.trained.oos_predictions.drop_duplicates("model").set_index("model")["kind"]
        return sorted(kinds.index[kinds == ModelKind.CANDIDATE], key=lambda name: (name != self.candidate, name))


@dataclass(frozen=True)
class ModelStudy:
    """What the models say, looked at beyond the mean of the whole test.

    Attributes:
        validation: Measured as features are: over every horizon, by age, year and sector.
        regimes: One row per model and part of the test, see the table ``regimes``.
        abstention: One row per model and share of rows it answers to, see ``abstention``.
        comparisons: One row per pair of models, see ``model_comparisons``.
    """

    validation: Validation
    regimes: pd.DataFrame
    abstention: pd.DataFrame
    comparisons: pd.DataFrame

    @classmethod
    def empty(cls) -> Self:
        """Nothing was looked at."""
        return cls(Validation.empty(), REGIMES.empty(), ABSTENTION.empty(), MODEL_COMPARISONS.empty())


@dataclass(frozen=True)
class RiskFindings:
    """What may be lost, and how much instruments will move.

    Attributes:
        tails: One row per portfolio, rule and level.
        stress: One row per portfolio and scenario.
        verdict: Whether the model of volatility tells more than its naive rule; None where it was not judged.
        volatility: One row per instrument.
        portfolio: Whether optimised weights are better than equal ones; None where that was not asked.
    """

    tails: pd.DataFrame = field(default_factory=TAIL_RISK.empty)
    stress: pd.DataFrame = field(default_factory=STRESS.empty)
    verdict: VolatilityVerdict | None = None
    volatility: pd.DataFrame = field(default_factory=VOLATILITY_FORECAST.empty)
    portfolio: PortfolioVerdict | None = None


@dataclass(frozen=True)
class Circumstances:
    """What a reader wants to know beside the results.

    Attributes:
        survivorship: Who is in the test; None where it was not counted.
        replay: What the last replay of the market's history found; None before the first.
        snapshot: Id of the snapshot that holds what the report is about: data, models and predictions; empty where none
            was published.
        features: What each feature is worth alone; without rows where that was not asked for.
        models: What the models say, over every horizon and within parts; without rows likewise.
        risk: What may be lost.
        record: The decision as it was entered in the log; None where it was not.
    """

    survivorship: SurvivorshipBill | None = None
    replay: ReplayRecord | None = None
    snapshot: str = ""
    features: Validation = field(default_factory=Validation.empty)
    models: ModelStudy = field(default_factory=ModelStudy.empty)
    risk: RiskFindings = field(default_factory=RiskFindings)
    record: LogRecord | None = None


ALONE = Circumstances()
"""Nothing is known beside the results."""


@dataclass(frozen=True)
class ReportMaterial:
    """What the sections of the report are made from.

    Attributes:
        results: What was found.
        champion: The model that answers now, after the decision was carried out.
        pictures: Name, see ``reports.evaluation.pictures`` -> what the page shows.
        circumstances: What is known beside the results.
    """

    results: EvaluationResults
    champion: ModelBundle
    pictures: Mapping[str, Image]
    circumstances: Circumstances = ALONE
