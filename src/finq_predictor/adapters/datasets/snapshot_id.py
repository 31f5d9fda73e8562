"""Which snapshot is the newest, for what is written about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from finq_predictor.adapters.datasets.read_only import ReadOnlyDataset
from finq_predictor.adapters.snapshots.store import SnapshotStore


class SnapshotIdDataset(ReadOnlyDataset[str]):
    """Read-only dataset: the id of the snapshot of a market that was published last; empty before the first.

    Args:
        root: Folder of the data.
        market: Name of the market.
        metadata: For other tools, such as kedro-viz.
    """

    refusal = "The id of a snapshot cannot be saved; it follows from what is stored."

    def __init__(self, *, root: str, market: str, metadata: dict[str, Any] | None = None) -> None:
        self._store = SnapshotStore(Path(root), market)
        self.metadata = metadata

    def load(self) -> str:
        """Read the pointer."""
        newest = self._store.newest()
        return newest.id if newest.manifest.entries else ""

    def _describe(self) -> dict[str, Any]:
        return {"root": self._store.root.as_posix(), "market": self._store.market}
