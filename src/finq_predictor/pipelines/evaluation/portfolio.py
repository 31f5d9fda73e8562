"""Whether weights that are optimised earn more after costs than equal ones."""

from __future__ import annotations

import pandas as pd

from finq_predictor.domain.columns import TS
from finq_predictor.domain.evaluation.positions import QUANTILE
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.origin import TrainingSummary
from finq_predictor.domain.portfolio.judging import PortfolioVerdict, judge_portfolios
from finq_predictor.domain.portfolio.optimisers import EQUAL
from finq_predictor.domain.promotion.decision import Decision
from finq_predictor.pipelines.evaluation.params import EvaluationParams

PORTFOLIO_MODEL = "portfolio-optimizer"
NOT_ASKED = "it was not judged; set evaluation.portfolio.enabled to true and run the evaluation"


def judge_portfolio(
    oos_predictions: pd.DataFrame,
    silver_bars: pd.DataFrame,
    backtest: pd.DataFrame,
    promotion: Decision,
    training_summary: TrainingSummary,
    params: EvaluationParams,
    silver_benchmark: pd.DataFrame | None = None,
    *,
    market: Market,
) -> PortfolioVerdict:
    """Weigh the predictions of the model that is decided about, and judge every rule beside equal weights."""
    model, limits = promotion.candidate, params.portfolio.rules
    if not params.portfolio.enabled:
        return PortfolioVerdict(model, EQUAL, promoted=False, reason=NOT_ASKED, limits=limits)
    ranked = backtest[(backtest["model"] == model) & (backtest["strategy"] == QUANTILE)]
    return judge_portfolios(
        oos_predictions[oos_predictions["model"] == model],
        silver_bars,
        market,
        training_summary.horizon,
        params.backtest,
        limits,
        ranked.set_index(TS)["net_return"],
        silver_benchmark,
    )
