"""One typed value in one JSON file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset
from kedro.utils import load_obj

from finq_predictor.adapters.atomic_file import write_atomically
from finq_predictor.adapters.layout import how_to_make
from finq_predictor.adapters.typed_json import from_json, to_json
from finq_predictor.domain.errors import StoreError


class JsonValueDataset(AbstractDataset[Any, Any]):
    """Keeps a value of one type: what is loaded equals what was saved and has its type.

    The file is replaced in one step, and the same value gives the same bytes.

    Args:
        value: Path of the type, such as ``finq_predictor.domain.ingestion.provenance.Provenance``: a frozen dataclass
            or Pydantic model of the domain.
        filepath: The file.
        optional: Whether it may be absent; it is then loaded as None.
        made_by: Pipelines to name when the file is absent or was written by other code; guessed from the folder.
        metadata: For other tools, such as kedro-viz.
    """

    def __init__(
        self,
        *,
        value: str,
        filepath: str,
        optional: bool = False,
        made_by: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._kind: type[Any] = load_obj(value)
        self._path = Path(filepath)
        self._optional = optional
        self._advice = how_to_make(self._path, made_by)
        self.metadata = metadata
        self.preview = _preview(self._path)

    def save(self, data: Any) -> None:
        """Replace the file.

        Raises:
            StoreError: If the value is of another type, or holds something that JSON cannot say.
        """
        if not isinstance(data, self._kind):
            raise StoreError(
                f"{self._path} keeps {self._kind.__name__}, not {type(data).__name__}; "
                "let the node return one, or correct the catalog."
            )
        text = to_json(data)

        def write(temporary: Path) -> None:
            temporary.write_text(text, encoding="utf-8")

        write_atomically(self._path, write)

    def load(self) -> Any:
        """Read the value.

        Returns:
            The value; None if there is none and it is optional.

        Raises:
            StoreError: If there is no such file, or a field is missing, unknown or of another type.
        """
        if not self._path.is_file():
            if self._optional:
                return None
            raise StoreError(f"There is no file {self._path}. {self._advice}")
        advice = f"It was written by other code or changed by hand. {self._advice}"
        return from_json(self._kind, self._path.read_bytes(), self._path, advice)

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._path.as_posix(), "value": self._kind.__name__}


def _preview(path: Path) -> Callable[[], Any]:
    """What kedro-viz shows of the file; it is Kedro's own JSON dataset that knows how."""
    from kedro_datasets.json import JSONDataset

    preview: Callable[[], Any] = JSONDataset(filepath=path.as_posix()).preview
    return preview
