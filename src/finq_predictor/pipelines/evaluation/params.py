"""Parameters of the evaluation pipeline."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from finq_predictor.domain.evaluation.exposures import KNOWN_EXPOSURES, NEUTRAL_RETURN, ExposureRules
from finq_predictor.domain.evaluation.skill import SKILLS
from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.modelling.decisions import AbstentionRules
from finq_predictor.domain.portfolio.rules import PortfolioRules
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


class PortfolioParams(BaseModel):
    """Whether portfolios are optimised and judged.

    Attributes:
        enabled: Whether it is done; it needs skfolio, and a rebalance of thirty instruments takes .07 seconds.
        rules: Limits and habits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = False
    rules: PortfolioRules = PortfolioRules()


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
        neutral: What many instruments share, and is taken out of what happened before a score is held against it.
        portfolio: Whether portfolios are optimised and judged.
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
    neutral: ExposureRules = ExposureRules()
    portfolio: PortfolioParams = PortfolioParams()
    abstention: AbstentionRules = AbstentionRules()
    backtest: BacktestRules = BacktestRules()
    promotion: PromotionRules = PromotionRules()

    @model_validator(mode="after")
    def _measures_what_there_is(self) -> Self:
        if NEUTRAL_RETURN in SKILLS[self.promotion.skill].reads and not self.neutral.exposures:
            raise ValueError(
                f"promotion.skill is {self.promotion.skill}, but neutral.exposures names nothing to take out; name "
                f"some of {', '.join(KNOWN_EXPOSURES)}, or choose rank_ic"
            )
        return self
