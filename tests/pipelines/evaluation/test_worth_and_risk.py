"""Nodes that say what models are worth, what may be lost, and whether weights are better than equal ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.evaluation.paper_book import TradingTerms
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.portfolio.judging import PortfolioVerdict
from finq_predictor.pipelines.evaluation.params import EvaluationParams
from finq_predictor.pipelines.evaluation.portfolio import NOT_ASKED, PORTFOLIO_MODEL, judge_portfolio
from finq_predictor.pipelines.evaluation.risk import (
    RISK_MODEL,
    assess_risk,
    gather_risk,
    judge_volatility_model,
    prepare_side_models,
)
from finq_predictor.pipelines.evaluation.tracking import prepare_runs
from finq_predictor.pipelines.evaluation.worth import explain_profit
from synthetic_evaluation import decide, make_world, results_of, trade_all

EQUITY = get_market("equity")
PARAMS = EvaluationParams(n_bootstrap=100)


@pytest.fixture(scope="module")
def world():
    made = make_world(days=420, instruments=24)
    rng = np.random.default_rng(0)
    spread = 1.0 + 0.01 * rng.random(len(made["silver_bars"]))
    bars = made["silver_bars"].assign(
        high=made["silver_bars"]["close"] * spread, low=made["silver_bars"]["close"] / spread
    )
    return made | {"silver_bars": bars}


@pytest.fixture(scope="module")
def results(world):
    return results_of(world, PARAMS)


@pytest.fixture(scope="module")
def trading(world):
    return trade_all(world, PARAMS)


def test_every_candidate_is_tracked_with_what_it_is_worth(results):
    for run in prepare_runs(results, ()):
        assert {"worth.earned", "worth.alpha", "worth.alpha.t", "worth.overfitting"} <= set(run.metrics)
        earned = run.metrics[f"{results.terms.gate_strategy}.annualised_return.net"]
        assert run.metrics["worth.earned"] == pytest.approx(earned)


def test_what_may_be_lost_is_said_of_the_one_that_is_decided_about(world, results, trading):
    attribution, _ = explain_profit(trading.daily, trading.factors, world["training_summary"], market=EQUITY)
    terms = TradingTerms(results.terms.gate_strategy, PARAMS.backtest)
    tails, stress = assess_risk(trading.daily, trading.factors, attribution, results.promotion, terms)
    assert set(tails["portfolio"]) == set(stress["portfolio"]) == {results.candidate, "universe"}
    fall = stress.set_index(["portfolio", "scenario"])["lost"].xs("market falls by a tenth", level=1)
    assert fall["universe"] == pytest.approx(-0.1)
    mine = attribution[(attribution["model"] == results.candidate) & (attribution["strategy"] == terms.strategy)]
    beta = mine.set_index("factor").loc["benchmark", "exposure"]
    assert fall[results.candidate] == pytest.approx(-0.1 * beta)


def test_models_beside_the_one_that_predicts_are_registered_where_they_were_judged(world):
    verdict, told = judge_volatility_model(world["silver_bars"], market=EQUITY)
    assert verdict.model is not None
    assert len(told) == 24
    asked = PortfolioVerdict("m", "equal", promoted=False, reason=NOT_ASKED)
    (side,) = prepare_side_models(verdict, asked, world["provenance"])
    assert side.name == RISK_MODEL
    assert side.promoted == verdict.promoted
    assert side.tags["simulated"] == "true"
    found = gather_risk(pd.DataFrame(), pd.DataFrame(), verdict, told, asked)
    assert found.portfolio == asked


def test_portfolios_are_judged_where_that_is_asked_for(world, trading):
    pytest.importorskip("skfolio", reason="skfolio is not there; `make setup` installs it")
    from finq_predictor.pipelines.evaluation.measuring import compute_metrics
    from finq_predictor.pipelines.evaluation.nodes import gather_measures

    said = (world["oos_predictions"], world["neutral_outcomes"], world["training_summary"])
    *measured, _ = compute_metrics(*said, PARAMS, market=EQUITY)
    measures = gather_measures(*measured, *trading[:2])
    promotion, _ = decide(world, measures, PARAMS)
    given = (world["oos_predictions"], world["silver_bars"], trading.daily, promotion, world["training_summary"])
    assert judge_portfolio(*given, PARAMS, world["silver_benchmark"], market=EQUITY).reason == NOT_ASKED
    asked = PARAMS.model_validate(
        PARAMS.model_dump() | {"portfolio": {"enabled": True, "rules": {"every": 20, "lookback": 100, "held": 10}}}
    )
    verdict = judge_portfolio(*given, asked, world["silver_benchmark"], market=EQUITY)
    assert verdict.model == promotion.candidate
    assert len(verdict.results) == 4
    judged, _ = judge_volatility_model(world["silver_bars"].iloc[: 24 * 50], market=EQUITY)
    (side,) = prepare_side_models(judged, verdict, world["provenance"])
    assert side.name == PORTFOLIO_MODEL
    assert side.promoted == verdict.promoted
