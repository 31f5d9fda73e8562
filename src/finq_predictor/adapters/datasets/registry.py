"""The model registry as catalog datasets: the champion, and the incumbent a candidate is compared with."""

from __future__ import annotations

from typing import Any

from kedro.io import AbstractDataset, DatasetError

from finq_predictor.adapters.champion_changes import settle
from finq_predictor.adapters.model_registry import ModelRegistry
from finq_predictor.adapters.registration import Registration
from finq_predictor.adapters.secrets import masked
from finq_predictor.adapters.snapshots.member import SnapshotMember
from finq_predictor.domain.errors import FinqError
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.promotion.decision import Incumbent


class ChampionDataset(SnapshotMember, AbstractDataset[Registration, ModelBundle]):
    """Saving carries a promotion decision out; loading gives the champion in use.

    Args:
        market: Name of the market.
        tracking_uri: Of the MLflow store, absolute.
        artifact_root: Folder for the artifacts of a new experiment.
        export_dir: Folder that receives the champion for serving.
        metadata: Free to use, such as the layer for kedro-viz.
    """

    def __init__(
        self,
        *,
        market: str,
        tracking_uri: str,
        artifact_root: str,
        export_dir: str,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self.registry = ModelRegistry(market, tracking_uri, artifact_root, export_dir)
        self.where = self.registry.exported
        self.metadata = metadata

    def save(self, data: Registration) -> None:
        """Register the candidate, or keep the champion, as the decision says."""
        self.registry.register(data)

    def load(self) -> ModelBundle:
        """The champion; an exported folder that disagrees with the registry is renewed."""
        try:
            return self.registry.load_champion()
        except FinqError as error:
            raise DatasetError(str(error)) from error

    def _exists(self) -> bool:
        return self.registry.champion() is not None

    def _describe(self) -> dict[str, Any]:
        return _described(self.registry)


class IncumbentDataset(AbstractDataset[None, Incumbent | None]):
    """The champion as evidence: its predictions, importance and status. None before the first registration. Read only.

    Args:
        market: Name of the market.
        tracking_uri: Of the MLflow store, absolute.
        artifact_root: Folder for the artifacts of a new experiment.
        export_dir: Folder that receives the champion for serving.
        metadata: Free to use, such as the layer for kedro-viz.
    """

    def __init__(
        self,
        *,
        market: str,
        tracking_uri: str,
        artifact_root: str,
        export_dir: str,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self.registry = ModelRegistry(market, tracking_uri, artifact_root, export_dir)
        self.metadata = metadata

    def save(self, data: None) -> None:  # noqa: ARG002 - the interface of a dataset
        """Refuse: an incumbent is made by saving the champion."""
        raise DatasetError("The incumbent is read only; save the champion dataset instead.")

    def load(self) -> Incumbent | None:
        """The incumbent, or None; what a killed process had entered in the log is carried out first."""
        settle(self.registry)
        return self.registry.load_incumbent()

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return _described(self.registry)


def _described(registry: ModelRegistry) -> dict[str, Any]:
    return masked({"model": registry.name, "tracking_uri": registry.tracking_uri, "root": str(registry.exported.root)})
