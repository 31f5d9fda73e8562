"""What would it have earned after costs?"""

from __future__ import annotations

from dataclasses import dataclass

from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.reports.evaluation.labels import FIRST_MEASURES, STRATEGIES
from finq_predictor.reports.evaluation.reading import after_and_before, measures_of
from finq_predictor.reports.evaluation.results import EvaluationResults, ReportMaterial
from finq_predictor.reports.figures import Image
from finq_predictor.reports.tables import Look, Row, Table


@dataclass(frozen=True)
class Earnings:
    """The paper portfolios of all models.

    Attributes:
        rules: Positions and costs.
        held: How long a position is held, in words.
        n_trials: Trials of the search.
        n_candidates: Models that were tried.
        judged: Configurations that were ever judged on these days.
        masked_hours: Hours, UTC, in which the market is not traded.
        portfolios: One row per strategy and model that ever held a position.
        growth: Picture: sum of returns before and after costs.
    """

    rules: BacktestRules
    held: str
    n_trials: int
    n_candidates: int
    judged: int
    masked_hours: tuple[int, ...]
    portfolios: Table
    growth: Image


def build(material: ReportMaterial) -> Earnings:
    """How it was traded on paper, and what came of it."""
    results = material.results
    return Earnings(
        rules=results.terms.backtest,
        held=results.market.span(results.bundle.horizon),
        n_trials=len(results.trained.trials),
        n_candidates=len(results.candidates),
        judged=results.terms.judged,
        masked_hours=results.market.masked_hours_utc,
        portfolios=_portfolios(results),
        growth=material.pictures["pnl"],
    )


def _portfolios(results: EvaluationResults) -> Table:
    summary, chosen = results.measures.backtest_summary, results.candidate
    places = {chosen: 0, results.best_naive: 1}
    models = sorted(map(str, summary["model"].unique()), key=lambda model: (places.get(model, 2), model))
    rows = []
    for strategy, title in STRATEGIES.items():
        for model in models:
            net, gross = (measures_of(summary, model, strategy, side) for side in ("net", "gross"))
            if not net or net["days_with_position"] == 0:
                continue
            cells = [after_and_before(measure, net, gross) for measure in FIRST_MEASURES]
            rows.append(Row([title, model, *cells], Look.STRONG if model == chosen else Look.PLAIN))
    return Table(["Strategy", "Model", *FIRST_MEASURES.values()], rows, text_columns=(0, 1))
