"""Parameters of the evaluation pipeline."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from finq_predictor.domain.evaluation.backtest import BacktestRules
from finq_predictor.domain.modelling.decisions import AbstentionRules
from finq_predictor.domain.promotion.decision import PromotionRules


class EvaluationParams(BaseModel):
    """How models are measured, traded on paper and judged.

    Attributes:
        n_bootstrap: Resamples behind each interval.
        confidence: Coverage of the intervals.
        block_days: Smallest mean block length in days; twice the label horizon, because its labels overlap.
        rolling_days: Window of the rolling means in the plots.
        predict_bars: The champion scores the last so many bars.
        gate_strategy: The strategy whose net result the gate looks at.
        extra_trials: Configurations tried outside this run, added to those of the search; they deflate the Sharpe
            ratio.
        target_sharpe: The user's target, reported only.
        target_drawdown: The user's target, reported only.
        target_profit_days: The user's target is a profit over so many days, reported only.
        seed: Of the resampling.
        abstention: When the champion's probability is shown but not acted upon.
        backtest: Positions and costs.
        promotion: Limits of the gate.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_bootstrap: Annotated[int, Field(ge=100)] = 1000
    confidence: Annotated[float, Field(gt=0.5, lt=1.0)] = 0.95
    block_days: Annotated[int, Field(ge=1)] = 10
    rolling_days: Annotated[int, Field(ge=2)] = 63
    predict_bars: Annotated[int, Field(ge=1)] = 20
    gate_strategy: Annotated[str, Field(pattern="^(quantile|threshold)$")] = "quantile"
    extra_trials: Annotated[int, Field(ge=0)] = 0
    target_sharpe: float = 1.0
    target_drawdown: float = 0.15
    target_profit_days: Annotated[int, Field(ge=1)] = 30
    seed: int = 0
    abstention: AbstentionRules = AbstentionRules()
    backtest: BacktestRules = BacktestRules()
    promotion: PromotionRules = PromotionRules()
