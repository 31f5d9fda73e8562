"""Parameters of the evaluation pipeline."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.modelling.decisions import AbstentionRules
from finq_predictor.domain.promotion.decision import PromotionRules


class ScreeningParams(BaseModel):
    """Whether each feature is validated alone.

    Attributes:
        enabled: Whether it is done; it takes seconds for a hundred instruments, half a minute for five hundred.
        threads: Features that are measured side by side; results do not depend on it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    threads: Annotated[int, Field(ge=1)] = 2


class EvaluationParams(BaseModel):
    """How models are measured, traded on paper and judged.

    Attributes:
        n_bootstrap: Resamples behind each interval.
        confidence: Coverage of the intervals.
        rolling_days: Window of the rolling means in the plots.
        predict_bars: The champion scores the last so many bars.
        gate_strategy: The strategy whose net result the gate looks at; ``auto`` takes the ranking of the instruments
            where there are enough of them, and else each instrument for itself.
        extra_trials: Configurations judged on these days that the ledger does not know of, added to those it knows.
        open_final: Why the sealed window shall be opened for the best candidate even if it has failed before; written
            to the ledger, and each opening makes the next test stricter. Empty opens it for who has passed only.
        target_sharpe: The user's target, reported only.
        target_drawdown: The user's target, reported only.
        target_profit_days: The user's target is a profit over so many days, reported only.
        seed: Of the resampling.
        screening: Whether each feature is validated alone.
        abstention: When the champion's probability is shown but not acted upon.
        backtest: Positions and costs.
        promotion: Limits of the gate.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_bootstrap: Annotated[int, Field(ge=100)] = 1000
    confidence: Annotated[float, Field(gt=0.5, lt=1.0)] = 0.95
    rolling_days: Annotated[int, Field(ge=2)] = 63
    predict_bars: Annotated[int, Field(ge=1)] = 20
    gate_strategy: Annotated[str, Field(pattern="^(auto|quantile|threshold|edge)$")] = "auto"
    extra_trials: Annotated[int, Field(ge=0)] = 0
    open_final: str = ""
    target_sharpe: float = 1.0
    target_drawdown: float = 0.15
    target_profit_days: Annotated[int, Field(ge=1)] = 30
    seed: int = 0
    screening: ScreeningParams = ScreeningParams()
    abstention: AbstentionRules = AbstentionRules()
    backtest: BacktestRules = BacktestRules()
    promotion: PromotionRules = PromotionRules()
