"""How much capital does it bear?"""

from __future__ import annotations

from dataclasses import dataclass

from finq_predictor.domain.evaluation.capacity import MEASURED_SHARE
from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.reports.evaluation.results import ReportMaterial
from finq_predictor.reports.figures import Image
from finq_predictor.reports.formatting import number, percent, thousands
from finq_predictor.reports.tables import Look, Row, Table


@dataclass(frozen=True)
class Capacity:
    """What is left by capital.

    Attributes:
        model: What is decided about.
        rules: The law of impact.
        by_capital: A row per capital, muted where the law is extrapolated; without rows where nothing is known.
        curve: Picture: Sharpe ratio after costs by capital, of every candidate.
    """

    model: str
    rules: BacktestRules
    by_capital: Table
    curve: Image


def build(material: ReportMaterial) -> Capacity:
    """The capacity of the model that is decided about, and of the others beside it."""
    results, terms = material.results, material.results.terms
    found = results.worth.of("capacity", results.candidate, terms.gate_strategy)
    rows = [
        Row(
            [
                thousands(row.capital),
                percent(row.net_return, sign=True),
                percent(row.impact, 2),
                number(row.net_sharpe),
                percent(row.large_trades, 2),
            ],
            Look.MUTED if row.large_trades > MEASURED_SHARE else Look.PLAIN,
        )
        for row in found.itertuples()
    ]
    heads = ["Capital", "Return per year", "Impact per year", "Sharpe", "19 of 20 trades below, of a bar's volume"]
    return Capacity(results.candidate, terms.backtest, Table(heads, rows, ()), material.pictures["capacity"])
