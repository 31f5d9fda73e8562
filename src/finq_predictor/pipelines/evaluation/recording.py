"""What a decision is remembered by: the figures of both models, and what stands beside the results in the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from finq_predictor.adapters.datasets.running_costs import ToMeasure
from finq_predictor.domain.columns import TS
from finq_predictor.domain.evaluation.feature_validation.validating import Validation
from finq_predictor.domain.evaluation.metrics import accuracy, auc, brier, ece, log_loss
from finq_predictor.domain.evaluation.replay_record import ReplayRecord
from finq_predictor.domain.evaluation.survivorship import SurvivorshipBill
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.promotion.checks import mean_skill
from finq_predictor.domain.promotion.log import PromotionLog
from finq_predictor.pipelines.evaluation.champion import Followed, record_of
from finq_predictor.reports.evaluation.results import Circumstances, EvaluationResults, ModelStudy, RiskFindings

MEASURES = ("accuracy", "auc", "precision", "ece", "brier_skill", "log_loss", "rank_ic")
PORTFOLIO = ("sharpe", "deflated_sharpe", "max_drawdown", "turnover_per_day", "annualised_return")
NEEDED = ["label", "probability"]


def candidate_figures(results: EvaluationResults) -> dict[str, float]:
    """What was measured of the candidate that is decided about, net of costs by the strategy of the gate."""
    measures, name = results.measures, results.candidate
    metrics = measures.metrics[measures.metrics["model"] == name].set_index("metric")["value"]
    summary = measures.backtest_summary
    traded = summary[(summary["model"] == name) & (summary["strategy"] == results.terms.gate_strategy)]
    net = traded.set_index("measure")["net"]
    found = {measure: float(metrics[measure]) for measure in MEASURES if measure in metrics}
    return found | {measure: float(net[measure]) for measure in PORTFOLIO if measure in net}


def champion_figures(followed: Followed, results: EvaluationResults) -> dict[str, float]:
    """What is known of the champion: the skill that its test promised, and what became of it since."""
    market: Market = results.market
    record = record_of(followed, results.terms.promotion.skill, market)
    if record is None:
        return {}
    found = {
        "skill_promised": mean_skill(record.promised),
        "days_promised": float(record.promised.notna().sum()),
        "days_since": float(record.skill.notna().sum()),
    }
    since = followed.predictions.dropna(subset=NEEDED)
    if len(since):
        y, p = since["label"].to_numpy(float), since["probability"].to_numpy(float)
        found |= {
            "skill_since": mean_skill(record.skill),
            "accuracy_since": accuracy(y, p),
            "auc_since": auc(y, p),
            "brier_since": brier(y, p),
            "log_loss_since": log_loss(y, p),
            "ece_since": ece(y, p),
        }
    return found


def offer_to_measure(candidates: Mapping[str, ModelBundle], gold: pd.DataFrame) -> ToMeasure:
    """Put the candidates beside the last bar, on which it is measured how long they take."""
    return ToMeasure(candidates, gold[gold[TS] == gold[TS].max()])


@dataclass(frozen=True)
class Findings:
    """What was found about features, models and risk.

    Attributes:
        features: What each feature is worth alone.
        models: What the models say, beyond the mean of the whole test.
        risk: What may be lost.
    """

    features: Validation
    models: ModelStudy
    risk: RiskFindings


def gather_findings(
    validated_features: Validation, studied_models: ModelStudy, risk_findings: RiskFindings
) -> Findings:
    """Put what was found about features, models and risk side by side."""
    return Findings(validated_features, studied_models, risk_findings)


def gather_circumstances(
    predictions: pd.DataFrame,  # noqa: ARG001 - the snapshot that is named holds them, and the decision is entered
    survivorship: SurvivorshipBill,
    replay: ReplayRecord | None,
    snapshot: str,
    findings: Findings,
    entered: PromotionLog,
) -> Circumstances:
    """Put together what the report says beside the results, when all that it is about has been stored.

    Args:
        predictions: What the champion says about the last days.
        survivorship: Who is in the test.
        replay: What the last replay of the market's history found; None before the first.
        snapshot: Id of the newest snapshot.
        findings: What was found about features, models and risk.
        entered: The log of decisions with that of this run.
    """
    return Circumstances(
        survivorship, replay, snapshot, findings.features, findings.models, findings.risk, entered.last
    )
