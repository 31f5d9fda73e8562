"""Is it just beta, and where did it come from?"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from finq_predictor.domain.evaluation.factors import ALPHA, SECTOR_OF
from finq_predictor.domain.evaluation.profit_parts import PartKind
from finq_predictor.reports.evaluation.results import EvaluationResults, ReportMaterial
from finq_predictor.reports.formatting import number, percent
from finq_predictor.reports.tables import Cell, Look, Row, Table, plain_rows


@dataclass(frozen=True)
class Attribution:
    """What the daily net result followed, and its parts.

    Attributes:
        model: What is decided about.
        days: Days that the regression rests on.
        factors: Alpha first; without rows where nothing was traded, or days are too few.
        years: By year; without rows if it never traded.
        sectors: By sector; without rows where none is known.
        sides: Bought, sold short, and the hedge.
        costs: By kind, those that were paid.
    """

    model: str
    days: int
    factors: Table
    years: Table
    sectors: Table
    sides: Table
    costs: Table


def build(material: ReportMaterial) -> Attribution:
    """The parts of the model that is decided about."""
    results = material.results
    found = results.worth.of("attribution", results.candidate, results.terms.gate_strategy)
    costs = [
        [row.part, percent(-row.net_return, 2)] for row in _parts(results, PartKind.COST).itertuples() if row.net_return
    ]
    return Attribution(
        model=results.candidate,
        days=int(found["days"].iloc[0]) if len(found) else 0,
        factors=_factors(found),
        years=_earned("Year", _parts(results, PartKind.YEAR)),
        sectors=_earned("Sector", _parts(results, PartKind.SECTOR)),
        sides=_earned("Side", _parts(results, PartKind.SIDE)),
        costs=Table(["Cost", "Paid, of capital"], plain_rows(costs)),
    )


def _parts(results: EvaluationResults, kind: PartKind) -> pd.DataFrame:
    rows = results.worth.of("parts", results.candidate, results.terms.gate_strategy)
    return rows[rows["dimension"] == kind.value]


def _earned(head: str, parts: pd.DataFrame) -> Table:
    rows = [
        [row.part, Cell(percent(row.net_return, sign=True), note=f"{percent(row.gross_return, sign=True)} before")]
        for row in parts.itertuples()
    ]
    return Table([head, "After costs"], plain_rows(rows))


def _factors(found: pd.DataFrame) -> Table:
    rows = []
    for row in found.itertuples():
        alpha = row.factor == ALPHA
        name = "alpha, a year" if alpha else str(row.factor).replace(SECTOR_OF, "sector: ")
        exposure = percent(row.exposure, sign=True) if alpha else number(row.exposure, 3, sign=True)
        cells = [name, exposure, number(row.t, sign=True), number(row.p_value, 3), percent(row.earned, 2, sign=True)]
        rows.append(Row(cells, Look.STRONG if alpha else Look.PLAIN))
    return Table(["Factor", "Exposure", "t", "p", "Earned per year"], rows)
