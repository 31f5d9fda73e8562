"""What a reader asks first: can it be used, and what are the figures?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from finq_predictor.domain.evaluation.skill import SKILLS
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.origin import ModelStatus
from finq_predictor.domain.promotion.decision import Verdict
from finq_predictor.domain.promotion.log import LogRecord
from finq_predictor.reports.evaluation.command import from_stored, reproducing_command
from finq_predictor.reports.evaluation.labels import SKILL_CARDS
from finq_predictor.reports.evaluation.reading import Estimate, estimate, measures_of
from finq_predictor.reports.evaluation.results import EvaluationResults, ReportMaterial
from finq_predictor.reports.style import Tone


@dataclass(frozen=True)
class Portfolio:
    """What the paper portfolio of the candidate would have earned; NaN where it is not defined.

    Attributes:
        earned: Return per year after costs, a fraction of capital.
        before_costs: The same before costs.
        sharpe: Annualised Sharpe ratio after costs.
        deflated: Probability that there is real skill behind it.
        fall: Largest fall from a high after costs, a fraction of capital.
        volatility: Per year after costs, a fraction of capital.
    """

    earned: float
    before_costs: float
    sharpe: float
    deflated: float
    fall: float
    volatility: float


@dataclass(frozen=True)
class Head:
    """The decision and the first figures.

    Attributes:
        market: Title of the market.
        question: What a prediction answers.
        as_of: Time of the last bar.
        promoted: Whether the candidate is promoted.
        provisional: Whether it answers as a provisional champion.
        champion: The model that answers now.
        champion_promoted: Whether that one passed every gate.
        tone: Of the verdict.
        reason: Why it was decided so.
        confidence: Coverage of the intervals.
        skill_name: What the promotion is judged by.
        skill: The same of the candidate.
        naive_skill: The same of the best naive rule.
        best_naive: The naive rule that is hardest to beat.
        auc: Of the candidate.
        error: Calibration error of the candidate.
        max_error: Largest calibration error that the gate lets pass.
        strategy: The strategy whose net result the gate looks at.
        portfolio: What it would have earned.
        command: Reproduces the figures.
        why_trained: Why its training was asked for; empty where nobody asked.
        waits: Whether the candidate waits for an approval.
        market_name: Name of the market, as commands take it.
        reproduce: Command that makes these figures again from what is stored; empty where nothing is.
        record: The decision as it was entered in the log; None where it was not.
    """

    market: str
    question: str
    as_of: str
    promoted: bool
    provisional: bool
    champion: ModelBundle
    champion_promoted: bool
    tone: Tone
    reason: str
    confidence: float
    skill_name: str
    skill: Estimate
    naive_skill: Estimate
    best_naive: str
    auc: Estimate
    error: Estimate
    max_error: float
    strategy: str
    portfolio: Portfolio
    command: str
    why_trained: str
    waits: bool
    market_name: str
    reproduce: str
    record: LogRecord | None


def build(material: ReportMaterial) -> Head:
    """The decision in a few words, and the figures that people ask for."""
    results, terms, promotion = material.results, material.results.terms, material.results.promotion
    metrics, name = results.measures.metrics, results.candidate
    promoted = material.champion.status is ModelStatus.PROMOTED
    metric = SKILLS[terms.promotion.skill].metric
    return Head(
        market=results.market.title,
        question=results.market.ask("an instrument", results.bundle.horizon),
        as_of=results.trained.provenance.last_ts,
        promoted=promotion.decision is Verdict.PROMOTE,
        provisional=promotion.decision is Verdict.PROVISIONAL,
        champion=material.champion,
        champion_promoted=promoted,
        tone=Tone.GOOD if promoted else Tone.WARN,
        reason=promotion.reason,
        confidence=terms.confidence,
        skill_name=SKILL_CARDS[metric],
        skill=estimate(metrics, name, metric),
        naive_skill=estimate(metrics, results.best_naive, metric),
        best_naive=results.best_naive,
        auc=estimate(metrics, name, "auc"),
        error=estimate(metrics, name, "ece"),
        max_error=terms.promotion.max_ece,
        strategy=terms.gate_strategy,
        portfolio=_portfolio(results),
        command=reproducing_command(results),
        why_trained=results.invocation.why_trained,
        waits=promotion.decision is Verdict.AWAIT,
        market_name=results.market.name,
        reproduce=from_stored(material.circumstances.snapshot, results.market.name),
        record=material.circumstances.record,
    )


def _portfolio(results: EvaluationResults) -> Portfolio:
    summary, strategy = results.measures.backtest_summary, results.terms.gate_strategy
    net, gross = (measures_of(summary, results.candidate, strategy, side) for side in ("net", "gross"))
    return Portfolio(
        earned=net.get("annualised_return", math.nan),
        before_costs=gross.get("annualised_return", math.nan),
        sharpe=net.get("sharpe", math.nan),
        deflated=net.get("deflated_sharpe", math.nan),
        fall=net.get("max_drawdown", math.nan),
        volatility=net.get("annualised_volatility", math.nan),
    )
