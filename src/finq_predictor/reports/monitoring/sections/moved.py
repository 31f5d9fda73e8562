"""Which features moved most, for a window of this length?"""

from __future__ import annotations

from dataclasses import dataclass

from finq_predictor.domain.monitoring.drift.features import DISTANCE
from finq_predictor.reports.figures import Image
from finq_predictor.reports.monitoring.plots import moved_plot
from finq_predictor.reports.monitoring.results import MonitoringResults


@dataclass(frozen=True)
class Moved:
    """The features that are most unusual.

    Attributes:
        measure: How the distance is measured, in words.
        distances: Picture: how far they are from training, and how far windows of this length usually are.
    """

    measure: str
    distances: Image


def build(results: MonitoringResults) -> Moved:
    """How far features are from training."""
    return Moved(DISTANCE.meaning, Image.of(moved_plot(results.features)))
