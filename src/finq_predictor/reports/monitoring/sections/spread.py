"""How are they spread, then and now?"""

from __future__ import annotations

from dataclasses import dataclass

from finq_predictor.reports.figures import Image
from finq_predictor.reports.monitoring.plots import MOST_PANELS, spread_plot
from finq_predictor.reports.monitoring.results import MonitoringResults


@dataclass(frozen=True)
class Spread:
    """The distributions of the features that are most unusual.

    Attributes:
        shares: Picture: share of rows per training bin; None if none of them is a column of the current data.
    """

    shares: Image | None


def build(results: MonitoringResults) -> Spread:
    """In which direction features moved."""
    names = [name for name in results.features["name"].head(MOST_PANELS) if name in results.current]
    if not names:
        return Spread(None)
    return Spread(Image.of(spread_plot(names, results.champion.profile.features, results.current)))
