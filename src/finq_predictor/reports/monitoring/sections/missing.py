"""Are values missing?"""

from __future__ import annotations

from dataclasses import dataclass

from finq_predictor.reports.formatting import percent
from finq_predictor.reports.monitoring.results import MonitoringResults
from finq_predictor.reports.tables import Look, Row, Table

MOST_ROWS = 20


@dataclass(frozen=True)
class Missing:
    """The features with the most missing values.

    Attributes:
        features: One row per feature, those that alarm first and marked.
        n_features: Features that were looked at.
    """

    features: Table
    n_features: int


def build(results: MonitoringResults) -> Missing:
    """How much is missing now, and how much was missing in training."""
    rates = results.missing_rates.sort_values(["alert", "missing_ratio"], ascending=False, kind="stable")
    rows = [
        Row(
            [rate.feature, percent(rate.missing_ratio), percent(rate.reference_ratio)],
            Look.ALARM if rate.alert else Look.PLAIN,
        )
        for rate in rates.head(MOST_ROWS).itertuples()
    ]
    return Missing(Table(["Feature", "Missing now", "In training"], rows), len(rates))
