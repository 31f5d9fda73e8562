"""Can the probabilities be trusted?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from finq_predictor.reports.evaluation.reading import estimate
from finq_predictor.reports.evaluation.results import ReportMaterial
from finq_predictor.reports.figures import Image
from finq_predictor.reports.formatting import number, percent, thousands
from finq_predictor.reports.tables import Cell, Row, Table


@dataclass(frozen=True)
class Calibration:
    """Whether probabilities can be taken at their word.

    Attributes:
        known: Whether both figures were measured.
        error: Mean distance of a stated probability from the observed frequency.
        gain: By how much the squared error is smaller than that of always quoting the base rate, as a fraction of it.
        curve: Picture: observed frequency against probability.
        calls: Picture: calls against outcomes.
        abstaining: One row per share of rows that it answers to; none where that was not looked at.
        curves: Picture: right answers against the share of rows answered; None where that was not looked at.
        parts_of_the_test: One row per year, state of the market and sector.
        promised: What the prediction sets promise.
    """

    known: bool
    error: float
    gain: float
    curve: Image
    calls: Image
    abstaining: Table
    curves: Image | None
    parts_of_the_test: Table
    promised: float


def build(material: ReportMaterial) -> Calibration:
    """How far stated probabilities are from what happened."""
    metrics, name = material.results.measures.metrics, material.results.candidate
    error, gain = (estimate(metrics, name, metric).value for metric in ("ece", "brier_skill"))
    return Calibration(
        known=math.isfinite(error) and math.isfinite(gain),
        error=error,
        gain=gain,
        curve=material.pictures["calibration"],
        calls=material.pictures["confusion"],
        abstaining=_abstaining(material.circumstances.models.abstention, name),
        curves=material.pictures.get("abstention"),
        parts_of_the_test=_parts(material.circumstances.models.regimes, name),
        promised=material.results.terms.abstention.coverage,
    )


def _abstaining(abstention: pd.DataFrame, name: str) -> Table:
    rows = [
        Row(
            [
                percent(line["answered"], 0),
                thousands(line["n_rows"]),
                number(line["confidence"], 3),
                Cell(percent(line["accuracy"]), note=f"{percent(line['ci_low'])} to {percent(line['ci_high'])}"),
                percent(line["stated"]),
            ]
        )
        for _, line in abstention[abstention["model"] == name].iterrows()
    ]
    return Table(["Answered", "Rows", "Least sure", "Right", "Said to be right"], rows)


def _parts(regimes: pd.DataFrame, name: str) -> Table:
    rows = [
        Row(
            [
                f"{line['kind']}: {line['part']}",
                thousands(line["n_rows"]),
                Cell(percent(line["accuracy"]), note=f"{percent(line['ci_low'])} to {percent(line['ci_high'])}"),
                number(line["rank_ic"], 4, sign=True),
                percent(line["set_coverage"]),
                percent(line["set_decided"]),
            ]
        )
        for _, line in regimes[regimes["model"] == name].iterrows()
    ]
    return Table(["Part", "Rows", "Right", "Rank IC", "Outcomes in the set", "Sets with one answer"], rows)
