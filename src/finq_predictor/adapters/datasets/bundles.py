"""The Kedro dataset of trained candidates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from finq_predictor.adapters.bundle_store import load_bundle, save_bundle
from finq_predictor.domain.modelling.bundle import ModelBundle


class BundlesDataset(AbstractDataset[dict[str, ModelBundle], dict[str, ModelBundle]]):
    """Model bundles by name, one folder each.

    Args:
        filepath: Folder that holds the folders; new, or empty.
        metadata: For other tools, such as kedro-viz.
    """

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(filepath)
        self.metadata = metadata

    def load(self) -> dict[str, ModelBundle]:
        """Read every bundle, sorted by name."""
        return {folder.name: load_bundle(folder) for folder in self._folders()}

    def save(self, data: dict[str, ModelBundle]) -> None:
        """Write every bundle."""
        for name, bundle in data.items():
            save_bundle(bundle, self._folder / name)

    def _folders(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return sorted(entry for entry in self._folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))

    def _exists(self) -> bool:
        return bool(self._folders())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder)}
