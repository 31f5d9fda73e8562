"""How risky is it?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from finq_predictor.reports.evaluation.labels import STRATEGIES
from finq_predictor.reports.evaluation.reading import measures_of
from finq_predictor.reports.evaluation.results import ReportMaterial
from finq_predictor.reports.evaluation.terms import EvaluationTerms
from finq_predictor.reports.formatting import moment, number, percent, short
from finq_predictor.reports.tables import Cell, Table, plain_rows, yes_no

FROM_DAYS = "from the days of the test"


@dataclass(frozen=True)
class Risk:
    """Losses to be ready for, and the targets of the user.

    Attributes:
        strategy: The one whose net result the gate looks at, in words.
        losses: Worst day, worst week, value at risk; without rows if it never traded.
        targets: What the user wishes, and what was found.
    """

    strategy: str
    losses: Table
    targets: Table


def build(material: ReportMaterial) -> Risk:
    """What was lost at worst, after costs."""
    results, terms = material.results, material.results.terms
    backtest = results.measures.backtest
    mine = backtest[(backtest["model"] == results.candidate) & (backtest["strategy"] == terms.gate_strategy)]
    daily = mine.set_index("ts")["net_return"]
    net = measures_of(results.measures.backtest_summary, results.candidate, terms.gate_strategy, "net")
    return Risk(
        strategy=STRATEGIES[terms.gate_strategy].lower(),
        losses=Table(["", "Value", "When"], plain_rows(_losses(daily, net)), text_columns=(0, 2)),
        targets=Table(["", "Target", "Found", "Met"], plain_rows(_targets(daily, net, terms)), text_columns=(0, 3)),
    )


def _losses(daily: pd.Series, net: Mapping[str, float]) -> list[list[str]]:
    if daily.empty:
        return []
    weekly, rare = daily.resample("W").sum(), daily.quantile(0.05)
    figures = [
        ("Worst day", daily.min(), moment(daily.idxmin())),
        ("Worst week", weekly.min(), f"week to {moment(weekly.idxmin())}"),
        ("Day that is worse only once in 20 (VaR 95 %)", rare, FROM_DAYS),
        ("Average of those days (CVaR 95 %)", daily[daily <= rare].mean(), FROM_DAYS),
    ]
    volatility = ["Volatility per year", percent(net["annualised_volatility"]), ""]
    return [*([name, percent(value, sign=True), when] for name, value, when in figures), volatility]


def _targets(daily: pd.Series, net: Mapping[str, float], terms: EvaluationTerms) -> list[list[Cell | str]]:
    sharpe, fall = net.get("sharpe", math.nan), net.get("max_drawdown", math.nan)
    last = float(daily.tail(terms.target_profit_days).sum())
    return [
        [
            "Sharpe ratio",
            f"more than {short(terms.target_sharpe)}",
            number(sharpe),
            yes_no(sharpe > terms.target_sharpe),
        ],
        [
            "Largest fall",
            f"less than {percent(terms.target_drawdown)}",
            percent(fall),
            yes_no(fall < terms.target_drawdown),
        ],
        [
            f"Profit of the last {terms.target_profit_days} days",
            "more than 0 %",
            percent(last, sign=True),
            yes_no(last > 0.0),
        ],
    ]
