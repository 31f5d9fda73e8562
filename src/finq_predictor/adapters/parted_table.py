"""A table that is too large for one frame: a folder of Parquet files, each of some bars, in order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from finq_predictor.adapters.atomic_file import write_atomically
from finq_predictor.domain.columns import INSTRUMENT
from finq_predictor.domain.tables.stored import StoredTable


@dataclass(frozen=True)
class PartedTable(StoredTable):
    """Stands for a table whose parts lie in a folder.

    Attributes:
        folder: The folder; whoever stores the table moves the parts out of it.
        rows: Rows of all parts.
        last: The last time of the table.
    """

    folder: Path
    rows: int
    last: pd.Timestamp | None

    def files(self) -> list[Path]:
        """The parts, in the order of time."""
        return sorted(self.folder.glob("part-*.parquet"))

    def parts(self) -> Iterator[pd.DataFrame]:
        """The table part by part."""
        yield from map(pd.read_parquet, self.files())

    def move_to(self, folder: Path) -> None:
        """Move the parts into another folder of the same disk, which is made."""
        folder.mkdir()
        for file in self.files():
            os.replace(file, folder / file.name)


def part_file(folder: Path, number: int) -> Path:
    """The file of a part."""
    return folder / f"part-{number:05d}.parquet"


def write_part(file: Path, frame: pd.DataFrame) -> None:
    """Write one part; what is written twice, as by a task that is tried again, is the same and is there whole."""

    def write(temporary: Path) -> None:
        # Numbers that hardly repeat: a dictionary of them is work for nothing.
        frame.to_parquet(temporary, index=False, compression="lz4", use_dictionary=[INSTRUMENT])

    write_atomically(file, write)
