"""A page or other text for people and machines, replaced in one step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from finq_predictor.adapters.atomic_file import write_atomically
from finq_predictor.domain.errors import StoreError


class HtmlDataset(AbstractDataset[str, str]):
    """UTF-8 text in one file; a killed run leaves the old file whole.

    Args:
        filepath: The file.
        metadata: Free to use, such as the layer for kedro-viz.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self.path = Path(filepath)
        self.metadata = metadata

    def save(self, data: str) -> None:
        """Replace the file."""

        def write(temporary: Path) -> None:
            temporary.write_text(data, encoding="utf-8")

        write_atomically(self.path, write)

    def load(self) -> str:
        """Read the file.

        Raises:
            StoreError: If it has not been written yet.
        """
        if not self.path.is_file():
            raise StoreError(f"There is no file {self.path}; run the pipeline that writes it.")
        return self.path.read_text(encoding="utf-8")

    def _exists(self) -> bool:
        return self.path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self.path)}
