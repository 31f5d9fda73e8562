"""What the catalog tells and nobody stores."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from kedro.io import AbstractDataset, DatasetError

T = TypeVar("T")


class ReadOnlyDataset(AbstractDataset[None, T]):
    """Base of the datasets that can be loaded only.

    Attributes:
        refusal: Why it cannot be saved and what to do, said to whoever tries.
    """

    refusal: ClassVar[str]

    def save(self, data: None) -> None:  # noqa: ARG002 - the interface of Kedro
        """Refuse."""
        raise DatasetError(self.refusal)
