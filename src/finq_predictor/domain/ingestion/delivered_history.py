"""One instrument's bars and actions as delivered, and what was found wrong in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from finq_predictor.domain.arrays import Positions, Vector

PRICES = ("open", "high", "low", "close", "adj_close")
DIVIDEND_COLUMN = "dividend"


@dataclass(frozen=True)
class Action:
    """A split or dividend beside the bars.

    Attributes:
        bar: Position of the first bar on or after its ex-date; the number of bars where none is.
        value: As in ``SILVER_ACTIONS``.
        known: When it was known, microseconds since 1970.
    """

    bar: int
    value: float
    known: int


@dataclass(frozen=True)
class History:
    """Bars of one instrument, ascending, all with a close above 0.

    Attributes:
        values: (n,) numbers by column.
        known: (n,) when each bar was known, microseconds since 1970.
        splits: Ascending.
        dividends: Ascending, each with a bar before and on it.
    """

    values: dict[str, Vector]
    known: Positions
    splits: Sequence[Action]
    dividends: Sequence[Action]

    def __len__(self) -> int:
        """Number of bars."""
        return len(self.known)


@dataclass(frozen=True)
class Finding:
    """What is wrong, and what would put it right.

    Attributes:
        kind: ``unit``, ``split``, ``dividend`` or ``adjustment``.
        rows: (k,) positions of bars.
        factors: By column what its values there are multiplied by; NaN doubts them without knowing better.
        known: When the last row that it needs was known, microseconds since 1970.
        reason: Why.
    """

    kind: str
    rows: Positions
    factors: dict[str, float]
    known: int
    reason: str


def doubt(kind: str, row: int, column: str, known: int, reason: str) -> Finding:
    """A value that is probably wrong, while nobody can tell the right one."""
    return Finding(kind, np.array([row], dtype=np.intp), {column: float("nan")}, known, reason)


def repaired(history: History, findings: Iterable[Finding], until: int) -> History:
    """The history with what was found and known by a time put right; doubts change nothing."""
    known = [finding for finding in findings if finding.known <= until]
    if not known:
        return history
    values = {name: column.copy() for name, column in history.values.items()}
    for finding in known:
        for column, factor in finding.factors.items():
            if column in values and np.isfinite(factor):
                values[column][finding.rows] *= factor
    return replace(history, values=values)
