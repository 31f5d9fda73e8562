"""What may be lost, and how much instruments will move."""

from __future__ import annotations

import pandas as pd

from finq_predictor.adapters.side_models import SideModel
from finq_predictor.domain.columns import TS
from finq_predictor.domain.evaluation.factors import ALPHA, BENCHMARK, UNIVERSE
from finq_predictor.domain.evaluation.paper_book import TradingTerms
from finq_predictor.domain.ingestion.provenance import Provenance
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.portfolio.judging import PortfolioVerdict
from finq_predictor.domain.promotion.decision import Decision
from finq_predictor.domain.risk.assessment import assess_stress, assess_tails
from finq_predictor.domain.risk.volatility import VolatilityVerdict, daily_variance, forecast_newest, judge_volatility
from finq_predictor.pipelines.evaluation.portfolio import PORTFOLIO_MODEL
from finq_predictor.reports.evaluation.results import RiskFindings

RISK_MODEL = "risk-assessment"


def assess_risk(
    backtest: pd.DataFrame,
    factor_returns: pd.DataFrame,
    attribution: pd.DataFrame,
    promotion: Decision,
    trading_terms: TradingTerms,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Say what may be lost with the model that is decided about, beside what all instruments alike may lose.

    Returns:
        ``tail_risk``, one row per rule and level; ``stress``, one row per scenario.
    """
    model, strategy = promotion.candidate, trading_terms.strategy
    mine = backtest[(backtest["model"] == model) & (backtest["strategy"] == strategy)].set_index(TS)
    factors = factor_returns.set_index(TS).reindex(mine.index).fillna(0.0)
    portfolios = {model: mine["net_return"], UNIVERSE: factors[UNIVERSE]}
    market = factors[BENCHMARK] if BENCHMARK in factors else factors[UNIVERSE]
    followed = attribution[(attribution["model"] == model) & (attribution["strategy"] == strategy)]
    followed = followed[followed["factor"] != ALPHA]["exposure"]
    betas = {model: float(followed.iloc[0]) if len(followed) else float("nan"), UNIVERSE: 1.0}
    exposures = {model: float(mine["exposure"].mean()), UNIVERSE: 1.0}
    return assess_tails(portfolios), assess_stress(portfolios, market, betas, exposures)


def judge_volatility_model(silver_bars: pd.DataFrame, *, market: Market) -> tuple[VolatilityVerdict, pd.DataFrame]:
    """Judge the model of volatility beside its naive rule, and say how much instruments will move.

    Returns:
        The verdict, and ``volatility_forecast``, one row per instrument.
    """
    variance = daily_variance(silver_bars, market)
    verdict = judge_volatility(variance)
    return verdict, forecast_newest(variance, verdict)


def gather_risk(
    tail_risk: pd.DataFrame,
    stress: pd.DataFrame,
    volatility_verdict: VolatilityVerdict,
    volatility_forecast: pd.DataFrame,
    portfolio_verdict: PortfolioVerdict,
) -> RiskFindings:
    """Put side by side what was found about risk and portfolios."""
    return RiskFindings(tail_risk, stress, volatility_verdict, volatility_forecast, portfolio_verdict)


def prepare_side_models(
    volatility_verdict: VolatilityVerdict, portfolio_verdict: PortfolioVerdict, provenance: Provenance
) -> list[SideModel]:
    """Put together what the registry needs about the models beside the one that predicts, where they were judged."""
    tags = {"source": provenance.source, "simulated": str(provenance.simulated).lower()}
    found = []
    if (model := volatility_verdict.model) is not None:
        asked = "How much will an instrument move on the next day?"
        judged = (volatility_verdict.figures, volatility_verdict.promoted, volatility_verdict.reason)
        found.append(SideModel(RISK_MODEL, asked, model, *judged, params=model.__dict__, tags=tags))
    if portfolio_verdict.results:
        asked = "Which weights earn more after costs than equal ones?"
        judged = (portfolio_verdict.figures, portfolio_verdict.promoted, portfolio_verdict.reason)
        told = {"rule": portfolio_verdict.rule, "model": portfolio_verdict.model, **portfolio_verdict.limits.__dict__}
        found.append(SideModel(PORTFOLIO_MODEL, asked, portfolio_verdict, *judged, params=told, tags=tags))
    return found
