"""The rules and wishes under which the figures of an evaluation stand."""

from __future__ import annotations

from dataclasses import dataclass

from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.modelling.decisions import AbstentionRules
from finq_predictor.domain.promotion.decision import PromotionRules


@dataclass(frozen=True)
class EvaluationTerms:
    """What a reader must know to read the figures.

    Attributes:
        backtest: Positions and costs of the paper portfolios.
        abstention: When a probability is shown but not acted upon, and what prediction sets promise.
        promotion: Limits of the gate.
        confidence: Coverage of the intervals.
        gate_strategy: The strategy whose net result the gate looks at, a key of ``STRATEGIES``.
        rolling_days: Window of the rolling means in the pictures.
        judged: Configurations that were ever judged on these days, those of this run included.
        target_sharpe: The user's wish, reported only.
        target_drawdown: The user's wish, a fraction of capital, reported only.
        target_profit_days: The user wishes a profit over so many days, reported only.
        seed: Of the resampling.
    """

    backtest: BacktestRules
    abstention: AbstentionRules
    promotion: PromotionRules
    confidence: float
    gate_strategy: str
    rolling_days: int
    judged: int
    target_sharpe: float
    target_drawdown: float
    target_profit_days: int
    seed: int
