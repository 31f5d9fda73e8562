"""A file dataset that is replaced in one step, so that a killed run leaves the old file whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset
from kedro.io.core import parse_dataset_definition

from finq_predictor.adapters.atomic_file import write_atomically
from finq_predictor.adapters.layout import how_to_make
from finq_predictor.adapters.secrets import masked
from finq_predictor.domain.errors import StoreError


class AtomicDataset(AbstractDataset[Any, Any]):
    """Wraps any dataset of kedro-datasets that keeps its data in one local file.

    It saves under a temporary name in the same folder, flushes to disk and renames; loading is left to the wrapped
    dataset. The same frame gives the same bytes, because nothing of the moment is written.

    Args:
        dataset: Type of the wrapped dataset, or its whole definition but for the file path.
        filepath: The file.
        made_by: Pipelines to name when the file is absent; guessed from the folder of the layer.
        metadata: For other tools, such as kedro-viz.
    """

    def __init__(
        self,
        dataset: str | dict[str, Any],
        filepath: str,
        made_by: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        definition = {"type": dataset} if isinstance(dataset, str) else dict(dataset)
        self._type, self._options = parse_dataset_definition(definition)
        self._path = Path(filepath)
        self._advice = how_to_make(self._path, made_by)
        self.metadata = metadata
        inner = self._at(self._path)
        if hasattr(inner, "preview"):
            self.preview = inner.preview

    def load(self) -> Any:
        """Read the file through the wrapped dataset.

        Raises:
            StoreError: If there is no such file; names the pipeline which makes it.
        """
        if not self._path.exists():
            raise StoreError(f"There is no file {self._path}. {self._advice}")
        return self._at(self._path).load()

    def save(self, data: Any) -> None:
        """Write the data under a temporary name, then replace the file."""
        write_atomically(self._path, lambda temporary: self._at(temporary).save(data))

    def _at(self, path: Path) -> AbstractDataset[Any, Any]:
        return self._type(**{**self._options, "filepath": path.as_posix()})

    def _exists(self) -> bool:
        return self._path.exists()

    def _describe(self) -> dict[str, Any]:
        return masked({"filepath": self._path.as_posix(), "dataset": self._type.__name__, **self._options})
