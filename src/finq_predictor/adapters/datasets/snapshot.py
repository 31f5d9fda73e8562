"""A dataset whose versions are kept, and which belongs to the snapshot of its market."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset
from kedro.io.core import parse_dataset_definition

from finq_predictor.adapters.datasets.json_value import JsonValueDataset
from finq_predictor.adapters.layout import locate
from finq_predictor.adapters.secrets import masked
from finq_predictor.adapters.snapshots import writer
from finq_predictor.adapters.snapshots.manifest import Entry
from finq_predictor.adapters.snapshots.member import SnapshotMember
from finq_predictor.adapters.snapshots.store import Snapshot
from finq_predictor.domain.columns import KNOWN_AT, TS
from finq_predictor.domain.tables.stored import StoredTable


class SnapshotDataset(SnapshotMember, AbstractDataset[Any, Any]):
    """Wraps any dataset that keeps its data in one local file or folder.

    Saving writes another version beside those that are there. Within a run it is published with everything else of its
    layer, else at once. Loading reads the version of the snapshot that the run began with, or the run's own; outside of
    a run, that of the newest snapshot. The same data give the same version.

    Args:
        filepath: Place of the dataset as the layout has it; its versions lie in the folder of that name.
        dataset: Type of the wrapped dataset, or its whole definition but for the file path.
        value: Instead of ``dataset``: path of the type of a value that is kept as JSON.
        optional: Whether it may be absent; it is then loaded as None.
        metadata: For other tools, such as kedro-viz.
    """

    def __init__(
        self,
        *,
        filepath: str,
        dataset: str | dict[str, Any] | None = None,
        value: str | None = None,
        optional: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if value is not None:
            dataset = {"type": JsonValueDataset, "value": value}
        definition = dict(dataset) if isinstance(dataset, dict) else {"type": dataset}
        self._type, self._options = parse_dataset_definition(definition)
        self.place, self.where, self._optional = Path(filepath), locate(Path(filepath)), optional
        self.metadata = metadata
        if hasattr(self._type, "preview"):
            self.preview = self._preview

    @property
    def path(self) -> Path:
        """Where the version lies that is read now.

        Raises:
            StoreError: If it was never stored; names the pipeline which makes it.
        """
        return self._view.path(self.where.dataset)

    def load(self) -> Any:
        """Read it through the wrapped dataset.

        Raises:
            StoreError: If it was never stored; names the pipeline which makes it.
        """
        if self._optional and not self._exists():
            return None
        return self._at(self.path).load()

    def save(self, data: Any) -> None:
        """Keep a version."""
        rows, known_until = _extent(data)
        writer.store(self.where, lambda path: self._at(path).save(data), rows=rows, known_until=known_until)

    def save_below(self, root: Path, data: Any) -> Entry:
        """Keep a version below another folder of data, as it would be kept below this one."""
        rows, known_until = _extent(data)
        where = self.where._replace(root=root)
        return writer.store(where, lambda path: self._at(path).save(data), rows=rows, known_until=known_until)

    @property
    def _view(self) -> Snapshot:
        return writer.view(self.where.root, self.where.market)

    def _at(self, path: Path) -> AbstractDataset[Any, Any]:
        return self._type(**{**self._options, "filepath": path.as_posix()})

    def _preview(self, *args: Any, **kwargs: Any) -> Any:
        return self._at(self.path).preview(*args, **kwargs)  # type: ignore[attr-defined]  # it has one, or this has none

    def _exists(self) -> bool:
        return self._view.has(self.where.dataset)

    def _describe(self) -> dict[str, Any]:
        options = {**self._options, "dataset": self._type.__name__}
        return masked({"filepath": self.place.as_posix(), **options})


def _extent(data: Any) -> tuple[int | None, str | None]:
    """Rows of a table, and the latest known time in it."""
    if isinstance(data, StoredTable):
        return data.rows, None if data.last is None else data.last.isoformat()
    if not isinstance(data, pd.DataFrame):
        return None, None
    for name in (KNOWN_AT, TS):
        # What was rejected is kept as it came, and its times may be text.
        if name in data and isinstance(data[name].dtype, pd.DatetimeTZDtype) and data[name].notna().any():
            return len(data), data[name].max().isoformat()
    return len(data), None
