"""How far did every feature drift?"""

from __future__ import annotations

from dataclasses import dataclass

from finq_predictor.domain.monitoring.drift import Subject, measuring
from finq_predictor.domain.monitoring.drift.features import DISTANCE, USUAL
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
    """How far every feature is from training, by every test."""
    statistics = {test.name: test.title for test in measuring(Subject.FEATURE)}
    statistics |= {USUAL: f"Usual {DISTANCE.title}", "p_adjusted": "p, adjusted"}
    rows = [
        Row(
            [feature["name"], *(number(feature[statistic], 3) for statistic in statistics)],
            Look.ALARM if feature["drifted"] else Look.PLAIN,
        )
        for feature in results.features.to_dict("records")
    ]
    return Drift(Table(["Feature", *statistics.values()], rows))
