"""Models beside the one that predicts as a catalog dataset: saving registers them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kedro.io import AbstractDataset, DatasetError

from finq_predictor.adapters.secrets import masked
from finq_predictor.adapters.side_models import SideModel, SideModelRegistry


class SideModelsDataset(AbstractDataset[Sequence[SideModel], None]):
    """Registers models with how they were judged. Write only: what is in use lies among the reports.

    Args:
        market: Name of the market.
        tracking_uri: Of the MLflow store, absolute.
        artifact_root: Folder for the artifacts of a new experiment.
        metadata: Free to use, such as the layer for kedro-viz.
    """

    def __init__(
        self, *, market: str, tracking_uri: str, artifact_root: str, metadata: dict[str, Any] | None = None
    ) -> None:
        self.registry = SideModelRegistry(market, tracking_uri, artifact_root)
        self.metadata = metadata

    def save(self, data: Sequence[SideModel]) -> None:
        """Register each of them."""
        for model in data:
            self.registry.register(model)

    def load(self) -> None:
        """Refuse: a model and its verdict are datasets of their own."""
        raise DatasetError("Registered models beside the champion are write only; load their verdicts, or ask MLflow.")

    def _exists(self) -> bool:
        return False

    def _describe(self) -> dict[str, Any]:
        return masked({"market": self.registry.market, "tracking_uri": self.registry.tracker.tracking_uri})
