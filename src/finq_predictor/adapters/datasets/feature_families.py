"""Some families of the features of a market as a table of their own, read out of gold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from finq_predictor.adapters.datasets.json_value import JsonValueDataset
from finq_predictor.adapters.datasets.read_only import ReadOnlyDataset
from finq_predictor.adapters.snapshots import writer
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import UnknownNameError

_FEATURE_SET = "finq_predictor.domain.features.FeatureSet"


class FeatureFamiliesDataset(ReadOnlyDataset[pd.DataFrame]):
    """Read-only dataset: bars with the features of some families.

    Gold holds them once; a copy for each family would have to be kept in step with it. Only the columns that are wanted
    are read, of the snapshot that the run began with, or outside of a run of the newest one.

    Args:
        root: Folder of the data.
        market: Name of the market.
        families: Which families, by the files that define them, such as ``["volatility"]``.
        metadata: For other tools, such as kedro-viz.

    Raises:
        UnknownNameError: If there is no such family; near misses are suggested.
    """

    refusal = "Families of features cannot be saved by themselves; they are columns of gold."

    def __init__(
        self, *, root: str, market: str, families: Sequence[str], metadata: dict[str, Any] | None = None
    ) -> None:
        from finq_predictor.domain.features import FAMILIES

        for family in families:
            if family not in FAMILIES:
                raise UnknownNameError("family of features", family, FAMILIES)
        self._root, self._market, self._families = Path(root), market, tuple(families)
        self.metadata = metadata

    def load(self) -> pd.DataFrame:
        """Read ``ts, instrument`` and the features (float32), in the order of gold.

        Raises:
            StoreError: If there is no gold yet; names the pipeline which makes it.
        """
        view = writer.view(self._root, self._market)
        path, described = view.path("gold"), view.path("feature_set")
        features = JsonValueDataset(value=_FEATURE_SET, filepath=described.as_posix()).load()
        names = [spec.name for spec in features.specs() if spec.family in self._families]
        return pd.read_parquet(path, columns=[TS, INSTRUMENT, *names])

    def _exists(self) -> bool:
        return writer.view(self._root, self._market).has("gold")

    def _describe(self) -> dict[str, Any]:
        return {"root": self._root.as_posix(), "market": self._market, "families": list(self._families)}
