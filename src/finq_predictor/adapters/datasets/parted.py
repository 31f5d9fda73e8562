"""A table in parts, in a folder of Parquet files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset

from finq_predictor.adapters.parted_table import PartedTable, part_file, write_part


class PartedDataset(AbstractDataset[Any, pd.DataFrame]):
    """A folder of Parquet files, saved from a table in parts and read as one frame.

    Whatever reads a Parquet file of this name reads the folder just so: pandas, Arrow, DuckDB, Polars, Spark.

    Args:
        filepath: The folder.
        metadata: For other tools, such as kedro-viz.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(filepath)
        self.metadata = metadata

    def load(self) -> pd.DataFrame:
        """All parts, in the order of time."""
        return pd.read_parquet(self._folder)

    def save(self, data: PartedTable | pd.DataFrame) -> None:
        """Move the parts here; a frame becomes one part."""
        if isinstance(data, pd.DataFrame):
            self._folder.mkdir()
            write_part(part_file(self._folder, 0), data)
            return
        data.move_to(self._folder)
        shutil.rmtree(data.folder)

    def _exists(self) -> bool:
        return self._folder.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._folder.as_posix()}
