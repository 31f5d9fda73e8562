"""How far did every feature drift?"""

from __future__ import annotations

from dataclasses import dataclass

from finq_predictor.domain.monitoring.drift import Evidence, Subject, measuring
from finq_predictor.domain.monitoring.drift.features import ADJUSTED, BEYOND, DISTANCE, USUAL
from finq_predictor.reports.formatting import number
from finq_predictor.reports.monitoring.results import MonitoringResults
from finq_predictor.reports.tables import Look, Row, Table


@dataclass(frozen=True)
class Drift:
    """Every statistic of every feature.

    Attributes:
        features: One row per feature, those that drifted first and marked.
    """

    features: Table


def build(results: MonitoringResults) -> Drift:
    """How far every feature is from training, by every test, and by what it drifted."""
    statistics = {test.name: test.title for test in measuring(Subject.FEATURE)}
    statistics |= {USUAL: f"Usual {DISTANCE.title}", BEYOND: "Level beyond extremes, sd"}
    statistics |= {ADJUSTED[evidence]: f"p of the {evidence}, adjusted" for evidence in Evidence}
    rows = [
        Row(
            [feature["name"], *(number(feature[statistic], 3) for statistic in statistics), feature["reason"]],
            Look.ALARM if feature["drifted"] else Look.PLAIN,
        )
        for feature in results.features.to_dict("records")
    ]
    columns = ["Feature", *statistics.values(), "Drifted by its"]
    return Drift(Table(columns, rows, text_columns=(0, len(columns) - 1)))
