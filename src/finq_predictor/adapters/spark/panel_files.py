"""A panel as files that every worker sees: a block of instruments is one file, of which any span of time is read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from finq_predictor.adapters.spark.cutting import Cut
from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.panel import Panel


@dataclass(frozen=True)
class PanelFiles:
    """Where a panel lies, and what it is small enough to carry along.

    Attributes:
        folder: The folder of the blocks.
        market: Name of the market.
        ts: All bars.
        instruments: All instruments.
        wide: Names of the fields that differ between instruments, in the order of the files.
        shared: The fields that are the same for all instruments, (T, 1).
        blocks: Instruments of each file.
    """

    folder: Path
    market: str
    ts: pd.DatetimeIndex
    instruments: tuple[str, ...]
    wide: tuple[str, ...]
    shared: dict[str, Matrix]
    blocks: tuple[tuple[int, int], ...]

    def block(self, number: int) -> Panel:
        """All bars of the instruments of a block."""
        start, stop = self.blocks[number]
        fields = dict(zip(self.wide, np.array(self._open(number)), strict=True))
        return Panel(self.market, self.ts, self.instruments[start:stop], {**fields, **self.shared})

    def span(self, start: int, stop: int, inputs: Collection[str]) -> Panel:
        """Some bars of all instruments, with the fields that are read and those which say who is asked about.

        Args:
            start: Position of the first bar.
            stop: Position after the last one.
            inputs: Fields that features read; what describes a field (``name.part``) comes along.
        """
        names = [name for name in self.wide if name.partition(".")[0] in inputs]
        fields = {name: np.empty((stop - start, len(self.instruments))) for name in names}
        for number, (left, right) in enumerate(self.blocks):
            matrices = self._open(number)
            for name, matrix in fields.items():
                matrix[:, left:right] = matrices[self.wide.index(name), start:stop]
        shared = {name: values[start:stop] for name, values in self.shared.items()}
        return Panel(self.market, self.ts[start:stop], self.instruments, {**fields, **shared})

    def _open(self, number: int) -> np.ndarray:
        file = block_file(self.folder, number)
        try:
            opened: np.ndarray = np.load(file, mmap_mode="r")
        except OSError as error:
            raise StoreError(
                f"A worker of Spark cannot read {file}: {error}. Driver and workers need the same folder of the data "
                "under the same path, such as a network file system; give its path as data_root."
            ) from error
        return opened


def write_panel(panel: Panel, cut: Cut, folder: Path) -> PanelFiles:
    """Write a panel for workers.

    Args:
        panel: The panel.
        cut: Its blocks.
        folder: An empty folder that every worker sees under the same path.
    """
    wide = tuple(name for name, values in panel.fields.items() if values.shape[1] == len(panel.instruments))
    shared = {name: values for name, values in panel.fields.items() if name not in wide}
    for number, (start, stop) in enumerate(cut.blocks):
        shape = (len(wide), len(panel.ts), stop - start)
        block = np.lib.format.open_memmap(block_file(folder, number), mode="w+", dtype=np.float64, shape=shape)
        for place, name in enumerate(wide):
            block[place] = panel.fields[name][:, start:stop]
        block.flush()
    return PanelFiles(folder.resolve(), panel.market, panel.ts, panel.instruments, wide, shared, cut.blocks)


def block_file(folder: Path, number: int) -> Path:
    """The file of a block."""
    return folder / f"block-{number:05d}.npy"
