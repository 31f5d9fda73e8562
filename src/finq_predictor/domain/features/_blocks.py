"""How the values of features are computed: block by block of instruments, on several processors, into one table.

What is computed on the way has the size of a block, which the processor's cache holds, and not of the panel. Features
that compare instruments need them all at once: each is a piece of work of its own. No value depends on how the work is
cut or on who does it, for no feature adds across bars what a block would cut, and no two pieces write the same cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from finq_predictor.domain.arrays import Positions
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._registry import FeatureSpec
from finq_predictor.domain.panel import CROSS_SECTION, Panel

Values = np.ndarray[Any, np.dtype[Any]]
"""One row per feature, one column per wanted cell; float32 or float64."""
CELLS = 1 << 17
"""Cells of a block: a megabyte a matrix."""
LANES = 8
"""Blocks are multiples of it wide, so that the innermost loop has no rest."""
SMALL = 1 << 14
"""Fewer cells than this are sooner computed than handed out."""


def fill_columns(
    panel: Panel,
    first: int,
    specs: Sequence[FeatureSpec],
    row: Positions,
    column: Positions,
    values: Values,
    *,
    threads: int,
) -> None:
    """Compute features at chosen cells.

    Args:
        panel: The bars that decide them.
        first: Row of the first cell.
        specs: The features.
        row: Row of each cell, not decreasing.
        column: Column of each cell.
        values: Is filled: a row per feature, a column per cell; NaN where a feature is not known, never infinite.
        threads: How many compute at once.
    """
    numbered = list(enumerate(specs))
    alone = [(number, spec) for number, spec in numbered if CROSS_SECTION not in spec.inputs]
    together = [(number, spec) for number, spec in numbered if CROSS_SECTION in spec.inputs]
    work: list[Callable[[], None]] = []
    if together:
        everything, everywhere = Bars(panel, first), np.arange(len(row))
        work += [partial(_fill, everything, [one], row, column, everywhere, values) for one in together]
    if alone:
        for start, stop in _blocks(panel, threads):
            place = np.flatnonzero((column >= start) & (column < stop))
            work.append(partial(_fill_block, panel, first, alone, row, column, place, values, start, stop))
    if threads == 1 or len(work) == 1:
        for piece in work:
            piece()
        return
    # The costly pieces of the comparing features come first, the even blocks fill up what is left.
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(piece) for piece in work]:
            done.result()


def _blocks(panel: Panel, threads: int) -> Iterator[tuple[int, int]]:
    rows, columns = len(panel.ts), len(panel.instruments)
    width = max(LANES, CELLS // rows)
    if rows * columns >= SMALL:
        width = min(width, -(-columns // threads))
    width = -(-width // LANES) * LANES
    for start in range(0, columns, width):
        yield start, min(start + width, columns)


def _fill_block(
    panel: Panel,
    first: int,
    specs: Sequence[tuple[int, FeatureSpec]],
    row: Positions,
    column: Positions,
    place: Positions,
    values: Values,
    start: int,
    stop: int,
) -> None:
    if len(place):
        _fill(Bars(panel.columns(start, stop), first), specs, row[place], column[place] - start, place, values)


def _fill(
    bars: Bars,
    specs: Sequence[tuple[int, FeatureSpec]],
    row: Positions,
    column: Positions,
    place: Positions,
    values: Values,
) -> None:
    from finq_predictor.domain.features._kernels import pick, pick_shared

    # What warns is set per thread.
    with np.errstate(all="ignore"):
        for number, spec in specs:
            matrix = np.require(spec.compute(bars), np.float64, ["C", "W"])
            if matrix.shape[1] == 1:
                pick_shared(matrix, row, place, values[number])
            else:
                pick(matrix, row, column, place, values[number])
