"""What would I have earned, how sure is that, how much capital does it bear, is it just beta?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from finq_predictor.domain.evaluation.capacity import CapitalBorne
from finq_predictor.domain.evaluation.factors import SECTOR_OF, SIZE
from finq_predictor.domain.evaluation.net_worth import NetWorth
from finq_predictor.reports.evaluation.labels import STRATEGIES
from finq_predictor.reports.evaluation.reading import measures_of, net_worth
from finq_predictor.reports.evaluation.results import ReportMaterial


@dataclass(frozen=True)
class Answers:
    """The four questions.

    Attributes:
        model: What is decided about.
        strategy: How it was traded, in words.
        traded: Whether it ever held a position.
        worth: The figures.
        before_costs: Return a year before costs, a fraction of capital.
        sharpe: After costs; NaN where it is not defined.
        deflated: Probability that there is real skill behind it.
        judged: Configurations that were ever judged on these days.
        confidence: Coverage of the interval.
        capital: At which the figures stand.
        borne: What capital it bears, to two digits: the law is no more exact than that.
        sectors: Whether the market has factors of sectors.
        sized: Whether it has one of size.
    """

    model: str
    strategy: str
    traded: bool
    worth: NetWorth
    before_costs: float
    sharpe: float
    deflated: float
    judged: int
    confidence: float
    capital: float
    borne: CapitalBorne
    sectors: bool
    sized: bool


def build(material: ReportMaterial) -> Answers:
    """Read the answers out of the tables."""
    results, terms = material.results, material.results.terms
    summary, strategy, name = results.measures.backtest_summary, terms.gate_strategy, results.candidate
    net, gross = (measures_of(summary, name, strategy, side) for side in ("net", "gross"))
    worth = net_worth(results, name)
    factors = results.worth.of("attribution", name, strategy)["factor"].astype(str)
    return Answers(
        model=name,
        strategy=STRATEGIES[strategy].lower(),
        traded=net.get("days_with_position", 0.0) > 0.0,
        worth=worth,
        before_costs=gross.get("annualised_return", float("nan")),
        sharpe=net.get("sharpe", float("nan")),
        deflated=net.get("deflated_sharpe", float("nan")),
        judged=terms.judged,
        confidence=terms.confidence,
        capital=terms.backtest.capital,
        borne=_about(worth.capital),
        sectors=bool(factors.str.startswith(SECTOR_OF).any()),
        sized=bool((factors == SIZE).any()),
    )


def _about(borne: CapitalBorne) -> CapitalBorne:
    return CapitalBorne(*map(_two_digits, (borne.break_even, borne.most_profit, borne.measured)))


def _two_digits(value: float) -> float:
    return float(f"{value:.2g}") if math.isfinite(value) else value
