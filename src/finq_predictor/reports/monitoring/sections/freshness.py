"""Are the data fresh and valid?"""

from __future__ import annotations

from dataclasses import dataclass

from finq_predictor.reports.formatting import minute, number, short
from finq_predictor.reports.monitoring.results import MonitoringResults
from finq_predictor.reports.tables import Look, Row, Table

COLUMNS = (
    "Layer",
    "Written by",
    "Newest row, UTC",
    "Age, hours",
    "While open, hours",
    "Limit, hours",
    "Checks",
)


@dataclass(frozen=True)
class Freshness:
    """Age and validity of every layer.

    Attributes:
        layers: One row per layer; one that is stale or not valid is marked.
    """

    layers: Table


def build(results: MonitoringResults) -> Freshness:
    """How old every layer is, and whether it passes its checks."""
    rows = [
        Row(
            [
                layer.layer,
                layer.pipeline,
                minute(layer.latest),
                number(layer.hours, 1),
                number(layer.open_hours, 1),
                short(layer.limit_hours),
                layer.problem or "passed",
            ],
            Look.ALARM if layer.stale or not layer.valid else Look.PLAIN,
        )
        for layer in results.freshness.itertuples()
    ]
    return Freshness(Table(COLUMNS, rows, text_columns=(0, 1, 6)))
