"""What time it is, for the stages that measure age."""

from __future__ import annotations

from typing import Any

import pandas as pd

from finq_predictor.adapters.datasets.read_only import ReadOnlyDataset


class ClockDataset(ReadOnlyDataset[pd.Timestamp]):
    """Read-only dataset: the moment of the run, UTC.

    Nodes are pure, and time comes to them like any other input; two runs that must agree give ``as_of`` instead.

    Args:
        metadata: For other tools, such as kedro-viz.
    """

    refusal = "The clock cannot be set; measure at another time with `monitoring.as_of`."

    def __init__(self, metadata: dict[str, Any] | None = None) -> None:
        self.metadata = metadata

    def load(self) -> pd.Timestamp:
        """Look at the clock."""
        return pd.Timestamp.now("UTC").as_unit("us")

    def _describe(self) -> dict[str, Any]:
        return {}
