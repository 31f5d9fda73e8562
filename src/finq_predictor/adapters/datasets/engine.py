"""Who computes gold, as the catalog tells it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finq_predictor.adapters.datasets.read_only import ReadOnlyDataset
from finq_predictor.adapters.layout import versions_of
from finq_predictor.domain.gold import Engine, InProcess


class EngineDataset(ReadOnlyDataset[Engine]):
    """Read-only dataset: who computes features and labels.

    Args:
        spark: Settings of Spark, see :class:`~finq_predictor.adapters.spark.session.SparkSettings`; without them this
            process computes.
        filepath: Place of gold as the layout has it; its parts are made beside its versions.
        metadata: For other tools, such as kedro-viz.
    """

    refusal = "Who computes is told by the catalog; remove it from the outputs of the node."

    def __init__(
        self,
        *,
        spark: Mapping[str, Any] | None = None,
        filepath: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._spark = None if spark is None else dict(spark)
        self._place = None if filepath is None else versions_of(Path(filepath))
        self.metadata = metadata

    def load(self) -> Engine:
        """The engine.

        Raises:
            ConfigurationError: If a setting of Spark does not exist or has an impossible value.
        """
        if self._spark is None:
            return InProcess()
        from finq_predictor.adapters.spark.engine import SparkEngine
        from finq_predictor.adapters.spark.session import settings_of

        return SparkEngine(settings_of(self._spark), self._place or Path())

    def _describe(self) -> dict[str, Any]:
        return {"engine": "this process" if self._spark is None else f"Spark on {self._spark.get('master')}"}
