"""How good is it, beside naive rules?"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.reports.evaluation.labels import FIRST_METRICS
from finq_predictor.reports.evaluation.reading import metric_table
from finq_predictor.reports.evaluation.results import ReportMaterial
from finq_predictor.reports.figures import Image
from finq_predictor.reports.tables import Table


@dataclass(frozen=True)
class Skill:
    """Metrics of all models side by side.

    Attributes:
        n_predictions: Out-of-sample predictions of the candidate.
        n_instruments: For so many instruments.
        first: Time of the first of them.
        last: Time of the last of them.
        confidence: Coverage of the intervals.
        metrics: One row per model.
        steadiness: Picture: rolling mean of the daily skill.
        deciles: Picture: what followed, by decile of the probability.
    """

    n_predictions: int
    n_instruments: int
    first: pd.Timestamp
    last: pd.Timestamp
    confidence: float
    metrics: Table
    steadiness: Image
    deciles: Image


def build(material: ReportMaterial) -> Skill:
    """What was predicted, and how good it was."""
    results = material.results
    oos = results.trained.oos_predictions
    mine = oos[oos["model"] == results.candidate]
    return Skill(
        n_predictions=len(mine),
        n_instruments=int(mine[INSTRUMENT].nunique()),
        first=mine[TS].min(),
        last=mine[TS].max(),
        confidence=results.terms.confidence,
        metrics=metric_table(results, FIRST_METRICS),
        steadiness=material.pictures["skill"],
        deciles=material.pictures["deciles"],
    )
