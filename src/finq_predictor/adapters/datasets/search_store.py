"""Where searches are kept, as the catalog tells it."""

from __future__ import annotations

from typing import Any

from finq_predictor.adapters.datasets.read_only import ReadOnlyDataset
from finq_predictor.adapters.search_store import SearchStore


class SearchStoreDataset(ReadOnlyDataset[SearchStore]):
    """Read-only dataset: where the trials of searches are kept.

    Args:
        root: Folder of the data, below which the journals lie.
        market: Name of the market.
        metadata: For other tools, such as kedro-viz.
    """

    refusal = "A search writes down its trials itself; remove the store from the outputs of the node."

    def __init__(self, root: str, market: str, metadata: dict[str, Any] | None = None) -> None:
        self._root, self._market = root, market
        self.metadata = metadata

    def load(self) -> SearchStore:
        """The store."""
        return SearchStore.below(self._root, self._market)

    def _describe(self) -> dict[str, Any]:
        return {"root": self._root, "market": self._market}
