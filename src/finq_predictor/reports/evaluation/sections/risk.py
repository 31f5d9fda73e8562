"""How risky is it?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from finq_predictor.domain.portfolio.judging import PortfolioVerdict
from finq_predictor.domain.risk.volatility import VolatilityVerdict
from finq_predictor.reports.evaluation.labels import STRATEGIES
from finq_predictor.reports.evaluation.reading import measures_of
from finq_predictor.reports.evaluation.results import ReportMaterial
from finq_predictor.reports.evaluation.terms import EvaluationTerms
from finq_predictor.reports.formatting import moment, number, percent, short
from finq_predictor.reports.style import Tone
from finq_predictor.reports.tables import Cell, Look, Row, Table, plain_rows, yes_no

FROM_DAYS = "from the days of the test"
RULES = {
    "historical": "Historical",
    "parametric": "Normal",
    "ewma": "Normal, recent days count most",
    "cornish_fisher": "Cornish and Fisher",
}
REFUSED = 0.05
SHOWN = 5


@dataclass(frozen=True)
class Risk:
    """Losses to be ready for, and the targets of the user.

    Attributes:
        strategy: The one whose net result the gate looks at, in words.
        losses: Worst day, worst week, value at risk; without rows if it never traded.
        targets: What the user wishes, and what was found.
        tails: Value at risk of tomorrow by every rule, and what the days said of it; without rows where days are few.
        stress: Scenarios, beside what all instruments alike would do; without rows where nothing was traded.
        verdict: Whether the model of volatility is better than its naive rule; None where it was not judged.
        restless: The instruments that are told to move most.
        portfolio: Whether optimised weights are better than equal ones; None where that was not asked.
        rules: What each rule of weights earned; without rows where they were not judged.
    """

    strategy: str
    losses: Table
    targets: Table
    tails: Table
    stress: Table
    verdict: VolatilityVerdict | None
    restless: Table
    portfolio: PortfolioVerdict | None
    rules: Table


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
        tails=_tails(material.circumstances.risk.tails),
        stress=_stress(material.circumstances.risk.stress, results.candidate),
        verdict=material.circumstances.risk.verdict,
        restless=_restless(material.circumstances.risk.volatility),
        portfolio=material.circumstances.risk.portfolio,
        rules=_rules(material.circumstances.risk.portfolio),
    )


def _tails(found: pd.DataFrame) -> Table:
    heads = ["Of", "Rule", "Level", "VaR", "CVaR", "Days beyond", "Right number", "Alone", "Both"]
    rows: list[list[Cell | str]] = [
        [
            str(row.portfolio),
            RULES.get(row.rule, str(row.rule)),
            percent(row.level, 0),
            percent(row.var, 2),
            percent(row.shortfall, 2),
            Cell(f"{row.exceeded} of {row.days}", note=f"{row.expected:.1f} expected"),
            *(_judged(value) for value in (row.kupiec_p, row.independence_p, row.joint_p)),
        ]
        for row in found.itertuples()
    ]
    return Table(heads, plain_rows(rows), text_columns=(0, 1))


def _judged(p_value: float) -> Cell:
    return Cell(number(p_value, 3), tone=Tone.BAD if p_value < REFUSED else Tone.PLAIN)


def _stress(found: pd.DataFrame, model: str) -> Table:
    mine, universe = (found[(found["portfolio"] == model) == own] for own in (True, False))
    beside = universe.set_index("scenario")["lost"].to_dict()
    rows = []
    for row in mine.itertuples():
        when = f"{row.begins} to {row.ends}" if row.begins else "laid down"
        alike = percent(beside.get(row.scenario, math.nan), sign=True)
        rows.append([str(row.scenario), percent(row.lost, sign=True), alike, when])
    return Table(["Scenario", "Return", "All instruments alike", "When"], plain_rows(rows), text_columns=(0, 3))


def _restless(volatility: pd.DataFrame) -> Table:
    most = volatility.sort_values("volatility", ascending=False, kind="stable").head(SHOWN)
    rows = [
        [str(row.instrument), *(percent(value, 2) for value in (row.volatility, row.model, row.naive))]
        for row in most.itertuples()
    ]
    return Table(["Instrument", "Told", "By the model", "By the naive rule"], plain_rows(rows))


def _rules(verdict: PortfolioVerdict | None) -> Table:
    heads = ["Weights", "Return per year", "Sharpe", "Largest fall", "Traded per day", "t, equal", "t, long-short"]
    rows = [
        Row(
            [
                one.rule.replace("_", " "),
                percent(_or_none(one.net_return), sign=True),
                number(_or_none(one.sharpe)),
                percent(_or_none(one.max_drawdown)),
                percent(one.turnover),
                number(_or_none(one.t_equal), sign=True),
                number(_or_none(one.t_quantile), sign=True),
            ],
            Look.STRONG if verdict is not None and one.rule == verdict.in_use else Look.PLAIN,
        )
        for one in (() if verdict is None else verdict.results)
    ]
    return Table(heads, rows)


def _or_none(value: float | None) -> float:
    return math.nan if value is None else value


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
