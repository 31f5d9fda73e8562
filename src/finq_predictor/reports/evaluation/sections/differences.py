"""Which of the models can be told apart?"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from finq_predictor.domain.evaluation.model_comparison import Verdict
from finq_predictor.domain.evaluation.skill import SKILLS
from finq_predictor.reports.evaluation.results import ReportMaterial
from finq_predictor.reports.formatting import number
from finq_predictor.reports.style import Tone
from finq_predictor.reports.tables import Cell, Look, Row, Table

TONES = {Verdict.BETTER.value: Tone.GOOD, Verdict.WORSE.value: Tone.BAD}


@dataclass(frozen=True)
class Differences:
    """The candidates beside the best naive rule and beside each other.

    Attributes:
        measure: What is compared, in words.
        best_naive: The naive rule that is hardest to beat.
        days: Days that the comparisons rest on.
        confidence: Coverage of the intervals.
        best_of_all: Chance of the lead of the best candidate if none leads; None where it was not tested.
        superior: Candidates that lead the best naive rule when all are tested at once.
        beside_naive: One row per candidate.
        told_apart: Pairs of candidates that can be told apart.
        pairs: Pairs of candidates there are.
        beside_each_other: One row per pair that can be told apart.
    """

    measure: str
    best_naive: str
    days: int
    confidence: float
    best_of_all: float | None
    superior: tuple[str, ...]
    beside_naive: Table
    told_apart: int
    pairs: int
    beside_each_other: Table


def build(material: ReportMaterial) -> Differences:
    """Every candidate beside the best naive rule, and the pairs of candidates that differ."""
    results = material.results
    found, measure = material.circumstances.models.comparisons, SKILLS[results.terms.promotion.skill]
    naive = found[found["best_of_all_p"].notna() | found["superior"].notna()]
    against = str(naive["against"].iloc[0]) if len(naive) else results.best_naive
    beside = found[(found["against"] == against) & found["model"].isin(results.candidates)]
    # A pair stands twice in the table, once with either sign.
    between = found[
        found["model"].isin(results.candidates)
        & found["against"].isin(results.candidates)
        & (found["model"] < found["against"])
    ]
    apart = between[between["verdict"] != Verdict.UNKNOWN.value]
    chance = beside["best_of_all_p"].dropna()
    return Differences(
        measure=measure.phrase,
        best_naive=against,
        days=int(beside["n_days"].max()) if len(beside) else 0,
        confidence=results.terms.confidence,
        best_of_all=float(chance.iloc[0]) if len(chance) else None,
        superior=tuple(sorted(beside.loc[beside["superior"].fillna(value=False).astype(bool), "model"])),
        beside_naive=_table(beside, results.candidates, measure.digits, results.candidate),
        told_apart=len(apart),
        pairs=len(between),
        beside_each_other=_table(apart, results.candidates, measure.digits, ""),
    )


def _table(found: pd.DataFrame, order: list[str], digits: int, chosen: str) -> Table:
    """One row per pair, in the order of the candidates; ``chosen`` stands out, without one both names are told."""
    rows = []
    for line in found.sort_values("model", key=lambda names: names.map(order.index)).to_dict("records"):
        low, high = (number(line[end], digits, sign=True) for end in ("ci_low", "ci_high"))
        cells = [
            line["model"] if chosen else f"{line['model']} against {line['against']}",
            Cell(number(line["difference"], digits, sign=True), note=f"{low} to {high}"),
            number(line["p_value"], 3),
            number(line["detectable"], digits),
            Cell(line["verdict"], tone=TONES.get(line["verdict"], Tone.PLAIN)),
        ]
        rows.append(Row(cells, Look.STRONG if line["model"] == chosen else Look.PLAIN))
    heading = "Candidate" if chosen else "Pair"
    columns = [heading, "Difference", "Chance if none", "Would show", "What is known"]
    return Table(columns, rows, text_columns=(0, 4))
