"""How a panel is cut: into blocks of instruments, and into slices of time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

FEATURE = 4
"""Bytes of a value of a feature."""
CELL = 8
"""Bytes of a value of the panel."""
MB = 1_000_000


@dataclass(frozen=True)
class Cut:
    """What is one task of each stage.

    Attributes:
        blocks: Instruments of each block, from and up to, as positions in the panel.
        slices: Bars of each slice, from and up to, as positions in the panel.
    """

    blocks: tuple[tuple[int, int], ...]
    slices: tuple[tuple[int, int], ...]


def cut(bars: int, instruments: int, features: int, fields: int, task_mb: int) -> Cut:
    """Cut so that what a task holds of features, and of bars, stays within a bound.

    A block has all bars of some instruments, a slice some bars of all instruments. A bar of one instrument is the least
    that a task can be of.

    Args:
        bars: Bars of the panel.
        instruments: Instruments of the panel.
        features: Features that are computed.
        fields: Matrices that the panel has.
        task_mb: Most megabytes.
    """
    cell = max(features * FEATURE, fields * CELL, 1)
    width = max(1, task_mb * MB // (cell * max(1, bars)))
    length = max(1, task_mb * MB // (cell * max(1, instruments)))
    return Cut(_pieces(instruments, width), _pieces(bars, length))


def _pieces(size: int, most: int) -> tuple[tuple[int, int], ...]:
    """Pieces of nearly equal size, none larger than the most: the last one is not left with a rest."""
    count = max(1, -(-size // most))
    edges = [size * number // count for number in range(count + 1)]
    return tuple((start, stop) for start, stop in pairwise(edges) if stop > start)
