"""All figures and rules, folded away."""

from __future__ import annotations

from dataclasses import dataclass

from finq_predictor.reports.evaluation.labels import FIRST_METRICS, MEASURES, METRICS, STRATEGIES, format_measure
from finq_predictor.reports.evaluation.reading import measures_of, metric_table
from finq_predictor.reports.evaluation.results import EvaluationResults, ReportMaterial
from finq_predictor.reports.tables import Table, plain_rows


@dataclass(frozen=True)
class Everything:
    """What is left when all questions are answered.

    Attributes:
        model: The candidate.
        metrics: Metrics of all models that are not shown above.
        portfolios: Strategy in words -> every measure of the candidate's paper portfolio.
        limits: Limits of the gate and rules of the backtest.
    """

    model: str
    metrics: Table
    portfolios: dict[str, Table]
    limits: Table


def build(material: ReportMaterial) -> Everything:
    """All other figures, and the rules under which all of them stand."""
    results, terms = material.results, material.results.terms
    measured = set(results.measures.metrics["metric"])
    rules = {**vars(terms.promotion), **vars(terms.backtest)}
    return Everything(
        model=results.candidate,
        metrics=metric_table(results, [name for name in METRICS if name in measured and name not in FIRST_METRICS]),
        portfolios=_portfolios(results),
        limits=Table(["Parameter", "Value"], plain_rows([[key, str(rules[key])] for key in sorted(rules)])),
    )


def _portfolios(results: EvaluationResults) -> dict[str, Table]:
    tables = {}
    for strategy, title in STRATEGIES.items():
        summary, chosen = results.measures.backtest_summary, results.candidate
        net, gross = (measures_of(summary, chosen, strategy, side) for side in ("net", "gross"))
        rows = [
            [MEASURES[key], format_measure(key, net[key]), format_measure(key, gross[key])]
            for key in MEASURES
            if key in net
        ]
        if rows:
            tables[title.lower()] = Table(["Measure", "After costs", "Before costs"], plain_rows(rows))
    return tables
