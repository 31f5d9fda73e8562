"""A table that is no frame."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class StoredTable(ABC):
    """Stands for a table that is too large for one frame, and lies somewhere in parts.

    Attributes:
        rows: Rows of all parts.
        last: The last time of the table; None where it has no row.
    """

    rows: int
    last: pd.Timestamp | None

    @abstractmethod
    def parts(self) -> Iterator[pd.DataFrame]:
        """The table part by part, in the order of time."""
